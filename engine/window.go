package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// Openings tells when a window is open. As with DueTimes, times of day are what
// the clock of its zone has reached: a time that the clock skips is the first
// instant after the gap, and of a time that it shows twice the first counts. So
// a window opens once, and one that lies in a gap does not open that day.
// Openings may be used by several goroutines.
type Openings struct {
	zone   *time.Location
	start  int64 // seconds since midnight
	length int64 // seconds, a day at most
	days   [7]bool
	except []int64 // sorted numbers of days since 1970-01-01
}

// NewOpenings gives the openings of a window.
func NewOpenings(w *schema.Window) *Openings {
	o := &Openings{zone: w.Zone, start: int64(w.Start / time.Second), length: int64((w.End - w.Start) / time.Second), days: w.Days}
	if o.length <= 0 {
		o.length += secondsPerDay
	}
	for _, d := range w.Except {
		o.except = append(o.except, d.Unix()/secondsPerDay)
	}
	return o
}

// At tells whether the window is open at now, and until when that stays so.
// until is zero where it never closes.
func (o *Openings) At(now time.Time) (open bool, until time.Time) {
	at := now.Unix()
	for {
		s := spanAt(at, o.zone)
		latest := reached(at, s, o.zone)
		end, opened := o.closing(latest)
		switch {
		case at == now.Unix():
			open = opened
		case opened != open: // else a gap has brought the clock into the next opening, or past it
			return open, time.Unix(at, 0).In(o.zone)
		}
		next := end
		if !opened {
			next = o.opening(latest)
		}
		if next == never {
			return open, time.Time{}
		}
		at, _ = reaches(next, s, o.zone)
	}
}

// never is the time that no clock reaches.
const never = math.MaxInt64

// opens tells whether the window opens on a day.
func (o *Openings) opens(day int64) bool {
	const thursday = 4 // 1970-01-01
	if !o.days[(day%7+7+thursday)%7] {
		return false
	}
	_, not := slices.BinarySearch(o.except, day)
	return !not
}

// closing finds the end of the opening in which a wall-clock time lies. The
// times are in seconds as if the clock showed UTC. Openings that follow each
// other without a break are one.
func (o *Openings) closing(wall int64) (end int64, open bool) {
	day := floorDiv(wall-o.start, secondsPerDay)
	if !o.opens(day) || wall-o.start-day*secondsPerDay >= o.length {
		return 0, false
	}
	if o.length < secondsPerDay {
		return day*secondsPerDay + o.start + o.length, true
	}
	if o.days == [7]bool{true, true, true, true, true, true, true} {
		i, _ := slices.BinarySearch(o.except, day)
		if i == len(o.except) {
			return never, true
		}
		return o.except[i]*secondsPerDay + o.start, true
	}
	for o.opens(day) {
		day++
	}
	return day*secondsPerDay + o.start, true
}

// opening finds the first beginning of an opening that is later than a
// wall-clock time. There is one, since a window has a day and the dates that it
// leaves out end.
func (o *Openings) opening(wall int64) int64 {
	day := floorDiv(wall-o.start, secondsPerDay) + 1
	for !o.opens(day) {
		day++
	}
	return day*secondsPerDay + o.start
}

// Held is what keeps the deliveries of a job from being sent: its window, which
// is closed.
type Held struct {
	Window string    // its address
	Until  time.Time // in its zone
}

// HeldBack tells what holds the deliveries of a job at now; nil: nothing does.
func HeldBack(j *schema.Job, now time.Time) *Held {
	if j.Window == nil {
		return nil
	}
	open, until := NewOpenings(j.Window).At(now)
	if open {
		return nil
	}
	return &Held{Window: j.Window.Address, Until: until}
}

// HeldRun tells what holds back an open run, as its job was last applied; nil:
// nothing does, or deliveries of it are in flight.
func HeldRun(r RunSummary, now time.Time) *Held {
	if !r.Ended.IsZero() || len(r.Spec) == 0 || r.Outcomes[InFlight] > 0 {
		return nil
	}
	var attrs []Attr
	if json.Unmarshal(r.Spec, &attrs) != nil {
		return nil
	}
	return HeldBack(&schema.Job{Window: windowOf(attrs)}, now)
}

// Takes tells when what takes so long to send is done that begins at now. It is
// zero where that takes a thousand openings and more.
func (o *Openings) Takes(now time.Time, length time.Duration) time.Time {
	for range 2000 {
		open, until := o.At(now)
		switch {
		case !open:
		case until.IsZero() || !now.Add(length).After(until):
			return now.Add(length)
		default:
			length -= until.Sub(now)
		}
		now = until
	}
	return time.Time{}
}

// Windowed is what a plan sends of a job with a window.
type Windowed struct {
	Address string
	Hours   string // when it is open, for people
	Open    bool   // at the time of the plan
	Until   time.Time
	Targets []string  // of what fires, of what goes on, and of what a daemon has still to send
	Done    time.Time // when all of it is sent, at the rate of the PBX; zero: that has none, or it is far away
}

// Held is what holds it back; nil: nothing does.
func (w *Windowed) Held() *Held {
	if w == nil || w.Open {
		return nil
	}
	return &Held{Window: w.Address, Until: w.Until}
}

// window finds out what the window of the job has to do with what it sends, and
// with what is left of its open runs.
func (jp *JobPlan) window(open []Resumption, now time.Time) {
	w := jp.Job.Window
	if w == nil {
		return
	}
	var targets []string
	for _, r := range open {
		for _, d := range r.Deliveries {
			targets = append(targets, d.Target)
		}
	}
	if jp.Fire != nil {
		for _, d := range jp.Fire.Deliveries {
			targets = append(targets, d.Target)
		}
	}
	if len(targets) == 0 {
		return
	}
	o := NewOpenings(w)
	jp.Window = &Windowed{Address: w.Address, Hours: w.String(), Targets: targets}
	jp.Window.Open, jp.Window.Until = o.At(now)
	if rate := float64(jp.Job.PBX.RateLimit); rate > 0 {
		const year = 366 * 24 * time.Hour
		if takes := float64(len(targets)) / rate; takes < year.Seconds() {
			if done := o.Takes(now, time.Duration(takes*float64(time.Second))); !done.IsZero() {
				jp.Window.Done = done.In(w.Zone)
			}
		}
	}
}

// neverOpen warns of schedules that are due only while the window of their job is
// closed, as far as can be seen.
func (p *Plan) neverOpen() hcl.Diagnostics {
	type pair struct {
		window *schema.Window
		cron   string
		zone   string
		share  time.Duration
	}
	told := map[pair]bool{}
	var diags hcl.Diagnostics
	for _, jp := range p.Jobs {
		if jp.Job.Window == nil || !jp.Job.Enabled {
			continue
		}
		for _, t := range jp.Job.Triggers {
			t, ok := t.(*schema.ScheduleTrigger)
			if !ok {
				continue
			}
			times := NewDueTimes(t, jp.Address)
			key := pair{jp.Job.Window, t.Cron, times.zone.String(), times.share}
			if told[key] {
				continue
			}
			told[key] = true
			first, until, ever := times.everWithin(NewOpenings(jp.Job.Window), p.Now)
			if ever {
				continue
			}
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagWarning, Summary: "Schedule outside of its window",
				Detail: fmt.Sprintf("%s is due only while %s is closed (it is open %s), next at %s. Its runs begin then and wait until it opens: that one until %s.",
					jp.Address, jp.Job.Window.Address, jp.Job.Window, first.At.Format(minuteForm), until.Format(minuteForm)),
				Subject: &t.DeclRange,
			})
		}
	}
	return diags
}

const minuteForm = "2006-01-02 15:04 MST"

// everWithin tells whether a schedule fires while a window is open, in so many of
// its openings to come. Otherwise it gives the next due time, and when the window
// opens after that.
func (d *DueTimes) everWithin(o *Openings, now time.Time) (first Due, until time.Time, ever bool) {
	const openings = 400 // a year's
	after := now
	for range openings {
		due := d.Next(after)
		if due.IsZero() {
			return first, until, first.IsZero()
		}
		open, next := o.At(due.Fires)
		if open {
			return first, until, true
		}
		if first.IsZero() {
			first, until = due, next
		}
		// Nothing fires within before it opens.
		if after = next.Add(-d.share - time.Second); !after.After(due.At) {
			after = due.At
		}
	}
	return first, until, false
}

// gate is a window as a lane asks for it, time and again.
type gate struct {
	window   *schema.Window
	openings *Openings
	open     bool
	from     time.Time // since when, as far as was looked; zero: not at all
	until    time.Time
}

func newGate(w *schema.Window) *gate { return &gate{window: w, openings: NewOpenings(w)} }

// at tells whether the window is open and until when. It goes by the clock on
// the wall, also where that was set back.
func (g *gate) at(now time.Time) (open bool, until time.Time) {
	now = now.Round(0) // without it, it is compared by the clock that is never set
	if g.from.IsZero() || now.Before(g.from) || !g.until.IsZero() && !now.Before(g.until) {
		g.from = now
		g.open, g.until = g.openings.At(now)
	}
	return g.open, g.until
}

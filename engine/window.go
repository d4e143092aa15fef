package engine

import (
	"math"
	"slices"
	"time"

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

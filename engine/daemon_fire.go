package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// decision is what one turn of the loop has decided, to be recorded at once.
type decision struct {
	Firings
	works   []*Work
	cancels []cancellation
	due     []time.Time // of each run, beside works
	unfired []unfired   // events that fire nothing after all

	// What was taken to decide this, to be put back if it cannot be recorded.
	taken     []Settled // schedules, with what was settled before
	arrivals  []arrival
	following map[string]*reread  // jobs that follow others, and were read again for that
	misses    map[missKey]*Missed // nil: none of those gathered are to be recorded yet
}

// unfired is an event that fires nothing after all.
type unfired struct {
	arrival
	reason MissedReason
	detail string
}

// maxFirings is how many schedules are decided in one transaction: the first
// are not to wait for the last.
const maxFirings = 2048

// fire decides what fires at now, and records it.
func (l *loop) fire(ctx context.Context, now time.Time) {
	if l.serving == nil || now.Before(l.hold) {
		return
	}
	for {
		a, t, ok := l.debounce.quiet(now, false)
		if !ok {
			break
		}
		l.takeVerdict(a, t, now)
	}
	l.record(ctx, now, false)
}

// fireSchedule settles the due times of a schedule trigger that have passed.
// r is what its job's data sources say now, nil if they have not been read for it.
func (l *loop) fireSchedule(d *decision, key TriggerKey, settled, now time.Time, r *reread) {
	t := l.serving.schedule(key)
	if t == nil {
		return
	}
	j := l.serving.Jobs[key.Job]
	times := NewDueTimes(t, j.Address)
	grace := t.Grace
	if e, ok := l.eased[key]; ok && !settled.Before(e.until) {
		delete(l.eased, key)
	} else if ok {
		grace += e.by
	}
	at := now
	if r != nil { // it was not late when its data began to be read
		at = r.since
	}
	s := times.Settle(settled, at, t.Missed, grace)
	switch {
	case r != nil && r.err != nil:
		l.unreadSchedule(d, key, t, settled, grace, r, now)
		return
	case r == nil && (l.awaitsData(key) || l.live(j) && l.wouldFire(j, t, s)):
		l.awaitData(key.Job).due(key, settled)
		return
	}
	d.taken = append(d.taken, Settled{key, settled})
	d.Settled = append(d.Settled, Settled{key, s.Settled})
	miss := func(reason MissedReason, r DueRange, detail string) {
		d.Missed = append(d.Missed, Missed{
			TriggerKey: key, Reason: reason, Count: r.N, First: r.First.At, Last: r.Last.At, Detail: detail, At: now,
		})
	}
	if s.Missed.N > 0 {
		miss(MissedLate, s.Missed, fmt.Sprintf("noticed %s after the last of them", at.Sub(s.Missed.Last.Fires).Round(time.Second)))
	}
	if s.Fire.IsZero() {
		return
	}
	one := DueRange{1, s.Fire, s.Fire}
	if p, ok := l.pauses[j.Address]; ok {
		miss(MissedPaused, one, p.Reason)
		return
	}
	open := l.open[j.Address]
	if len(open) > 0 {
		switch t.Overlap {
		case schema.OverlapSkip:
			miss(MissedOverlap, one, "the previous run is still open")
			return
		case schema.OverlapQueue:
			if len(open) > 1 {
				miss(MissedOverlap, one, "a run waits already for the end of the previous one")
				return
			}
		}
	}
	cause := Cause{
		Kind: "schedule", Detail: "due " + s.Fire.At.Format("2006-01-02 15:04:05 MST"), Trigger: key.Index,
		Fired: &schema.Fired{Kind: "schedule", Due: s.Fire.At},
	}
	waits := len(open) > 0
	w, err := l.start(d, j, r, cause, s.Fire.Fires, now)
	switch {
	case errors.Is(err, errGone):
		miss(MissedGone, one, err.Error())
	case err != nil:
		miss(MissedRefused, one, err.Error())
	case waits && t.Overlap == schema.OverlapQueue:
		w.Queued = true
	case waits && t.Overlap == schema.OverlapCancelPrevious:
		d.cancels = append(d.cancels, cancellation{j.Address, w.ID, supersededReason})
	}
}

// wouldFire tells whether a settlement fires a job, as things are.
func (l *loop) wouldFire(j *schema.Job, t *schema.ScheduleTrigger, s Settlement) bool {
	if _, paused := l.pauses[j.Address]; paused || s.Fire.IsZero() {
		return false
	}
	open := len(l.open[j.Address])
	return open == 0 || t.Overlap == schema.OverlapCancelPrevious || t.Overlap == schema.OverlapQueue && open == 1
}

// start makes a run of a job, as it is with what was read for it, if that is there.
// The error says why there is nothing that could be sent.
func (l *loop) start(d *decision, j *schema.Job, r *reread, cause Cause, due, now time.Time) (*Work, error) {
	prep := l.serving.prep[j.Address]
	if r != nil {
		if r.gone() {
			return nil, errGone
		}
		j, prep = r.now, r.prep
	}
	if j.UsesTrigger() {
		var err error
		if j, prep, err = prepareFired(j, *cause.Fired); err != nil {
			return nil, err
		}
	}
	run, w := newRun(j, prep, cause, l.serving.followers[j.Address], now)
	d.Runs = append(d.Runs, run)
	d.works = append(d.works, w)
	d.due = append(d.due, due)
	if len(w.Deliveries) > 0 {
		l.opened(j.Address, w.ID)
	}
	return w, nil
}

func (l *loop) opened(job, run string) {
	if l.open[job] == nil {
		l.open[job] = map[string]bool{}
	}
	l.open[job][run] = true
}

// toRead tells whether what the job of an event depends on is to be read first.
func (l *loop) toRead(a arrival) bool {
	_, paused := l.pauses[a.key.Job]
	return l.serving.event(a.key) != nil && l.live(l.serving.Jobs[a.key.Job]) && !paused && a.depth <= maxDepth
}

// fireEvent fires a job for an event, as it is with what was read for it, if that
// is there.
func (l *loop) fireEvent(d *decision, a arrival, now time.Time, r *reread) {
	if l.serving.event(a.key) == nil {
		return // the trigger is no more
	}
	j := l.serving.Jobs[a.key.Job]
	if p, ok := l.pauses[j.Address]; ok {
		d.unfired = append(d.unfired, unfired{a, MissedPaused, p.Reason})
		return
	}
	if a.depth > maxDepth {
		d.unfired = append(d.unfired, unfired{a, MissedDepth, fmt.Sprintf("events of our own have led to it %d times, the last of them that of run %s", a.depth, a.run)})
		return
	}
	if r != nil && r.err != nil {
		d.unfired = append(d.unfired, unfired{a, MissedUnread, r.err.Error()})
		return
	}
	cause := Cause{
		Kind: "event", Detail: a.detail, Trigger: a.key.Index, Depth: a.depth,
		Fired: &schema.Fired{Kind: "event", Event: j.HeadersUsed(a.headers)},
	}
	switch _, err := l.start(d, j, r, cause, a.at, now); {
	case errors.Is(err, errGone):
		d.unfired = append(d.unfired, unfired{a, MissedGone, err.Error()})
	case err != nil:
		d.unfired = append(d.unfired, unfired{a, MissedRefused, err.Error()})
	}
}

// fireFollowing fires the after triggers that are owed the end of runs.
func (l *loop) fireFollowing(ctx context.Context, d *decision, now time.Time) {
	l.owed = false
	owed, err := l.Ledger.Owed(ctx)
	if err != nil {
		l.owed, l.owedWake = false, now.Add(commitAgain)
		l.failed("cannot read what after triggers are owed; it is tried again", err)
		return
	}
	fire, off, wake := l.serving.follow(owed, now)
	l.owedWake = wake
	d.Paid = append(d.Paid, off...)
	for _, debt := range off {
		l.Log.Info("a run has ended otherwise than a job waits for, or the job waits no more", "run", debt.Run, "job", debt.Follower.Job)
	}
	for _, f := range fire {
		j := l.serving.Jobs[f.key.Job]
		miss := func(reason MissedReason, detail string) {
			d.Missed = append(d.Missed, Missed{TriggerKey: f.key, Reason: reason, Count: 1, First: f.due, Last: f.due, Detail: detail, At: now})
		}
		r := d.following[j.Address]
		if r != nil && r.since.Before(f.due) {
			r = nil // it was read for a run before
		}
		at := now
		if r != nil {
			at = r.since
		}
		pause, paused := l.pauses[j.Address]
		grace := l.serving.after(f.key).Grace
		if l.live(j) && !paused && (r == nil || r.err != nil) {
			if w := l.reading[j.Address]; r == nil && w != nil && w.after && !w.since.Before(f.due) {
				continue // however long it takes
			}
			if now.Sub(f.due) < grace {
				w := l.awaitData(j.Address)
				w.after = true
				if r != nil {
					w.fails(r, now)
				}
				continue
			}
		}
		d.Paid = append(d.Paid, f.paid...)
		if paused {
			miss(MissedPaused, pause.Reason)
			continue
		}
		failed := error(nil)
		if r != nil {
			failed = r.err
		} else if w := l.awaiting[j.Address]; w != nil && w.after {
			failed = w.failed
		}
		if failed != nil {
			miss(MissedUnread, failed.Error())
			continue
		}
		if late := at.Sub(f.due); late >= grace {
			miss(MissedLate, fmt.Sprintf("noticed %s after it should have followed run %s of %s", late.Round(time.Second), f.last.Run, f.last.Job))
			continue
		}
		_, err := l.start(d, j, r, Cause{
			Kind: "after", Detail: fmt.Sprintf("%s, run %s", f.last.Job, f.last.Run), Trigger: f.key.Index, Depth: f.depth,
			Fired: &schema.Fired{Kind: "after", Job: f.last.Job, Run: f.last.Run},
		}, f.due, now)
		switch {
		case errors.Is(err, errGone):
			miss(MissedGone, err.Error())
		case err != nil:
			miss(MissedRefused, err.Error())
		}
	}
}

// ended takes the end of a run that is on record.
func (l *loop) ended(r *RunReport, now time.Time) {
	job := l.jobOf(r)
	delete(l.open[job], r.ID)
	if len(l.open[job]) == 0 {
		delete(l.open, job)
	}
	l.release(r.ID)
	if l.serving != nil && len(l.serving.followers[job]) > 0 {
		l.owed = true
	}
	l.Log.Info("run ended", "run", r.ID, "job", r.Job, "pbx", r.PBX, "cause", r.Cause.Kind, "outcomes", r.Outcomes, "took", now.Sub(r.Created).Round(time.Millisecond).String())
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// record decides and records. At the end of the daemon, only what has come
// before: no schedule fires any more.
func (l *loop) record(ctx context.Context, now time.Time, last bool) {
	if l.serving == nil {
		return
	}
	d := &decision{Firings: Firings{Base: l.seen, Time: now}, following: map[string]*reread{}}
	if !last {
		l.takeReady(d, now)
		for key, due := range l.table.Fire(now) {
			l.fireSchedule(d, key, due.At.Add(-time.Second), now, nil)
			if len(d.taken) == maxFirings {
				break
			}
		}
	}
	arrivals := l.arrivals
	l.arrivals = nil
	for _, a := range arrivals {
		switch {
		case !l.toRead(a):
			d.arrivals = append(d.arrivals, a)
			l.fireEvent(d, a, now, nil)
		case last:
			l.miss(a, MissedUnread, unreadAtEnd, now)
		default:
			w := l.awaitData(a.key.Job)
			w.arrivals = append(w.arrivals, a)
		}
	}
	if !last && (l.owed || !l.owedWake.IsZero() && !l.owedWake.After(now)) {
		l.fireFollowing(ctx, d, now)
	}
	if !last {
		l.readData(now)
	}
	if last { // nothing comes after this
		for _, u := range d.unfired {
			l.miss(u.arrival, u.reason, u.detail, now)
		}
		d.unfired = nil
	}
	if len(l.misses) > 0 && (last || !l.missDue.After(now)) {
		for _, m := range l.misses {
			m.At = now
			d.Missed = append(d.Missed, *m)
		}
		d.misses, l.misses = l.misses, map[missKey]*Missed{}
	}
	if now.Sub(l.noted) >= noteEvery || last {
		l.noteListened(d, now)
	}
	if len(d.Runs)+len(d.Settled)+len(d.Missed)+len(d.Paid)+len(d.Listened) == 0 {
		l.fired(d, last)
		return
	}
	start := time.Now()
	err := l.Ledger.Fire(ctx, d.Firings)
	l.observer.Wrote(time.Since(start), err)
	if err != nil {
		l.putBack(d, err, now)
		return
	}
	clear(l.failures)
	if l.failing {
		l.failing = false
		l.Log.Info("the state can be written again; firing goes on")
	}
	l.fired(d, last)
}

// fired hands over what is on record.
func (l *loop) fired(d *decision, last bool) {
	for _, c := range d.cancels {
		if lane := l.lanes[l.serving.Jobs[c.job].PBX.Address]; lane != nil && lane.driver != nil {
			lane.driver.report(event{cancel: &c})
		}
	}
	works := map[string][]*Work{}
	for i, w := range d.works {
		delete(l.silent, TriggerKey{w.RunHeader.Job, w.Cause.Trigger})
		l.observer.Fired(w.RunHeader.Job, w.Cause.Kind, time.Since(d.due[i]))
		if len(w.Deliveries) == 0 {
			l.ended(&RunReport{RunHeader: w.RunHeader}, d.Time) // it has ended as soon as it is there
			continue
		}
		works[w.PBX] = append(works[w.PBX], w)
	}
	for _, u := range d.unfired {
		l.miss(u.arrival, u.reason, u.detail, d.Time)
	}
	for _, m := range d.Missed {
		l.observer.NotFired(m.Job, m.Reason, m.Count)
		if m.Job != "" { // what a PBX may have had was said when it was noticed
			l.Log.Log(context.Background(), l.unfired(m), "not fired", "job", m.Job, "reason", string(m.Reason), "count", m.Count, "detail", m.Detail)
		}
	}
	if last {
		return // they are open, and go on at the next start
	}
	for pbx, ws := range works {
		l.drive(pbx, ws)
	}
}

// unfired is the level at which it is logged that a trigger did not fire: what goes
// on, due time after due time, is said once until it fires. All of it is on record.
func (l *loop) unfired(m Missed) slog.Level {
	if m.Reason == MissedThrottled || l.silent[m.TriggerKey] == m.Reason {
		return slog.LevelDebug // to throttle is what the configuration asks for
	}
	l.silent[m.TriggerKey] = m.Reason
	return slog.LevelWarn
}

// failed logs what fails for all PBXs and time and again, once until the state can
// be written.
func (l *loop) failed(what string, err error) {
	if text := err.Error(); l.failures[what] != text {
		l.failures[what] = text
		l.Log.Error(what, "error", err)
	}
}

// putBack restores what a decision has taken. It is decided anew, at the latest
// when a second has passed.
func (l *loop) putBack(d *decision, err error, now time.Time) {
	for _, s := range d.taken {
		if t := l.serving.schedule(s.TriggerKey); t != nil {
			l.table.Set(s.TriggerKey, NewDueTimes(t, s.Job), s.Until)
		}
	}
	l.arrivals = append(d.arrivals, l.arrivals...)
	if d.misses != nil {
		for _, m := range l.misses { // gathered meanwhile
			add(d.misses, *m)
		}
		l.misses = d.misses
	}
	for _, w := range d.works {
		delete(l.open[w.RunHeader.Job], w.ID)
	}
	l.owed = true
	if errors.Is(err, ErrStale) {
		l.mu.Lock()
		l.version = Version{} // the configuration has changed: go by the new one first
		l.mu.Unlock()
		l.hold = now.Add(followEvery)
		return
	}
	l.hold = now.Add(commitAgain)
	if !l.failing {
		l.failing = true
		l.Log.Error("the state cannot be written; nothing fires until it can, and is then treated as late", "error", err)
	}
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

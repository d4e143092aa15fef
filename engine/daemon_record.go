package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

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

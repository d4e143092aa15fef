package engine

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// followEvery is how often the daemon looks whether anybody has applied, fired
// or paused something.
const followEvery = 500 * time.Millisecond

// followed is what the daemon has found when it looked.
type followed struct {
	version Version
	applied *Applied                               // nil: nothing was applied since
	serving *Serving                               // to go by from now on; nil: the one of before
	err     error                                  // why the applied configuration cannot be evaluated
	from    *Serving                               // that was in force then; nil: none
	changed map[TriggerKey]*schema.ScheduleTrigger // what serving changes in it
	settled map[TriggerKey]time.Time
	pauses  map[string]Pause
	open    []OpenRun
	newest  uint64  // the serial of the configuration that was the newest with open
	moved   []Moved // all that were, with open
}

// begin reads where an earlier daemon has left off.
func (l *loop) begin(ctx context.Context) error {
	var err error
	if l.listened, err = l.Ledger.Listened(ctx); err != nil {
		return err
	}
	if l.listened == nil {
		l.listened = map[string]time.Time{}
	}
	f, err := l.look(ctx, true)
	if err != nil {
		return err
	}
	l.owed = true
	for _, r := range f.open { // what is due before the lanes have started must know of them
		l.opened(r.Job, r.ID)
	}
	l.adopt(ctx, f, time.Now())
	l.publishStatus()
	return nil
}

// follow looks from time to time what others have changed, until ctx ends.
func (l *loop) follow(ctx context.Context) {
	tick := time.NewTicker(max(1, l.slow) * followEvery)
	defer tick.Stop()
	said := ""
	reload := false // was asked for, and is not done
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.Reload:
			reload = true
			l.Log.Info("reloading secrets and certificates")
		}
		f, err := l.look(ctx, reload)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if text := err.Error(); text != said {
				l.Log.Error("cannot read the state; it is tried again", "error", err)
				said = text
			}
			continue
		case f == nil:
			continue
		}
		said = ""
		done, reloaded := make(chan struct{}), reload
		reload = false
		l.post(func(now time.Time) {
			l.adopt(ctx, f, now)
			if reloaded {
				l.relinkAll()
				l.reloads++
			}
			close(done)
		})
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// look reads what has changed; nil: nothing. With evaluate the configuration is
// evaluated again in any case.
func (l *loop) look(ctx context.Context, evaluate bool) (*followed, error) {
	v, err := l.Ledger.Version(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	known, seen, from := l.version, l.seen, l.serving
	l.mu.Unlock()
	if v == known && !evaluate {
		return nil, nil
	}
	f := &followed{version: v}
	applied, err := l.Ledger.Applied(ctx)
	if err != nil {
		return nil, err
	}
	if applied.Serial != 0 && (applied.Serial != seen || evaluate) {
		f.applied = applied
		f.serving, f.err = l.evaluate(ctx, applied)
		if f.err != nil && from != nil {
			if to := movedSince(applied.Moved, from.renames); len(to) > 0 {
				f.serving = from.renamed(to, applied.Serial)
			}
		}
	}
	if f.serving != nil {
		if f.settled, err = l.Ledger.Settled(ctx); err != nil {
			return nil, err
		}
		if f.from = from; from != nil {
			f.changed = maps.Collect(f.serving.rescheduled(from))
		}
	}
	state, err := l.Ledger.State(ctx)
	if err != nil {
		return nil, err
	}
	f.pauses, f.open, f.newest, f.moved = state.Pauses, state.Open, state.Newest, state.Moved
	return f, nil
}

func (l *loop) evaluate(ctx context.Context, a *Applied) (*Serving, error) {
	configs, err := l.Load(ctx, a)
	if err != nil {
		return nil, err
	}
	s, diags := NewServing(a, configs)
	if diags.HasErrors() {
		return nil, refusal(diags)
	}
	return s, nil
}

// adopt goes by what was found.
func (l *loop) adopt(ctx context.Context, f *followed, now time.Time) {
	paused := !maps.Equal(l.pauses, f.pauses)
	l.pauses = f.pauses
	l.mu.Lock()
	l.version = f.version
	// The ledger refuses what is decided by a configuration that is not the newest.
	fresh := f.applied != nil && l.seen != f.applied.Serial
	if f.applied != nil {
		l.seen = f.applied.Serial
	}
	if !l.failing { // it was only held until the newest configuration is known
		l.hold = time.Time{}
	}
	l.mu.Unlock()
	switch {
	case f.applied == nil:
	case f.err != nil:
		l.problem = f.err.Error()
		what := "the configuration of before stays in force"
		if l.serving == nil {
			what = "nothing is served until it can be"
		}
		l.Log.Error("the applied configuration cannot be taken: "+what, "serial", f.applied.Serial, "error", f.err)
	default:
		l.problem = ""
	}
	if f.serving != nil {
		if err := l.swap(ctx, f, fresh, now); err != nil {
			l.failed("cannot read the state; it is tried again", err)
			l.forgetVersion()
			return
		}
	}
	taken := f.applied != nil && f.err == nil
	if l.serving != nil {
		l.reconcile(ctx, l.serving.known(f.open, f.newest, f.moved), f.serving != nil || paused, now)
	}
	l.report(ctx, time.Time{})
	if taken {
		l.Log.Info("serving", "serial", l.serving.Serial, "jobs", len(l.serving.Jobs), "schedules", l.table.Len(), "pbxs", len(l.lanes))
	}
}

// forgetVersion has the state read anew.
func (l *loop) forgetVersion() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version = Version{}
	l.seen = 0
}

// lookAnew has the open runs read anew.
func (l *loop) lookAnew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version = Version{}
}

// report notes how the daemon is for those who look at the state.
func (l *loop) report(ctx context.Context, stopped time.Time) {
	s := l.Self
	s.Stopped, s.Seen, s.Problem = stopped, l.seen, l.problem
	if l.serving != nil {
		s.Serial = l.serving.Serial
	}
	if err := l.Ledger.Report(ctx, s); err != nil && !errors.Is(err, context.Canceled) {
		l.Log.Warn("cannot note in the state how the daemon is", "error", err)
	}
}

// swap puts a new configuration in place of the present one. Schedules that stay
// are left alone; what of the others has passed is settled by the record. What is
// in f was found out while the loop went on, which it must not have if it could
// record anything since: fresh tells that it could not.
func (l *loop) swap(ctx context.Context, f *followed, fresh bool, now time.Time) error {
	settled := f.settled
	if !fresh {
		var err error
		if settled, err = l.Ledger.Settled(ctx); err != nil {
			return err
		}
	}
	if l.serving != nil {
		l.giveUp()
	}
	changed := f.serving.rescheduled(l.serving)
	if f.from == l.serving && f.from != nil {
		changed = maps.All(f.changed)
	}
	if l.serving == nil {
		l.table.grow(len(settled))
	}
	l.mu.Lock()
	l.serving = f.serving
	l.mu.Unlock()
	clear(l.silent)
	was := map[string]string{} // the addresses of before, of jobs that have moved
	if f.from != nil {
		to := movedSince(f.applied.Moved, f.from.renames)
		l.rename(to)
		for from, now := range to {
			was[now] = from
		}
	}
	l.retention.Store(int64(f.serving.Retention))
	begun := Firings{Base: l.seen, Time: now}
	for key, t := range changed {
		if t == nil {
			l.table.Remove(key)
			continue
		}
		since := settled[key]
		if since.IsZero() { // nothing is missed that nobody was promised
			since = now
			begun.Settled = append(begun.Settled, Settled{key, now})
		}
		l.table.Set(key, NewDueTimes(t, key.Job), since)
		if from, ok := was[key.Job]; ok {
			l.ease(key, from, t, now)
		}
	}
	if len(begun.Settled) > 0 {
		if err := l.Ledger.Fire(ctx, begun); err != nil {
			l.Log.Warn("cannot record when schedules began", "error", err)
		}
	}
	return nil
}

// reconcile gives each PBX that is needed its lane, and has the lanes go by what
// has changed: anew those with open runs where all is set, or with a run that
// somebody else has started.
func (l *loop) reconcile(ctx context.Context, open []OpenRun, all bool, now time.Time) {
	needed := l.serving.needed()
	for address, s := range l.lanes {
		if !needed[address] {
			l.retire(s)
		}
	}
	stirred := map[string]bool{} // lanes by PBX
	var orphans []OpenRun
	for _, r := range open {
		switch {
		case !needed[r.PBX]:
			if !l.leaving(r.PBX) {
				orphans = append(orphans, r)
			}
		case all || !l.open[r.Job][r.ID]:
			stirred[r.PBX] = true
		}
	}
	for address := range needed {
		pbx, s := l.serving.PBXs[address], l.lanes[address]
		switch {
		case s == nil:
			s = &servedLane{pbx: pbx}
			l.lanes[address] = s
			l.restart(s, true)
		case !samePBX(s.pbx, pbx):
			s.pbx = pbx
			l.restart(s, true)
		case stirred[address]:
			s.pbx = pbx
			l.restart(s, false)
		case s.link != nil:
			l.listenAnew(s)
		}
	}
	if len(orphans) == 0 {
		return
	}
	if _, batch := l.serving.reopen(orphans, nil, l.pauses, now); !batch.empty() {
		if err := l.Ledger.Commit(ctx, batch); err != nil {
			l.Log.Error("cannot record canceled deliveries; it is tried again", "error", err)
			l.later(commitAgain, func(time.Time) { l.lookAnew() })
			return
		}
		l.canceled(orphans, batch)
		l.owed = true
	}
}

// leaving tells whether a PBX has a lane that was given up and waits for its
// last answers.
func (l *loop) leaving(pbx string) bool {
	select {
	case <-l.retiring[pbx]:
		return false
	default:
		return l.retiring[pbx] != nil
	}
}

// retire ends a lane whose PBX is no longer needed.
func (l *loop) retire(s *servedLane) {
	delete(l.lanes, s.pbx.Address)
	if s.driver != nil {
		s.stop()
	}
	driven, retired := s.done, make(chan struct{})
	l.retiring[s.pbx.Address] = retired
	l.working.Go(func() {
		if driven != nil {
			<-driven
		}
		l.unlink(s)
		close(retired)
		l.post(func(time.Time) { l.lookAnew() }) // what it had pending can be canceled now
	})
}

// relinkAll tries those PBXs anew that cannot be reached.
func (l *loop) relinkAll() {
	for _, s := range l.lanes {
		if s.link == nil || s.refusal() != nil {
			l.restart(s, true)
		} else if sending, _ := s.link.Connected(); !sending {
			l.restart(s, true)
		}
	}
}

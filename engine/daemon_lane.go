package engine

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// servedLane is the part of a daemon that serves one PBX. To change anything in
// it, its driver is stopped, which takes as long as the answers that are due, and
// a new one is started with what the ledger says is open. So a new configuration,
// a pause, a new secret and a start after a crash are one and the same thing.
type servedLane struct {
	pbx       *schema.PBX
	link      Link
	listening *listening // nil: nothing is listened to

	driver *driver // nil while it is stopped
	last   *driver // the one before
	stop   context.CancelFunc
	done   chan struct{}

	starting bool    // it is being started anew
	again    bool    // restart once more, as something has changed since
	relink   bool    // and with a new link
	fired    []*Work // while there was no driver
	later    Link    // which was refused: a new one is tried later
	said     string  // why it was refused
}

// refusedAgain is how long a lane waits after a refused login before it tries
// with a new link, unless a reload comes first: each try costs the server a
// second and may get us banned.
const refusedAgain = 5 * time.Minute

// restarting tells whether the lane is on its way to a new driver.
func (s *servedLane) restarting() bool { return s.starting || s.driver == nil && s.done != nil }

func (s *servedLane) status() LaneStatus {
	st := LaneStatus{PBX: s.pbx.Address, Listens: s.listening != nil, Waiting: len(s.fired)}
	if s.link != nil {
		st.Sending, st.Events = s.link.Connected()
	}
	if s.driver != nil {
		st.Waiting += int(s.driver.depth.Load())
		st.Held = int(s.driver.held.Load())
		st.InFlight = int(s.driver.flying.Load())
	}
	return st
}

// samePBX tells whether two pbx blocks ask for the same connection.
func samePBX(a, b *schema.PBX) bool {
	x, y := *a, *b
	x.DeclRange, y.DeclRange = hcl.Range{}, hcl.Range{}
	return reflect.DeepEqual(x, y)
}

// restart stops a lane and starts it with what is open then. The loop goes on
// meanwhile; what fires for the lane waits for it.
func (l *loop) restart(s *servedLane, relink bool) {
	if l.ending || l.lanes[s.pbx.Address] != s {
		return
	}
	s.relink = s.relink || relink
	if s.restarting() {
		s.again = true // it is on its way; what it reads may be too old
		return
	}
	l.forgetLately()
	done := s.done
	if s.driver != nil {
		s.stop()
		s.last, s.driver = s.driver, nil
	}
	if done == nil {
		if done = l.retiring[s.pbx.Address]; done == nil {
			done = make(chan struct{})
			close(done)
		}
	}
	s.done = done
	l.working.Go(func() {
		<-done
		state, err := l.Ledger.State(context.Background())
		l.post(func(now time.Time) { l.restarted(s, state, err, now) })
	})
}

// restarted starts the driver of a lane with the open runs of state.
func (l *loop) restarted(s *servedLane, state *State, err error, now time.Time) {
	if l.lanes[s.pbx.Address] != s || l.ending {
		return
	}
	s.done = nil
	if err != nil {
		l.failed("cannot read the open runs; it is tried again", err)
		l.later(commitAgain, func(time.Time) { l.restart(s, false) })
		return
	}
	if s.again {
		s.again = false
		l.restart(s, false)
		return
	}
	s.starting = true
	defer func() {
		s.starting = false
		if s.again && s.driver != nil {
			s.again = false
			l.restart(s, false)
		}
	}()
	open := slices.DeleteFunc(l.serving.known(state.Open, state.Newest, state.Moved), func(r OpenRun) bool { return r.PBX != s.pbx.Address })
	ready, jobs := l.asRead(open, now)
	works, batch := l.serving.reopen(ready, jobs, l.pauses, now)
	if !batch.empty() {
		if err := l.Ledger.Commit(context.Background(), batch); err != nil {
			l.failed("cannot record canceled deliveries; it is tried again", err)
			l.later(commitAgain, func(time.Time) { l.restart(s, false) })
			return
		}
		l.owed = true
	}
	ended := l.canceled(open, batch)
	s.again = s.again || l.await(s, open)
	for job, runs := range l.open { // those of this lane are as the ledger has them
		if j := l.serving.Jobs[job]; j != nil && j.PBX.Address == s.pbx.Address {
			clear(runs)
		}
	}
	known := map[string]bool{}
	for _, r := range open {
		known[r.ID] = true
		if !ended[r.ID] {
			l.opened(r.Job, r.ID)
		}
	}
	var cancels []cancellation
	for _, w := range s.fired {
		if !known[w.ID] { // recorded after state was read
			works = append(works, w)
			l.opened(w.RunHeader.Job, w.ID)
		}
		if overlap(w.Job, w.Cause) == schema.OverlapCancelPrevious { // the last of them spares itself alone
			cancels = slices.DeleteFunc(cancels, func(c cancellation) bool { return c.job == w.RunHeader.Job })
			cancels = append(cancels, cancellation{w.RunHeader.Job, w.ID, supersededReason})
		}
	}
	s.fired = nil
	if s.relink || s.link == nil {
		if !l.connect(s) {
			return
		}
	}
	l.startDriver(s, works)
	for _, c := range cancels {
		s.driver.report(event{cancel: &c})
	}
}

// canceled takes note of the runs among open that a batch has ended, and gives
// their ids.
func (l *loop) canceled(open []OpenRun, batch Batch) map[string]bool {
	ended := map[string]bool{}
	for _, id := range batch.Ended {
		ended[id] = true
	}
	for _, r := range open {
		if ended[r.ID] {
			delete(l.open[r.Job], r.ID)
			l.release(r.ID)
		}
	}
	return ended
}

// await notes for which runs those of a lane wait, and tells whether one of them
// has ended since the lane began to restart: then it is to restart once more.
func (l *loop) await(s *servedLane, open []OpenRun) (ended bool) {
	for _, r := range open {
		for _, w := range r.Waits {
			if w.Ended {
				continue
			}
			if l.awaited[w.Run] == nil {
				l.awaited[w.Run] = map[string]bool{}
			}
			l.awaited[w.Run][s.pbx.Address] = true
			ended = ended || l.lately[w.Run]
		}
	}
	return ended
}

// release has the lanes restart whose runs have waited for one that has ended: the
// record says whether they go on.
func (l *loop) release(run string) {
	if l.restarting() {
		l.lately[run] = true
	}
	waiting := l.awaited[run]
	delete(l.awaited, run)
	for pbx := range waiting {
		if s := l.lanes[pbx]; s != nil {
			l.restart(s, false)
		}
	}
}

// forgetLately forgets which runs have ended while lanes were restarting, once
// none is.
func (l *loop) forgetLately() {
	if !l.restarting() {
		clear(l.lately)
	}
}

// restarting tells whether a lane is on its way to a new driver.
func (l *loop) restarting() bool {
	for _, s := range l.lanes {
		if s.restarting() {
			return true
		}
	}
	return false
}

// connect gives a lane a new link.
func (l *loop) connect(s *servedLane) bool {
	l.unlink(s)
	s.relink = false
	link, err := l.Connect(s.pbx)
	if err != nil {
		l.Log.Error("cannot serve PBX; what is for it stays pending", "pbx", s.pbx.Address, "error", err)
		l.later(refusedAgain, func(time.Time) { l.restart(s, true) })
		return false
	}
	s.link = link
	l.severed[s.pbx.Address] = true // until its first word on events, which tells what may be missing
	return true
}

// unlink closes what connects a lane.
func (l *loop) unlink(s *servedLane) {
	if s.listening != nil {
		s.listening.stop()
		s.listening = nil
	}
	if s.link != nil {
		s.link.Close()
		s.link = nil
	}
}

// startDriver starts the driver of a lane.
func (l *loop) startDriver(s *servedLane, works []*Work) {
	ctx, cancel := context.WithCancel(context.Background())
	d := newDriver(l.runner, l.committer, s.pbx, s.link, nil, 0)
	d.serve = true
	d.lane.quiet = map[string]time.Time{}
	link := s.link
	d.up = func() bool { sending, _ := link.Connected(); return sending }
	if s.last != nil { // who was just sent to, and at what rate, still holds
		d.lane.quiet, d.lane.earliest = s.last.lane.quiet, s.last.lane.earliest
		s.last = nil
	}
	d.ended = func(r *RunReport) { l.post(func(now time.Time) { l.ended(r, now) }) }
	d.gone = func(err error) { l.post(func(time.Time) { l.refused(s, link, err) }) }
	for _, w := range works {
		d.add(w)
	}
	done := make(chan struct{})
	s.driver, s.stop, s.done = d, cancel, done
	l.listenAnew(s) // before it sends, so that it waits for what comes back
	answers := l.answers
	go func() {
		defer close(done)
		d.run(ctx, answers)
	}()
}

// listenAnew has the events received that the configuration asks for.
func (l *loop) listenAnew(s *servedLane) {
	names := l.serving.names(s.pbx.Address)
	switch {
	case len(names) == 0 && s.listening != nil:
		s.listening.stop()
		s.listening = nil
	case len(names) > 0 && (s.listening == nil || !slices.Equal(s.listening.names, names)):
		n, err := l.listen(s.pbx.Address, s.link, names, s.listening)
		if err != nil {
			l.Log.Error("cannot listen to events", "pbx", s.pbx.Address, "error", err)
			l.later(commitAgain, func(time.Time) {
				if l.lanes[s.pbx.Address] == s && s.link != nil {
					l.listenAnew(s)
				}
			})
			return
		}
		s.listening = n
	}
	if s.listening != nil {
		s.listening.serving.Store(l.serving)
		s.listening.driver.Store(s.driver)
		if s.driver != nil {
			s.driver.listens.Store(true)
		}
	}
}

// drive gives works to the lane of a PBX.
func (l *loop) drive(pbx string, works []*Work) {
	s := l.lanes[pbx]
	switch {
	case s == nil:
		l.Log.Error("no lane serves the PBX; its runs stay open", "pbx", pbx)
	case s.driver == nil:
		s.fired = append(s.fired, works...)
	default:
		s.driver.report(event{works: works})
	}
}

// later posts f after a while.
func (l *loop) later(after time.Duration, f func(now time.Time)) {
	time.AfterFunc(after, func() { l.post(f) })
}

// endLanes stops all lanes. Answers that are due are waited for until ctx ends;
// what is not answered then is unknown.
func (l *loop) endLanes(ctx context.Context) {
	l.ending = true
	for _, s := range l.lanes {
		if s.driver != nil {
			s.stop()
		}
	}
	done := make(chan struct{})
	var all sync.WaitGroup
	for _, s := range l.lanes {
		if s.done != nil {
			all.Go(func() { <-s.done })
		}
	}
	go func() {
		all.Wait()
		l.working.Wait() // also for lanes that were given up before
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		l.Log.Warn("answers are still due; what they were to tell is unknown")
		l.endAnswers()
		for _, s := range l.lanes { // a connection that is closed ends what waits for its answers
			l.unlink(s)
		}
		<-done
	}
	for _, s := range l.lanes {
		l.unlink(s)
	}
}

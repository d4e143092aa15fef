package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// session is the part of a command in which it publishes. It is the state's one
// writer then, or it publishes beside a daemon that drives the runs.
type session struct {
	app  *app
	l    *loaded
	lock *ledger.WriterLock // nil: a daemon has it
}

// begin takes the writer's lock, so that a second apply hears at once who is
// at work, and not after its operator has said yes; and it reads the state.
func (a *app) begin(ctx context.Context, l *loaded, command string) (*session, *engine.State, error) {
	lock, err := ledger.Lock(l.state, command)
	var locked *ledger.LockedError
	if err != nil && !(errors.As(err, &locked) && locked.Holder.Command == serveCommand.name) {
		return nil, nil, err
	}
	s := &session{a, l, lock}
	state, err := a.readState(ctx, l)
	if errors.As(err, new(*ledger.OldFormatError)) && lock != nil {
		if err = bringUp(ctx, l.state); err == nil {
			state, err = a.readState(ctx, l)
		}
	}
	if err != nil {
		s.end()
		return nil, nil, err
	}
	state.Served = lock == nil
	return s, state, nil
}

// bringUp brings a state that an earlier version has written to the present format.
func bringUp(ctx context.Context, state string) error {
	led, err := ledger.Open(ctx, state, ledger.ReadWrite)
	if err != nil {
		return err
	}
	return led.Close()
}

func (s *session) end() {
	if s.lock != nil {
		s.lock.Unlock()
	}
}

// replan plans again for a state that was read later.
type replan func(*engine.State) (*engine.Plan, error)

// execute does a plan that was shown: it reaches the PBXs, records, sends and
// reports. Before anything is recorded it plans again, and stops if that would
// do anything else than what was shown.
func (s *session) execute(ctx context.Context, shown *engine.Plan, again replan, resume string) error {
	a := s.app
	if s.lock == nil {
		return s.delegate(ctx, shown, again, resume)
	}
	conns, err := a.connect(ctx, shown.PBXs(), shown.Needs())
	if err != nil {
		return err
	}
	defer conns.close()
	led, err := ledger.Open(ctx, s.l.state, ledger.ReadWrite)
	if err != nil {
		return err
	}
	defer led.Close()
	if err := a.takeOver(ctx, led); err != nil {
		return err
	}
	p, _, works, err := s.publish(ctx, led, shown, again)
	if err != nil {
		return err
	}
	err = a.send(ctx, led, conns, works, commandLines{resume: resume + s.l.args, args: s.l.args})
	if err == nil || errors.As(err, new(exitCode)) {
		s.unserved(p)
	}
	return cmp.Or(err, held(p))
}

// takeOver ends what a crashed writer has left in flight.
func (a *app) takeOver(ctx context.Context, led engine.Ledger) error {
	lost, err := led.Recover(ctx, time.Now(), "notifyrun ended between the send and Asterisk's answer")
	if lost > 0 {
		a.log.Warn("an earlier notifyrun ended in mid-send; these deliveries are unknown now", "deliveries", lost)
	}
	return err
}

// publish plans again and records that, if it would do what was shown.
func (s *session) publish(ctx context.Context, led engine.Ledger, shown *engine.Plan, again replan) (*engine.Plan, engine.Publication, []*engine.Work, error) {
	fail := func(err error) (*engine.Plan, engine.Publication, []*engine.Work, error) {
		return nil, engine.Publication{}, nil, err
	}
	state, err := led.State(ctx)
	if err != nil {
		return fail(err)
	}
	state.Served = s.lock == nil
	p, err := again(state)
	if err != nil {
		return fail(err)
	}
	if p.Digest() != shown.Digest() {
		return fail(errors.New("the state has moved since the plan was shown; nothing was sent; plan again"))
	}
	snapshot, err := s.snapshot(shown)
	if err != nil {
		return fail(err)
	}
	pub, works := p.Publication(time.Now(), snapshot)
	if err := led.Publish(ctx, pub); err != nil {
		return fail(err)
	}
	return p, pub, works, nil
}

// held is exit code 3 where phones are held back, by a pause too: whoever runs
// this from cron is to hear of them.
func held(p *engine.Plan) error {
	for _, jp := range p.Jobs {
		if len(jp.Held)+len(jp.Waiting) > 0 {
			return exitCode(exitIncomplete)
		}
	}
	return nil
}

// commandLines are what an operator types to go on.
type commandLines struct {
	resume string // goes on with what is pending
	served bool   // a daemon goes on with it
	args   string // flags and path, behind any other command
}

// snapshot is what an apply publishes; a fire publishes nothing.
func (s *session) snapshot(p *engine.Plan) ([]byte, error) {
	if p.ByHand {
		return nil, nil
	}
	text, err := json.Marshal(s.l.config.Snapshot)
	if err != nil {
		return nil, fmt.Errorf("write snapshot: %w", err)
	}
	return text, nil
}

// send drives the works and reports what came of them.
func (a *app) send(ctx context.Context, led engine.Ledger, conns *pbxs, works []*engine.Work, next commandLines) error {
	if len(works) == 0 {
		a.reportNothing()
		return nil
	}
	runner := &engine.Runner{Ledger: led, Senders: conns.senders(), Events: conns.events(ctx), Log: a.log, Patience: 30 * time.Second}
	progress := func() shownProgress {
		p := runner.Progress()
		if p.Done == p.Total {
			return shownProgress{p, nil}
		}
		return shownProgress{p, heldWorks(works, func(i int) bool { return len(works[i].Waits) == 0 }, time.Now())}
	}
	stop := a.showProgress(ctx, progress, "Stopping: nothing more is sent; waiting for the answers that are due. Ctrl-C again ends at once.")
	started := time.Now()
	report, err := runner.Run(ctx, works)
	stop()
	if report != nil {
		a.showReport(report, time.Since(started), next)
	}
	switch {
	case err != nil:
		return fmt.Errorf("record results: %w; nothing more was sent; what could not be recorded will be unknown; to go on: %s", err, next.resume)
	case report.Interrupted:
		return exitCode(exitInterrupted)
	case !report.Complete():
		return exitCode(exitIncomplete)
	}
	return nil
}

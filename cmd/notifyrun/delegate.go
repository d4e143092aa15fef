package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// How long a command waits for the daemon that drives its runs: to take the
// configuration, and for anything to move in its runs at all.
const (
	daemonTakes = 10 * time.Second
	daemonMoves = 30 * time.Second
	watchEvery  = 200 * time.Millisecond
)

// delegate publishes a plan beside a daemon, which drives its runs, and watches
// them in the record.
func (s *session) delegate(ctx context.Context, shown *engine.Plan, again replan, resume string) error {
	a := s.app
	led, err := ledger.Open(ctx, s.l.state, ledger.Beside)
	if err != nil {
		return err
	}
	defer led.Close()
	p, pub, works, err := s.publish(ctx, led, shown, again)
	if err != nil {
		return err
	}
	started := time.Now()
	if pub.Snapshot != nil {
		if err := a.taken(ctx, led, pub.Base+1); err != nil {
			return err
		}
	}
	if len(works) == 0 {
		a.reportNothing()
		return held(p)
	}
	report, err := a.watch(ctx, led, works)
	if err != nil {
		return err
	}
	a.showReport(report, time.Since(started), commandLines{resume: resume + s.l.args, args: s.l.args, served: true})
	switch {
	case report.Interrupted:
		return exitCode(exitInterrupted)
	case !report.Complete():
		return exitCode(exitIncomplete)
	}
	return held(p)
}

// taken waits until the daemon goes by a publication.
func (a *app) taken(ctx context.Context, led engine.DaemonLedger, serial uint64) error {
	for deadline := time.Now().Add(daemonTakes); ; {
		d, err := led.Reported(context.WithoutCancel(ctx)) // it is published: an interrupt is not before anything
		if err != nil {
			return err
		}
		switch {
		case d != nil && d.Stopped.IsZero() && d.Serial >= serial:
			return nil
		case d != nil && d.Problem != "" && d.Seen >= serial: // else it is of the one before
			return fmt.Errorf("publish: it is recorded, but notifyrun serve (process %d on %s) cannot take it, and goes by the configuration of before: %s", d.PID, d.Host, d.Problem)
		case time.Now().After(deadline):
			a.screen(a.stderr).note(fmt.Sprintf("notifyrun serve has not taken the new configuration in %s; it will as soon as it can.", daemonTakes))
			return nil
		}
		if !wait(ctx, watchEvery) {
			return nil // recorded; there is nothing to undo
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// watch follows runs in the record until they have ended, nothing has moved for
// long, or ctx ends, which ends only the watching.
func (a *app) watch(ctx context.Context, led engine.DaemonLedger, works []*engine.Work) (*engine.Report, error) {
	report := &engine.Report{}
	total := 0
	for _, w := range works {
		report.Runs = append(report.Runs, &engine.RunReport{RunHeader: w.RunHeader, Left: len(w.Deliveries)})
		total += len(w.Deliveries)
	}
	var now atomic.Pointer[shownProgress]
	now.Store(&shownProgress{Progress: engine.Progress{Total: total}})
	stop := a.showProgress(ctx, func() shownProgress { return *now.Load() }, "Watching no longer: notifyrun serve goes on with it.")
	defer stop()
	reading := context.WithoutCancel(ctx)
	summaries, at := make([]engine.RunSummary, len(works)), make(map[string]int, len(works))
	for i, w := range works {
		at[w.ID] = i
	}
	for moved, before := time.Now(), -1; ; {
		p := shownProgress{Progress: engine.Progress{Total: total, Outcomes: map[engine.Outcome]int{}}}
		open, flying := false, false
		asked := make([]string, 0, len(works))
		for i, w := range works {
			if summaries[i].Ended.IsZero() {
				asked = append(asked, w.ID)
			}
		}
		runs, err := led.Runs(reading, engine.RunQuery{IDs: asked})
		if err == nil && len(runs) < len(asked) {
			err = fmt.Errorf("list runs: %w", ledger.ErrNoRun)
		}
		if err != nil {
			return nil, err
		}
		for _, run := range runs {
			summaries[at[run.ID]] = run
		}
		for i, r := range report.Runs {
			r.Outcomes, r.Left = finals(summaries[i].Outcomes)
			open = open || summaries[i].Ended.IsZero()
			flying = flying || summaries[i].Outcomes[engine.InFlight] > 0
			for o, n := range r.Outcomes {
				p.Outcomes[o] += n
				p.Done += n
			}
		}
		if !flying {
			p.held = heldWorks(works, func(i int) bool { return summaries[i].Ended.IsZero() && len(summaries[i].Waits) == 0 }, time.Now())
		}
		now.Store(&p)
		if p.Done != before {
			before, moved = p.Done, time.Now()
		}
		if p.held != nil {
			if time.Until(p.held.Until) > daemonMoves {
				break
			}
			moved = time.Now() // it is waited for
		}
		if !open || time.Since(moved) > daemonMoves || !wait(ctx, watchEvery) {
			break
		}
	}
	report.Interrupted = ctx.Err() != nil
	for i, r := range report.Runs {
		if r.Left > 0 {
			r.Held, r.Waits = engine.HeldBack(works[i].Job, time.Now()), summaries[i].Waits
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(r.Outcomes)), func(o engine.Outcome) bool { return !o.Good() }) {
			continue
		}
		deliveries, err := readDeliveries(reading, led, summaries[i])
		if err != nil {
			return nil, err
		}
		for _, d := range deliveries {
			if d.outcome.Final() && !d.outcome.Good() {
				r.Fail(d.outcome, d.target, d.answer)
			}
		}
	}
	return report, nil
}

// finals splits the outcomes of a run into those that are final and the number
// of the others.
func finals(outcomes map[engine.Outcome]int) (final map[engine.Outcome]int, left int) {
	final = map[engine.Outcome]int{}
	for o, n := range outcomes {
		if o.Final() {
			final[o] = n
		} else {
			left += n
		}
	}
	return final, left
}

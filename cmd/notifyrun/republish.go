package main

import (
	"context"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

// republish ends an apply that changes no job and sends nothing. What it was made
// from may still differ from what notifyrun serve goes by: the address of a PBX,
// a setting, a comment. So it is published all the same, without asking.
func (s *session) republish(ctx context.Context, p *engine.Plan) error {
	if p.State.Serial == 0 {
		return held(p) // there is nothing that could be served
	}
	led, err := ledger.Open(ctx, s.l.state, ledger.Beside)
	if err != nil {
		return err
	}
	defer led.Close()
	applied, err := led.Applied(ctx)
	if err != nil {
		return err
	}
	same, err := published(applied, p, s.l.config.Snapshot)
	if err != nil {
		return err
	}
	if same && len(p.Moved) == 0 {
		s.unserved(p)
		return held(p)
	}
	snapshot, err := s.snapshot(p)
	if err != nil {
		return err
	}
	pub, _ := p.Publication(time.Now(), snapshot)
	if err := led.Publish(ctx, pub); err != nil {
		return err
	}
	if len(p.Moved) > 0 && !s.app.json {
		fmt.Fprintf(s.app.stdout, "\nRecorded: %s, with all that phones have had.\n", printable(movedText(p.Moved)))
	}
	if !same && !s.app.json {
		fmt.Fprintln(s.app.stdout, "\nThe configuration differs from the one that was published, and was published for notifyrun serve.")
	}
	if s.lock == nil {
		if err := s.app.taken(ctx, led, pub.Base+1); err != nil {
			return err
		}
	}
	s.unserved(p)
	return held(p)
}

// published tells whether the jobs of a plan, and whatever goes by the newest
// configuration, go by this one.
func published(a *engine.Applied, p *engine.Plan, snapshot *schema.Snapshot) (bool, error) {
	digest := snapshot.Digest()
	same := map[uint64]bool{}
	for serial := range a.Snapshots {
		was, err := appliedSnapshot(a, serial)
		if err != nil {
			return false, err
		}
		same[serial] = was.Digest() == digest
	}
	for _, jp := range p.Jobs {
		if serial, ok := a.Jobs[jp.Address]; ok && !same[serial] {
			return false, nil
		}
	}
	return same[a.Serial], nil
}

// unserved says so where schedules and triggers were applied that nobody keeps.
func (s *session) unserved(p *engine.Plan) {
	if p.ByHand || s.app.json || serves(s.l.state) {
		return
	}
	for _, jp := range p.Jobs {
		if len(jp.Due) > 0 || len(waitsOf(jp)) > 0 {
			fmt.Fprintf(s.app.stdout, "\n%s No notifyrun serve runs on this state: schedules and triggers do not fire.\nTo keep them: notifyrun serve%s\n", s.app.style(s.app.stdout).yellow("Note:"), s.l.args)
			return
		}
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// lastRead takes what the state has kept of the data when the configuration was
// last applied; remedy says what to do where it has nothing.
func (a *app) lastRead(ctx context.Context, src *schema.Source, v values, remedy string) dataReader {
	var kept *schema.Snapshot
	var failed error
	return func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics {
		if kept == nil && failed == nil {
			kept, failed = a.newestSnapshot(ctx, src, v)
		}
		if failed != nil {
			return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "State not readable", Detail: printable(fmt.Sprintf("What was last read is in the state, which cannot be read: %s.", failed))}}
		}
		return fromSnapshot(kept, remedy)(requests, read)
	}
}

// loadKept evaluates the configuration at path for commands that look at what is on
// record and ask no PBX: with what the state has kept of its data sources. What
// depends on others is not known.
func (a *app) loadKept(ctx context.Context, path string, v values) (*loaded, error) {
	l, err := a.load(ctx, path, v)
	if err != nil || len(l.config.Unread) == 0 {
		return l, err
	}
	v.state = l.state
	kept, err := a.newestSnapshot(ctx, l.source, v)
	if err != nil {
		return nil, err
	}
	read, err := kept.Read()
	if err != nil {
		return nil, fmt.Errorf("read what was applied: %w", err)
	}
	args := l.args
	if l, err = a.loadWith(ctx, l.source, nil, v, read, time.Now()); err == nil {
		l.args = args
	}
	return l, err
}

// asLastRead gives a state, if a daemon serves it, the configuration as it is with
// what data sources said when it was last applied. What was not read then is not
// known, and no job of what was applied. The time of the plan is that of what was
// applied, too, in the configuration itself: the daemon sends by that.
func (a *app) asLastRead(ctx context.Context, l *loaded, v values, state *engine.State) error {
	reads := len(l.config.Data) > 0 && !v.stale
	timed := !l.config.Snapshot.PlanTime.IsZero()
	if !state.Served || !reads && !timed {
		return nil
	}
	v.state = l.state
	kept, err := a.newestSnapshot(ctx, l.source, v)
	if err != nil {
		return err
	}
	now := time.Now()
	if timed && !kept.PlanTime.IsZero() {
		now = kept.PlanTime
		then, err := a.loadWith(ctx, l.source, nil, v, l.read, now)
		if err != nil {
			return err
		}
		l.config = then.config
	}
	if !reads {
		return nil
	}
	read, err := kept.Read()
	if err != nil {
		return fmt.Errorf("read what was applied: %w", err)
	}
	then, err := a.loadWith(ctx, l.source, nil, v, read, now)
	if err != nil {
		return err
	}
	state.LastRead = then.config
	return nil
}

// newestSnapshot is what was applied last; one of nothing if nothing was.
func (a *app) newestSnapshot(ctx context.Context, src *schema.Source, v values) (*schema.Snapshot, error) {
	state := v.state
	if state == "" {
		var cfg *schema.Config
		if err := unlessInterrupted(ctx, func() { cfg, _ = schema.Load(src, a.schemaValues(v)) }); err != nil {
			return nil, err
		}
		state = src.StatePath(cfg)
	}
	led, err := a.reader(ctx, state)
	if err != nil {
		return nil, err
	}
	defer led.Close()
	applied, err := led.Applied(ctx)
	if err != nil || len(applied.Snapshots) == 0 {
		return &schema.Snapshot{}, err
	}
	return appliedSnapshot(applied, applied.Serial)
}

// fromSnapshot takes what a snapshot has kept; remedy says what to do where it has
// nothing.
func fromSnapshot(kept *schema.Snapshot, remedy string) dataReader {
	return func(requests []*schema.DataRequest, read map[string]*schema.Data) hcl.Diagnostics {
		all, err := kept.Read()
		if err != nil {
			return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Data not readable", Detail: printable(fmt.Sprintf("What was last read cannot be used: %s.", err))}}
		}
		var missing hcl.Diagnostics
		for _, r := range requests {
			why := "was not read before"
			if d := all[r.Address]; d != nil {
				if kept.Data[r.Address].Answers(r) {
					read[r.Address] = d
					continue
				}
				why = "was last read of another PBX, or with other arguments"
			}
			missing = append(missing, &hcl.Diagnostic{
				Severity: hcl.DiagError, Subject: r.DeclRange.Ptr(),
				Summary: "Data never read", Detail: fmt.Sprintf("%s %s. %s", r.Address, why, remedy),
			})
		}
		return missing
	}
}

// noteAge says that nothing was read, and how old is what is gone by instead.
func (a *app) noteAge(l *loaded) {
	if a.json || len(l.config.Data) == 0 {
		return
	}
	oldest := l.config.Data[0]
	for _, r := range l.config.Data {
		if l.read[r.Address].Read.Before(l.read[oldest.Address].Read) {
			oldest = r
		}
	}
	when := ago(l.read[oldest.Address].Read)
	what := oldest.Address + " is as it was read " + when
	if n := len(l.config.Data); n > 1 {
		what = fmt.Sprintf("%s are as they were last read, the oldest, %s, %s", count(n, "data source"), oldest.Address, when)
	}
	a.screen(a.stderr).note("no PBX was asked: " + what + ".")
}

func ago(at time.Time) string {
	return fmt.Sprintf("%s ago, at %s", max(time.Since(at), 0).Round(time.Second), localTime(at))
}

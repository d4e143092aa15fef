package engine

import (
	"context"
	"time"
)

// How soon after its start a daemon deletes old history, how often it does, and
// how often it looks whether it is time: a new configuration may bring a
// retention, and what failed is tried again.
const (
	retainFirst = time.Minute
	retainEvery = 24 * time.Hour
	retainLook  = time.Hour
)

// retain deletes history that is older than the configuration asks to keep, until
// ctx ends.
func (l *loop) retain(ctx context.Context) {
	timer := time.NewTimer(retainFirst)
	defer timer.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(retainLook)
		now := time.Now()
		keep := time.Duration(l.retention.Load())
		if keep == 0 || !last.IsZero() && now.Sub(last) < retainEvery {
			continue
		}
		p, err := l.Ledger.Prune(ctx, now.Add(-keep), nil)
		took := time.Since(now).Round(time.Millisecond).String()
		switch {
		case ctx.Err() != nil:
			return // the next daemon goes on
		case err != nil:
			l.Log.Error("cannot delete old history; it is tried again", "runs", p.Runs, "error", err)
			continue
		case p != Pruned{}:
			l.Log.Info("old history is deleted", "older_than", keep.String(), "runs", p.Runs, "deliveries", p.Deliveries,
				"attempts", p.Attempts, "missed", p.Missed, "took", took)
		}
		last = now
	}
}

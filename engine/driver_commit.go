package engine

import (
	"context"
	"time"
)

// commitTries is how often it is tried to write what is known after a commit
// has failed.
const commitTries = 3

// commitAgain is how long a lane that serves waits after a failed commit.
const commitAgain = time.Second

// commit starts to write what has gathered. Only when it is on disk may the
// bytes of what it claims leave. After a failure nothing more is claimed; when
// the last answer has come, what is known is tried again: a few times, but where
// the lane serves until detached ends, since whoever drives its runs next would
// find deliveries in flight of which nobody knows any more.
func (d *driver) commit(ctx, detached context.Context, now time.Time) (wake time.Time) {
	if d.committing || d.batch.empty() {
		return wake
	}
	switch {
	case d.failed == 0:
	case d.serve && detached.Err() == nil:
		if now.Before(d.tryAgain) {
			return d.tryAgain
		}
	case d.onWire > 0 || d.failed > commitTries:
		return wake
	}
	d.batch.Time = now
	d.writing, d.batch, d.committing = d.batch, Batch{}, true
	d.committer.submit(d.writing, func(err error) { d.report(event{committed: true, err: err}) })
	return wake
}

// resume lets a lane that serves claim again when it is time to try the ledger
// and there is nothing else to try it with.
func (d *driver) resume(now time.Time) (wake time.Time) {
	switch {
	case now.Before(d.tryAgain):
		return d.tryAgain
	case d.batch.empty() && !d.committing:
		d.ledgerErr = nil
		return now
	}
	return wake
}

// committed takes the end of a commit.
func (d *driver) committed(detached context.Context, err error, now time.Time) {
	d.committing = false
	if err == nil {
		if d.failed > 0 && d.serve {
			d.log.Info("the state can be written again; sending goes on")
			d.ledgerErr = nil
		}
		d.failed = 0
		d.claimed = append(d.claimed, d.claiming...)
		d.claiming = nil
		for _, id := range d.writing.Ended {
			switch {
			case d.serve:
				d.ended(d.reports[id])
				delete(d.reports, id)
			case d.depend != nil:
				d.depend.ended(d.reports[id])
			}
		}
		return
	}
	if d.serve && d.failed == 0 {
		d.log.Error("the state cannot be written; sending stops until it can", "error", err)
	}
	if d.failed++; d.serve && detached.Err() == nil {
		d.failed = 1 // the tries that count are those of the end
	}
	d.tryAgain = now.Add(commitAgain)
	if d.ledgerErr == nil {
		d.ledgerErr = err
	}
	for _, it := range d.claiming {
		d.lane.ended(it, now)
		if d.serve {
			it.tries--
			d.lane.retry(it, now)
		}
	}
	d.claiming = nil
	d.batch.Attempts = append(d.writing.Attempts, d.batch.Attempts...)
	d.batch.Ended = append(d.writing.Ended, d.batch.Ended...)
}

// claims folds deliveries with consecutive positions in one run into ranges.
func claims(send []*item, now time.Time) []Claim {
	var all []Claim
	for _, it := range send {
		if n := len(all); n > 0 {
			c := &all[n-1]
			if c.Run == it.work.ID && c.Last+1 == it.seq && c.N == it.n() {
				c.Last++
				continue
			}
		}
		all = append(all, Claim{Run: it.work.ID, First: it.seq, Last: it.seq, N: it.n(), At: now})
	}
	return all
}

package engine

import (
	"context"
	"time"
)

// committer writes the batches of all lanes to the ledger, those that arrive
// while one is being written together in the next transaction: durability
// costs one fsync a group, however many PBXs are served.
type committer struct {
	ledger   Ledger
	observer Observer
	queue    chan commit
}

type commit struct {
	batch Batch
	done  func(error)
}

// newCommitter serves so many lanes, each with one batch under way at most.
func newCommitter(l Ledger, o Observer, lanes int) *committer {
	return &committer{ledger: l, observer: o, queue: make(chan commit, lanes)}
}

// submit hands a batch over and returns at once; done is called when it is on
// disk, or has failed as a whole.
func (c *committer) submit(b Batch, done func(error)) { c.queue <- commit{b, done} }

// run serves until the queue is closed.
func (c *committer) run(ctx context.Context) {
	for first := range c.queue {
		group, all := []commit{first}, first.batch
		for more := true; more; {
			select {
			case next, ok := <-c.queue:
				if more = ok; !ok {
					break
				}
				group = append(group, next)
				all.Attempts = append(all.Attempts, next.batch.Attempts...)
				all.Claims = append(all.Claims, next.batch.Claims...)
				all.Ended = append(all.Ended, next.batch.Ended...)
			default:
				more = false
			}
		}
		err := c.write(ctx, all)
		for _, g := range group {
			if err != nil && len(group) > 1 { // what the ledger refuses of one lane must not hold up the others
				g.done(c.write(ctx, g.batch))
				continue
			}
			g.done(err)
		}
	}
}

func (c *committer) write(ctx context.Context, b Batch) error {
	start := time.Now()
	err := c.ledger.Commit(ctx, b)
	c.observer.Wrote(time.Since(start), err)
	return err
}

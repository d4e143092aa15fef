package engine

import "context"

// committer writes the batches of all lanes to the ledger, those that arrive
// while one is being written together in the next transaction: durability
// costs one fsync a group, however many PBXs are served.
type committer struct {
	ledger Ledger
	queue  chan commit
}

type commit struct {
	batch Batch
	done  chan error
}

func newCommitter(l Ledger) *committer { return &committer{ledger: l, queue: make(chan commit)} }

// run serves until the context ends. A batch that was queued is always
// answered.
func (c *committer) run(ctx context.Context) {
	for {
		var first commit
		select {
		case first = <-c.queue:
		case <-ctx.Done():
			return
		}
		group, all := []commit{first}, first.batch
		for more := true; more; {
			select {
			case next := <-c.queue:
				group = append(group, next)
				all.Attempts = append(all.Attempts, next.batch.Attempts...)
				all.Claims = append(all.Claims, next.batch.Claims...)
				all.Ended = append(all.Ended, next.batch.Ended...)
			default:
				more = false
			}
		}
		err := c.ledger.Commit(context.WithoutCancel(ctx), all)
		for _, g := range group {
			g.done <- err
		}
	}
}

// commit returns when the batch is on disk.
func (c *committer) commit(b Batch) error {
	done := make(chan error, 1)
	c.queue <- commit{b, done}
	return <-done
}

package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// Sender is one PBX as a lane sees it; *amiclient.Client is one.
type Sender interface {
	amiclient.Doer
	Go(ctx context.Context, actionID string, a amiclient.Action, done func(*amiclient.Message, error)) error
}

// Runner drives open runs to their end: one lane a PBX, all into one ledger.
type Runner struct {
	Ledger  Ledger
	Senders map[string]Sender // by PBX address
	Log     *slog.Logger

	// Patience is how long a lane waits for a lost PBX to come back before it
	// leaves the rest of its deliveries pending; 0: for ever.
	Patience time.Duration

	Observer Observer // nil: none

	// Events are where those of a PBX come from, by its address, so that user
	// events are seen to come back. Without, they are accepted at most.
	Events map[string]EventSource

	total  atomic.Int64
	counts [len(outcomes)]atomic.Int64
}

// outcomes are those that Progress counts, in the order in which they are shown.
var outcomes = [...]Outcome{Answered, Accepted, Rejected, Unknown, Skipped, Canceled}

func (r *Runner) observer() Observer {
	if r.Observer == nil {
		return unobserved{}
	}
	return r.Observer
}

// Progress is how far the runner has got. It may be asked for at any time.
type Progress struct {
	Total    int
	Done     int
	Outcomes map[Outcome]int
}

// Progress counts the deliveries that are final.
func (r *Runner) Progress() Progress {
	p := Progress{Total: int(r.total.Load()), Outcomes: map[Outcome]int{}}
	for i, o := range outcomes {
		if n := int(r.counts[i].Load()); n > 0 {
			p.Outcomes[o] = n
			p.Done += n
		}
	}
	return p
}

func (r *Runner) count(o Outcome) {
	for i := range outcomes {
		if outcomes[i] == o {
			r.counts[i].Add(1)
		}
	}
}

// Run sends what is left of the works. When ctx ends it sends nothing more,
// waits for the answers that are due, records them and returns; what is left
// stays pending in the ledger. The error is that of the ledger, and then
// nothing more was sent either; that of a PBX stands in the report.
func (r *Runner) Run(ctx context.Context, works []*Work) (*Report, error) {
	report := newReport(works)
	byPBX := map[string][]*Work{}
	runs := map[string]int{} // by PBX
	var pbxs []*schema.PBX
	for _, w := range works {
		r.total.Add(int64(len(w.Deliveries)))
		if runs[w.PBX]++; runs[w.PBX] == 1 {
			pbxs = append(pbxs, w.Job.PBX)
		}
		if len(w.Waits) == 0 {
			byPBX[w.PBX] = append(byPBX[w.PBX], w)
		}
	}
	depend := newDependents(r, works)

	// What is sent, looked up and recorded outlives the first Ctrl-C.
	detached := context.WithoutCancel(ctx)
	committer := newCommitter(r.Ledger, r.observer(), len(pbxs))
	var serving sync.WaitGroup
	serving.Go(func() { committer.run(detached) })

	// A ledger that fails for one lane fails for all: none may send then.
	sending, halt := context.WithCancelCause(ctx)
	defer halt(nil)
	var lanes, hearing sync.WaitGroup
	listening, deaf := context.WithCancel(detached)
	defer hearing.Wait()
	defer deaf()
	drivers := make([]*driver, len(pbxs))
	for i, pbx := range pbxs {
		d := newDriver(r, committer, pbx, r.Senders[pbx.Address], byPBX[pbx.Address], runs[pbx.Address])
		drivers[i] = d
		if d.depend = depend; depend != nil {
			depend.drivers[pbx.Address] = d
		}
	}
	for i, pbx := range pbxs {
		d := drivers[i]
		if source := r.Events[pbx.Address]; source != nil {
			d.listens.Store(true)
			hearing.Go(func() { d.listen(listening, source) })
		}
		lanes.Go(func() {
			err := d.run(sending, detached)
			if err != nil {
				halt(err)
			}
			if depend != nil {
				depend.gone(d)
			}
		})
	}
	lanes.Wait()
	close(committer.queue)
	serving.Wait()

	var failed error
	for _, d := range drivers {
		report.add(d)
		if failed == nil {
			failed = d.ledgerErr
		}
	}
	report.wait(works)
	report.Interrupted, report.Failed = ctx.Err() != nil, failed != nil
	return report, failed
}

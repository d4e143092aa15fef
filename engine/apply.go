package engine

import (
	"iter"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// Publication gives what an apply of the plan records before it sends
// anything, and the works that it then drives. The works are those of the new
// runs and the rest of the open ones.
func (p *Plan) Publication(now time.Time, snapshot []byte) (Publication, []*Work) {
	pub := Publication{Base: p.State.Serial, Time: now, Snapshot: snapshot}
	var works []*Work
	begun := map[string]*Work{}
	after := followers(slices.Values(p.Config.Jobs))
	if !p.ByHand {
		pub.Moved = p.Moved
	}
	if p.Narrow && !p.ByHand {
		pub.Selected = []string{}
	}
	for _, jp := range p.Jobs {
		if pub.Selected != nil && jp.Job != nil {
			pub.Selected = append(pub.Selected, jp.Address)
		}
		pub.Settled = append(pub.Settled, jp.settled(p.State.Jobs, now)...)
		switch jp.Op {
		case Add, Change:
			pub.Jobs = append(pub.Jobs, jp.applied)
		case Remove:
			pub.Removed = append(pub.Removed, jp.Address)
		}
		pub.Recorded = append(pub.Recorded, jp.Recorded...)
		for _, c := range jp.Cancel {
			for _, d := range c.Deliveries {
				pub.Canceled = append(pub.Canceled, Attempt{
					Run: c.Run.ID, Seq: d.Seq, Outcome: Canceled, Text: c.Reason, Started: now, Finished: now,
				})
			}
			if c.Ends {
				pub.Ended = append(pub.Ended, c.Run.ID)
			}
		}
		for _, r := range jp.Resume {
			works = append(works, &Work{
				RunHeader: r.Run, Job: r.Job, Deliveries: r.Deliveries, Waits: r.Waits, Queued: overlap(r.Job, r.Run.Cause) == schema.OverlapQueue,
			})
		}
		if jp.Fire != nil {
			run, work := jp.start(now)
			run.Followers = after[jp.Address]
			pub.Runs = append(pub.Runs, run)
			works = append(works, work)
			begun[work.ID] = work
		}
	}
	p.waits(&pub, begun)
	return pub, works
}

// start makes the run of a firing.
func (jp *JobPlan) start(now time.Time) (NewRun, *Work) {
	header := RunHeader{ID: ulid.Make().String(), Job: jp.Address, PBX: jp.Job.PBX.Address, Cause: jp.Fire.Cause, Created: now}
	deliveries := slices.Clip(jp.Fire.Deliveries)
	for _, s := range jp.Fire.Skips {
		deliveries = append(deliveries, Delivery{Seq: len(deliveries), Target: s.Target, Skip: s.Reason})
	}
	work := &Work{RunHeader: header, Job: jp.Job, Deliveries: make([]DeliveryState, len(deliveries))}
	for i, d := range deliveries {
		work.Deliveries[i] = DeliveryState{Delivery: d, Outcome: Pending}
	}
	return NewRun{RunHeader: header, Messages: jp.Messages(), Deliveries: deliveries}, work
}

// Messages are the distinct messages of the job's firing as history keeps
// them, sensitive values redacted.
func (jp *JobPlan) Messages() []StoredMessage { return slices.Collect(jp.EachMessage()) }

// EachMessage yields them one by one: those of 100,000 phones, each with its own,
// need not all be in memory.
func (jp *JobPlan) EachMessage() iter.Seq[StoredMessage] {
	return func(yield func(StoredMessage) bool) {
		if len(jp.Fire.Deliveries) == 0 {
			return
		}
		if jp.Job.Type == schema.UserEvent || !jp.Job.MessageVaries() {
			yield(jp.Fire.First.stored(jp.Fire.Deliveries[0].Message))
			return
		}
		targets := targetFinder{all: jp.Job.Targets}
		seen := make(map[string]bool, len(jp.Fire.Deliveries))
		for _, d := range jp.Fire.Deliveries {
			if seen[d.Message] {
				continue
			}
			seen[d.Message] = true
			m, diags := jp.Job.Message(targets.find(d.Target))
			if diags.HasErrors() { // the plan evaluated it already: cannot happen
				continue
			}
			if !yield(sentNotify(targets.last, m).stored(d.Message)) {
				return
			}
		}
	}
}

// targetFinder finds the targets of a job by their names, which are mostly asked
// for in the order of the targets.
type targetFinder struct {
	all    []schema.Target
	next   int
	last   schema.Target // that was found
	byName map[string]schema.Target
}

func (f *targetFinder) find(name string) schema.Target {
	if f.byName == nil {
		for ; f.next < len(f.all); f.next++ {
			if t := f.all[f.next]; t.String() == name {
				f.last = t
				return t
			}
		}
		f.byName = make(map[string]schema.Target, len(f.all))
		for _, t := range f.all {
			f.byName[t.String()] = t
		}
	}
	f.last = f.byName[name]
	return f.last
}

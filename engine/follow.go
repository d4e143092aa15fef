package engine

import (
	"slices"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// following is an after trigger that fires.
type following struct {
	key   TriggerKey
	last  Owed   // the run that ended last of those it follows now
	paid  []Debt // which it takes with it
	depth int    // of the deepest of them
	due   time.Time
}

// follow decides which after triggers fire at now for the runs that they are
// owed, and which debts are off because the runs did not end as the trigger
// asks, or the trigger is no more. It says when to look again if no run ends
// first. A trigger that follows several jobs fires when it has a run of each,
// and then waits for a run of each anew: what fires, and when, follows from the
// ends of the runs alone, whenever it is looked at them.
func (s *Serving) follow(owed []Owed, now time.Time) (fire []following, off []Debt, wake time.Time) {
	byFollower := map[TriggerKey][]Owed{}
	var order []TriggerKey
	owes := make(map[Debt]bool, len(owed))
	for _, o := range owed {
		owes[o.Debt] = true
	}
	for _, o := range owed {
		key, ok := s.follower(o, owes)
		if !ok {
			off = append(off, o.Debt)
			continue
		}
		owes[Debt{o.Run, key}] = true
		if len(byFollower[key]) == 0 {
			order = append(order, key)
		}
		byFollower[key] = append(byFollower[key], o)
	}
	for _, key := range order {
		t := s.after(key)
		f := following{key: key}
		arrived := map[string]Owed{}
		for _, o := range byFollower[key] {
			switch {
			case o.Ended.IsZero():
			case !counts(t.On, o.Outcomes):
				off = append(off, o.Debt)
			default:
				if was, ok := arrived[o.Job]; ok { // one of each is enough: those that wait for the others must not become ever more
					if was.Depth > o.Depth {
						was, o = o, was
					}
					off = append(off, was.Debt)
				}
				arrived[o.Job] = o
				if len(arrived) < len(t.Jobs) {
					continue
				}
				f.last = o
				for _, job := range t.Jobs {
					f.paid = append(f.paid, arrived[job].Debt)
					f.depth = max(f.depth, arrived[job].Depth)
				}
				if f.due = o.Ended.Add(t.Delay); !f.due.After(now) {
					fire = append(fire, f)
				} else if wake.IsZero() || f.due.Before(wake) {
					wake = f.due
				}
				f = following{key: key}
				clear(arrived)
			}
		}
	}
	return fire, off, wake
}

// follower finds the after trigger that a debt is for: the one with its index, or,
// where that follows the job no longer since triggers were added or taken away
// before it, the first that does and that the run owes nothing yet.
func (s *Serving) follower(o Owed, owes map[Debt]bool) (TriggerKey, bool) {
	if t := s.after(o.Follower); t != nil && slices.Contains(t.Jobs, o.Job) {
		return o.Follower, true
	}
	for _, key := range s.followers[o.Job] {
		if key.Job == o.Follower.Job && !owes[Debt{o.Run, key}] {
			return key, true
		}
	}
	return TriggerKey{}, false
}

// counts tells whether a run that ended so is one that on asks for.
func counts(on schema.AfterOn, outcomes map[Outcome]int) bool {
	success := Succeeded(outcomes)
	switch on {
	case schema.AfterSuccess:
		return success
	case schema.AfterFailure:
		return !success
	}
	return true
}

// Succeeded tells whether a run that ended so has succeeded: whether every
// delivery was accepted, or better.
func Succeeded(outcomes map[Outcome]int) bool {
	for o, n := range outcomes {
		if n > 0 && !o.Good() {
			return false
		}
	}
	return true
}

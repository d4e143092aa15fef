package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// Moved is a job that goes by another address from a publication on: what was
// applied and delivered, up to when its due times are settled, and its pause stay
// with it, and its open runs go on under the new address. Runs that have ended
// keep the address that they were sent under; they are found by either.
type Moved struct {
	From, To string
	Serial   uint64 // of the publication; set by the ledger
}

// Addresses are those of all jobs that the state has anything of: what was applied,
// what was delivered, an open run or a pause. They are sorted.
func (s *State) Addresses() []string {
	all := slices.Concat(slices.Collect(maps.Keys(s.Jobs)), slices.Collect(maps.Keys(s.Delivered)), slices.Collect(maps.Keys(s.Pauses)))
	for _, r := range s.Open {
		all = append(all, r.Job)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Find returns those of the Addresses that are at one, which may be that of a block
// or of a module with all that is in it, or an error that says which one may have
// been meant.
func (s *State) Find(address string) ([]string, error) { return jobsAt(address, s.Addresses()) }

// Move gives what is moved if a state is to do a move by itself, by hand. It
// refuses to move nothing, onto something, or a job with open runs, which go by
// the address that they have.
func (s *State) Move(m schema.Move) ([]Moved, error) {
	moved, blocked := findMoved([]schema.Move{m}, s)
	for _, b := range blocked {
		return nil, fmt.Errorf("the state has %s already; nothing was moved", b.to)
	}
	if len(moved) == 0 {
		found, err := s.Find(m.From)
		if err == nil {
			err = fmt.Errorf("it has no instance without a key; it has %s", strings.Join(found[:min(len(found), 5)], ", "))
		}
		return nil, err
	}
	there, _ := s.Find(m.To)
	for _, job := range there {
		if !slices.ContainsFunc(moved, func(pair Moved) bool { return pair.From == job }) {
			return nil, fmt.Errorf("the state has %s already; nothing was moved", job)
		}
	}
	for _, pair := range moved {
		if err := s.Idle(pair.From); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// Idle returns an error if a job has open runs.
func (s *State) Idle(job string) error {
	for _, r := range s.Open {
		if r.Job == job {
			return fmt.Errorf("%s has an open run, %s; apply goes on with it, or, if the job is no longer declared, ends it", job, r.ID)
		}
	}
	return nil
}

// findMoved applies moves, in their order, to the addresses that a state knows. A
// job is not moved to where another one was applied: taken are those.
func findMoved(moves []schema.Move, state *State) (moved []Moved, taken []blockedMove) {
	if len(moves) == 0 {
		return nil, nil
	}
	at := map[string][]string{} // jobs, by the addresses that they are at; also such as have left
	now := map[string]string{}  // from the address of the state to the present one
	was := map[string]string{}  // the other way round
	put := func(from, to string) {
		now[from], was[to] = to, from
		for _, place := range schema.Containers(to) {
			at[place] = append(at[place], to)
		}
	}
	for _, job := range state.Addresses() {
		put(job, job)
	}
	for _, m := range moves {
		for _, job := range slices.Clone(at[m.From]) {
			from, here := was[job]
			to, ok := m.Apply(job)
			if !here || !ok {
				continue
			}
			if other, ok := was[to]; ok {
				if _, applied := state.Jobs[other]; applied {
					taken = append(taken, blockedMove{m, job, to})
					continue
				}
				delete(now, other) // it was fired by hand or paused at most: that is joined
			}
			delete(was, job)
			put(from, to)
		}
	}
	for from, to := range now {
		if from != to {
			moved = append(moved, Moved{From: from, To: to})
		}
	}
	slices.SortFunc(moved, func(a, b Moved) int { return strings.Compare(a.From, b.From) })
	return moved, taken
}

// blockedMove is a move of a job to where there is another.
type blockedMove struct {
	schema.Move
	from, to string
}

func (b blockedMove) diagnostic() *hcl.Diagnostic {
	return &hcl.Diagnostic{
		Severity: hcl.DiagWarning, Summary: "Job not moved", Subject: &b.DeclRange,
		Detail: b.from + " has not moved to " + b.to + ", since the state has both: what " + b.from + " has had is not taken over. If nobody is to know of it any more, take the moved block out.",
	}
}

// moves are those of a plan.
type moves struct {
	Options
	taken  []Moved           // those that take part
	former map[string]string // of these, the address of before, by the present one
	left   map[string]bool   // addresses, of before and after, of those that do not
}

// planMoves finds the jobs that are moved. One takes part, as do all others, if
// Options select it by the address of before or of after; else it is left where
// it is, and is not taken for removed.
func planMoves(cfg *schema.Config, state *State, opts Options) (moves, hcl.Diagnostics) {
	moved, blocked := findMoved(cfg.Moves, state)
	m := moves{Options: opts, former: map[string]string{}, left: map[string]bool{}}
	for _, pair := range moved {
		if opts.selects(pair.From, pair.To) {
			m.taken = append(m.taken, pair)
			m.former[pair.To] = pair.From
		} else {
			m.left[pair.From], m.left[pair.To] = true, true
		}
	}
	var diags hcl.Diagnostics
	for _, b := range blocked {
		if _, applied := state.Jobs[b.from]; applied {
			diags = append(diags, b.diagnostic())
		}
	}
	return m, diags
}

// selects tells whether a job takes part in the plan.
func (m *moves) selects(address string) bool {
	if former, ok := m.former[address]; ok {
		return m.Options.selects(former, address)
	}
	return !m.left[address] && m.Options.selects(address)
}

// renamed is the state as it is once these are moved.
func (s *State) renamed(moved []Moved) *State {
	if len(moved) == 0 {
		return s
	}
	now := *s
	now.Jobs, now.Delivered, now.Pauses, now.Open = maps.Clone(s.Jobs), maps.Clone(s.Delivered), maps.Clone(s.Pauses), slices.Clone(s.Open)
	to := make(map[string]string, len(moved))
	for _, m := range moved {
		to[m.From] = m.To
		if j, ok := now.Jobs[m.From]; ok {
			j.Address = m.To
			now.Jobs[m.To] = j
			delete(now.Jobs, m.From)
		}
		if had := now.Delivered[m.From]; had != nil {
			had = maps.Clone(had)
			maps.Copy(had, now.Delivered[m.To]) // by hand, and later
			now.Delivered[m.To] = had
			delete(now.Delivered, m.From)
		}
		if p, ok := now.Pauses[m.From]; ok {
			if _, ok := now.Pauses[m.To]; !ok {
				p.Job = m.To
				now.Pauses[m.To] = p
			}
			delete(now.Pauses, m.From)
		}
	}
	for i, r := range now.Open {
		if job, ok := to[r.Job]; ok {
			now.Open[i].Job = job
		}
	}
	return &now
}

package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

var errDiskFull = errors.New("disk full")

// memory is a DaemonLedger that keeps all in memory and is as strict as one on
// disk: it refuses what the rules of the interface forbid. Its readers see what
// it holds at any time.
type memory struct {
	mu        sync.Mutex
	full      time.Time // until when writing fails
	serial    uint64
	control   uint64
	newest    uint64 // the serial that brought the newest snapshot
	jobs      map[string]AppliedJob
	snapshots map[uint64][]byte
	delivered map[string]map[string]Delivered
	runs      map[string]*memoryRun
	order     []*memoryRun
	open      []*memoryRun
	settled   map[TriggerKey]time.Time
	owed      []Debt
	listened  map[string]time.Time
	pauses    map[string]Pause
	missed    []Missed
	moved     []Moved
	reported  *DaemonStatus
	fires     int     // calls of Fire that were written
	refused   []error // what no daemon may ask for
}

// memoryRun is a run with its deliveries; their outcomes are those of the last
// attempts.
type memoryRun struct {
	NewRun
	serial   uint64
	fired    time.Time // when it was recorded
	claims   map[[2]int]bool
	attempts map[[2]int]Attempt // by position and number
	states   []DeliveryState
	ended    time.Time
	outcomes map[Outcome]int
}

func newMemory() *memory {
	return &memory{
		jobs: map[string]AppliedJob{}, snapshots: map[uint64][]byte{}, delivered: map[string]map[string]Delivered{},
		runs: map[string]*memoryRun{}, settled: map[TriggerKey]time.Time{}, listened: map[string]time.Time{}, pauses: map[string]Pause{},
	}
}

// fillUp makes writing fail for a while.
func (m *memory) fillUp(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = time.Now().Add(d)
}

func (m *memory) write(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Now().Before(m.full) {
		return errDiskFull
	}
	err := f()
	if err != nil && err != ErrStale {
		m.refused = append(m.refused, err)
	}
	return err
}

func (m *memory) read(f func()) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	return nil
}

func (m *memory) State(context.Context) (*State, error) {
	s := &State{Lineage: "memory", Delivered: map[string]map[string]Delivered{}}
	err := m.read(func() {
		s.Serial, s.Newest, s.Jobs, s.Pauses = m.serial, m.newest, maps.Clone(m.jobs), maps.Clone(m.pauses)
		s.Moved = slices.Clone(m.moved)
		for job, targets := range m.delivered {
			s.Delivered[job] = maps.Clone(targets)
		}
		for _, r := range m.open {
			o := OpenRun{RunHeader: r.RunHeader, Serial: r.serial, Deliveries: slices.Clone(r.states)}
			for _, id := range r.Waits {
				if on := m.runs[id]; on.ended.IsZero() || !Succeeded(on.outcomes) {
					o.Waits = append(o.Waits, Waited{id, on.Job, !on.ended.IsZero()})
				}
			}
			s.Open = append(s.Open, o)
		}
	})
	return s, err
}

func (m *memory) Recover(_ context.Context, now time.Time, reason string) (n int, err error) {
	err = m.write(func() error {
		for _, r := range m.order {
			for key := range r.claims {
				n++
				r.attempt(Attempt{Run: r.ID, Seq: key[0], N: key[1], Outcome: Unknown, Text: reason, Started: now, Finished: now})
			}
			clear(r.claims)
		}
		return nil
	})
	return n, err
}

func (m *memory) Publish(_ context.Context, p Publication) error {
	return m.write(func() error {
		if p.Base != m.serial {
			return ErrStale
		}
		if err := m.attempts(p.Canceled); err != nil {
			return err
		}
		if err := m.end(p.Ended, p.Time); err != nil {
			return err
		}
		for _, moved := range p.Moved {
			m.move(moved)
		}
		for _, address := range p.Removed {
			delete(m.jobs, address)
			delete(m.delivered, address)
			delete(m.pauses, address)
			maps.DeleteFunc(m.settled, func(k TriggerKey, _ time.Time) bool { return k.Job == address })
			m.owed = slices.DeleteFunc(m.owed, func(d Debt) bool { return d.Follower.Job == address })
		}
		for _, j := range p.Jobs {
			m.jobs[j.Address] = j
		}
		for _, s := range p.Settled {
			m.settled[s.TriggerKey] = s.Until
		}
		if err := m.begin(p.Runs, m.serial+1, p.Time); err != nil {
			return err
		}
		m.serial++
		if p.Snapshot != nil {
			m.newest = m.serial
			m.snapshots = map[uint64][]byte{m.serial: p.Snapshot}
		}
		return nil
	})
}

// move gives a job another address, where nothing is known of that yet.
func (m *memory) move(moved Moved) {
	from, to := moved.From, moved.To
	if j, ok := m.jobs[from]; ok {
		j.Address = to
		m.jobs[to] = j
		delete(m.jobs, from)
	}
	if had, ok := m.delivered[from]; ok {
		m.delivered[to] = had
		delete(m.delivered, from)
	}
	if p, ok := m.pauses[from]; ok {
		p.Job = to
		m.pauses[to] = p
		delete(m.pauses, from)
	}
	for key, until := range maps.Clone(m.settled) {
		if key.Job == from {
			delete(m.settled, key)
			m.settled[TriggerKey{to, key.Index}] = until
		}
	}
	owed := map[string]bool{}
	for i, d := range m.owed {
		owed[d.Run] = true
		if d.Follower.Job == from {
			m.owed[i].Follower.Job = to
		}
	}
	for _, r := range m.order {
		if r.Job == from && (r.ended.IsZero() || owed[r.ID]) {
			r.Job = to
		}
	}
	m.moved = append(m.moved, Moved{from, to, m.serial + 1})
}

func (m *memory) begin(runs []NewRun, serial uint64, now time.Time) error {
	for _, r := range runs {
		if m.runs[r.ID] != nil {
			return fmt.Errorf("run %s is there already", r.ID)
		}
		messages := map[string]bool{"": true}
		for _, s := range r.Messages {
			messages[s.Digest] = true
		}
		run := &memoryRun{NewRun: r, serial: serial, fired: now, claims: map[[2]int]bool{}, attempts: map[[2]int]Attempt{}}
		for i, d := range r.Deliveries {
			if d.Seq != i || !messages[d.Message] {
				return fmt.Errorf("delivery %d of run %s has position %d and message %q", i, r.ID, d.Seq, d.Message)
			}
			run.states = append(run.states, DeliveryState{Delivery: d, Outcome: Pending})
		}
		if len(r.Deliveries) == 0 {
			run.ended, run.outcomes = now, map[Outcome]int{}
		}
		m.runs[r.ID] = run
		m.order = append(m.order, run)
		if run.ended.IsZero() {
			m.open = append(m.open, run)
		}
		for _, f := range r.Followers {
			m.owed = append(m.owed, Debt{r.ID, f})
		}
	}
	return nil
}

// attempt puts the end of an attempt in place.
func (r *memoryRun) attempt(a Attempt) {
	r.attempts[[2]int{a.Seq, a.N}] = a
	delete(r.claims, [2]int{a.Seq, a.N})
	s := &r.states[a.Seq]
	s.Attempts = max(s.Attempts, a.N)
	if a.Outcome != NotSent {
		s.Outcome = a.Outcome
	} else {
		s.Outcome = Pending
	}
}

func (m *memory) attempts(all []Attempt) error {
	for _, a := range all {
		r := m.runs[a.Run]
		switch {
		case r == nil || !r.ended.IsZero():
			return fmt.Errorf("end delivery %d of run %s, which is not open", a.Seq, a.Run)
		case a.Seq < 0 || a.Seq >= len(r.states):
			return fmt.Errorf("end delivery %d of run %s, which has %d", a.Seq, a.Run, len(r.states))
		case a.N > 0 && !r.claims[[2]int{a.Seq, a.N}]:
			return fmt.Errorf("end attempt %d of delivery %d of run %s, which was never claimed", a.N, a.Seq, a.Run)
		}
		if was, ok := r.attempts[[2]int{a.Seq, a.N}]; ok {
			return fmt.Errorf("end attempt %d of delivery %d of run %s, which is %s already", a.N, a.Seq, a.Run, was.Outcome)
		}
	}
	for _, a := range all {
		m.runs[a.Run].attempt(a)
	}
	return nil
}

func (m *memory) end(ids []string, now time.Time) error {
	for _, id := range ids {
		r := m.runs[id]
		if r == nil {
			return fmt.Errorf("end run %s: there is none", id)
		}
		if !r.ended.IsZero() {
			continue
		}
		outcomes := map[Outcome]int{}
		for _, s := range r.states {
			if !s.Outcome.Final() || len(r.claims) > 0 {
				return fmt.Errorf("end run %s: its delivery %d is %s, claims %v", id, s.Seq, s.Outcome, r.claims)
			}
			outcomes[s.Outcome]++
			if s.Revision != "" && (s.Outcome.Good() || s.Outcome == Unknown) {
				if m.delivered[r.Job] == nil {
					m.delivered[r.Job] = map[string]Delivered{}
				}
				m.delivered[r.Job][s.Target] = Delivered{s.Revision, s.Outcome, id}
			}
		}
		r.ended, r.outcomes = now, outcomes
	}
	m.open = slices.DeleteFunc(m.open, func(r *memoryRun) bool { return !r.ended.IsZero() })
	return nil
}

func (m *memory) Commit(_ context.Context, b Batch) error {
	return m.write(func() error {
		// All or nothing: what can be refused is looked at first.
		for _, c := range b.Claims {
			r := m.runs[c.Run]
			if r == nil || !r.ended.IsZero() || c.First < 0 || c.Last >= len(r.states) {
				return fmt.Errorf("claim %+v", c)
			}
			for seq := c.First; seq <= c.Last; seq++ {
				if _, had := r.attempts[[2]int{seq, c.N}]; had || r.claims[[2]int{seq, c.N}] || c.N < 1 {
					return fmt.Errorf("claim %+v again", c)
				}
			}
		}
		if err := m.attempts(b.Attempts); err != nil {
			return err
		}
		for _, c := range b.Claims {
			r := m.runs[c.Run]
			for seq := c.First; seq <= c.Last; seq++ {
				r.claims[[2]int{seq, c.N}] = true
				r.states[seq].Outcome, r.states[seq].Attempts = InFlight, c.N
			}
		}
		return m.end(b.Ended, b.Time)
	})
}

func (m *memory) Runs(_ context.Context, q RunQuery) ([]RunSummary, error) {
	var all []RunSummary
	err := m.read(func() {
		from := m.order
		if q.ID != "" {
			from = []*memoryRun{m.runs[q.ID]}
		}
		for _, r := range slices.Backward(from) {
			if r != nil {
				all = append(all, RunSummary{RunHeader: r.RunHeader, Ended: r.ended, Total: len(r.states), Outcomes: r.outcomes})
			}
		}
	})
	if q.ID != "" && len(all) == 0 {
		err = cmp.Or(err, errors.New("no such run"))
	}
	return all, err
}

func (m *memory) History(context.Context, HistoryQuery) iter.Seq2[HistoryEntry, error] {
	return func(func(HistoryEntry, error) bool) {}
}

func (m *memory) Message(context.Context, string) (json.RawMessage, error) { return nil, nil }
func (m *memory) Prunable(context.Context, time.Time) (Prunable, error)    { return Prunable{}, nil }
func (m *memory) Prune(context.Context, time.Time, func(Pruned)) (Pruned, error) {
	return Pruned{}, nil
}
func (m *memory) Close() error { return nil }

func (m *memory) Fire(_ context.Context, f Firings) error {
	return m.write(func() error {
		if f.Base != m.newest {
			return ErrStale
		}
		if err := m.begin(f.Runs, m.serial, f.Time); err != nil {
			return err
		}
		for _, s := range f.Settled {
			if s.Until.After(m.settled[s.TriggerKey]) {
				m.settled[s.TriggerKey] = s.Until
			}
		}
		m.missed = append(m.missed, f.Missed...)
		m.owed = slices.DeleteFunc(m.owed, func(d Debt) bool { return slices.Contains(f.Paid, d) })
		maps.Copy(m.listened, f.Listened)
		m.fires++
		return nil
	})
}

func (m *memory) Version(context.Context) (v Version, err error) {
	err = m.read(func() { v = Version{m.serial, m.control} })
	return v, err
}

func (m *memory) Applied(context.Context) (*Applied, error) {
	a := &Applied{Jobs: map[string]uint64{}}
	err := m.read(func() {
		a.Serial, a.Snapshots, a.Moved = m.newest, maps.Clone(m.snapshots), slices.Clone(m.moved)
		for address := range m.jobs {
			a.Jobs[address] = m.newest
		}
	})
	return a, err
}

func (m *memory) Settled(context.Context) (s map[TriggerKey]time.Time, err error) {
	err = m.read(func() { s = maps.Clone(m.settled) })
	return s, err
}

func (m *memory) Owed(context.Context) (all []Owed, err error) {
	err = m.read(func() {
		for _, d := range m.owed {
			r := m.runs[d.Run]
			all = append(all, Owed{d, r.Job, r.Cause.Depth, r.ended, r.outcomes})
		}
	})
	slices.SortStableFunc(all, func(a, b Owed) int {
		if a.Ended.IsZero() != b.Ended.IsZero() {
			return cmp.Compare(b.Ended.Unix(), a.Ended.Unix()) // open ones last
		}
		return a.Ended.Compare(b.Ended)
	})
	return all, err
}

func (m *memory) Listened(context.Context) (l map[string]time.Time, err error) {
	err = m.read(func() { l = maps.Clone(m.listened) })
	return l, err
}

func (m *memory) Pause(_ context.Context, p Pause) error {
	return m.write(func() error {
		m.control++
		m.pauses[p.Job] = p
		return nil
	})
}

func (m *memory) Unpause(_ context.Context, job string) (was bool, err error) {
	err = m.write(func() error {
		_, was = m.pauses[job]
		m.control++
		delete(m.pauses, job)
		return nil
	})
	return was, err
}

func (m *memory) Pauses(context.Context) (p map[string]Pause, err error) {
	err = m.read(func() { p = maps.Clone(m.pauses) })
	return p, err
}

func (m *memory) Missed(context.Context, MissedQuery) iter.Seq2[Missed, error] {
	return func(func(Missed, error) bool) {}
}

func (m *memory) Report(_ context.Context, s DaemonStatus) error {
	return m.write(func() error { m.reported = &s; return nil })
}

func (m *memory) Reported(context.Context) (s *DaemonStatus, err error) {
	err = m.read(func() { s = m.reported })
	return s, err
}

package engine

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// stage is a daemon with a record in memory and PBXs that a test plays. It
// lives in a synctest bubble.
type stage struct {
	*testing.T
	*memory
	configs map[uint64]*schema.Config
	links   map[string]*stageLink // by PBX address, the newest
	every   []*stageLink

	answer  answering
	away    bool // the PBXs cannot be reached
	drain   time.Duration
	refresh func(context.Context, Refreshment) (map[string]*schema.Job, error)
	slow    time.Duration

	daemon *Daemon
	reload chan struct{}
	stop   context.CancelFunc
	done   chan error
	said   *strings.Builder
}

// answering is what a PBX says to an action, and when; nil: Success at once.
type answering func(pbx, id string, a amiclient.Action) (after time.Duration, err error)

// answers has the PBXs answer so from now on.
func (s *stage) answers(f answering) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	s.answer = f
}

// mute has the PBXs be away, or back.
func (s *stage) mute(away bool) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	s.away, s.answer = away, nil
	if away {
		s.answer = func(string, string, amiclient.Action) (time.Duration, error) { return 0, errNotWritten }
	}
}

// slowly has all answers come after a while.
func slowly(d time.Duration) answering {
	return func(string, string, amiclient.Action) (time.Duration, error) { return d, nil }
}

func newStage(t *testing.T) *stage {
	return &stage{T: t, memory: newMemory(), configs: map[uint64]*schema.Config{}, links: map[string]*stageLink{}, drain: 10 * time.Second}
}

// apply publishes a configuration as notifyrun apply does beside a daemon. It
// may be planned with jobs that fire by change.
func (s *stage) apply(cfg *schema.Config) {
	s.Helper()
	state, _ := s.State(context.Background())
	p, diags := NewPlan(cfg, state, time.Now(), Options{})
	if diags.HasErrors() {
		s.Fatal(diags)
	}
	pub, _ := p.Publication(time.Now(), []byte("x"))
	pub.Canceled, pub.Ended = nil, nil
	s.memory.mu.Lock()
	s.configs[state.Serial+1] = cfg
	s.memory.mu.Unlock()
	if err := s.Publish(context.Background(), pub); err != nil {
		s.Fatal(err)
	}
}

// begin starts a daemon on what the record holds.
func (s *stage) begin() {
	s.said = &strings.Builder{}
	ctx, stop := context.WithCancel(context.Background())
	s.stop, s.done, s.reload = stop, make(chan error, 1), make(chan struct{})
	log := slog.New(slog.NewTextHandler(&locked{to: s.said}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s.daemon = &Daemon{
		Ledger: s.memory, Log: log, Drain: s.drain, Reload: s.reload, Refresh: s.refresh, slow: s.slow,
		Load: func(_ context.Context, a *Applied) (map[uint64]*schema.Config, error) {
			s.memory.mu.Lock()
			defer s.memory.mu.Unlock()
			configs := map[uint64]*schema.Config{}
			for serial := range a.Snapshots {
				if configs[serial] = s.configs[serial]; configs[serial] == nil {
					return nil, fmt.Errorf("serial %d: no value for var.secret", serial)
				}
			}
			return configs, nil
		},
		Connect: func(p *schema.PBX) (Link, error) {
			s.memory.mu.Lock()
			defer s.memory.mu.Unlock()
			l := &stageLink{stage: s, pbx: p.Address}
			s.links[p.Address] = l
			s.every = append(s.every, l)
			return l, nil
		},
	}
	go func() { s.done <- s.daemon.Run(ctx) }()
	synctest.Wait()
}

// end stops the daemon in order.
func (s *stage) end() {
	s.Helper()
	s.stop()
	if err := <-s.done; err != nil {
		s.Fatal(err)
	}
	for _, err := range s.refused {
		s.Errorf("the ledger refused: %v", err)
	}
}

// sleep lets time pass.
func (s *stage) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// link is the present link to pbx.hq.
func (s *stage) link() *stageLink {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	return s.links["pbx.hq"]
}

// runsOf are the runs of a job as they are now, oldest first.
func (s *stage) runsOf(job string) (list []*memoryRun) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	for _, r := range s.order {
		if r.Job == job {
			now := *r
			now.attempts, now.states = maps.Clone(r.attempts), slices.Clone(r.states)
			list = append(list, &now)
		}
	}
	return list
}

// missedOf is what was recorded as missed of a job, or with "" of PBXs.
func (s *stage) missedOf(job string) (list []Missed) {
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	for _, m := range s.missed {
		if m.Job == job {
			list = append(list, m)
		}
	}
	return list
}

// locked keeps a log in one piece.
type locked struct {
	mu sync.Mutex
	to *strings.Builder
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// stageLink is a PBX that a test plays.
type stageLink struct {
	stage *stage
	pbx   string

	mu      sync.Mutex
	closed  bool
	sent    []string // action ids
	sources []*stageSource
}

func (l *stageLink) Do(context.Context, amiclient.Action) (*amiclient.Message, error) {
	if up, _ := l.Connected(); !up {
		return nil, errNotWritten
	}
	return &amiclient.Message{}, nil
}

// List knows of no endpoint, so that it is Asterisk that says what becomes of it.
func (l *stageLink) List(context.Context, amiclient.Action) iter.Seq2[*amiclient.Message, error] {
	return func(func(*amiclient.Message, error) bool) {}
}

func (l *stageLink) Go(ctx context.Context, id string, a amiclient.Action, done func(*amiclient.Message, error)) error {
	l.mu.Lock()
	l.sent = append(l.sent, id)
	l.mu.Unlock()
	var after time.Duration
	var err error
	l.stage.memory.mu.Lock()
	answer := l.stage.answer
	l.stage.memory.mu.Unlock()
	if answer != nil {
		after, err = answer(l.pbx, id, a)
	}
	go func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			err = &amiclient.ConnError{Op: a.Name, Written: true, Err: ctx.Err()}
		}
		if err != nil {
			done(nil, err)
			return
		}
		done(amiclient.NewMessage(amiclient.Header{Name: "Message", Value: "NOTIFY sent"}), nil)
	}()
	return nil
}

func (l *stageLink) Listen(_ context.Context, names []string) (EventSource, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &stageSource{names: names, wake: make(chan struct{}, 1)}
	l.sources = append(l.sources, s)
	return s, nil
}

func (l *stageLink) Connected() (sending, events bool) {
	l.stage.memory.mu.Lock()
	defer l.stage.memory.mu.Unlock()
	return !l.stage.away, !l.stage.away
}

func (l *stageLink) Refused() error { return nil }

func (l *stageLink) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

// raise has all that listen receive an event.
func (l *stageLink) raise(name string, headers ...string) {
	all := []amiclient.Header{{Name: "Event", Value: name}}
	for i := 0; i < len(headers); i += 2 {
		all = append(all, amiclient.Header{Name: headers[i], Value: headers[i+1]})
	}
	m := amiclient.NewMessage(all...)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sources {
		s.put(m, nil)
	}
}

// lose has all that listen hear that events may be missing here.
func (l *stageLink) lose(err *amiclient.MissedError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sources {
		s.put(nil, err)
	}
}

// stageSource is an EventSource with a queue without end.
type stageSource struct {
	names []string
	wake  chan struct{}

	mu    sync.Mutex
	queue []stageEvent
}

type stageEvent struct {
	m   *amiclient.Message
	err error
}

func (s *stageSource) put(m *amiclient.Message, missed *amiclient.MissedError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := stageEvent{m: m}
	if missed != nil {
		e.err = missed
	}
	s.queue = append(s.queue, e)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *stageSource) Next(ctx context.Context) (*amiclient.Message, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			e := s.queue[0]
			s.queue = s.queue[1:]
			s.mu.Unlock()
			return e.m, e.err
		}
		s.mu.Unlock()
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *stageSource) Close() {}

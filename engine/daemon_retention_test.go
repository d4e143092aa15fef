package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pruner is a ledger that can only be pruned, and notes when and up to when.
type pruner struct {
	DaemonLedger
	began time.Time

	mu    sync.Mutex
	calls []string
	fail  bool
}

func (p *pruner) failing(fail bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

func (p *pruner) Prune(_ context.Context, before time.Time, _ func(Pruned)) (Pruned, error) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, now.Sub(p.began).String()+": older than "+now.Sub(before).String())
	if p.fail {
		return Pruned{Runs: 1}, errors.New("the disk is full")
	}
	return Pruned{Runs: 2}, nil
}

// A daemon prunes soon after its start and once a day; it goes by a retention
// that comes later, and tries again after an hour what has failed.
func TestDaemon_retain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pruner{began: time.Now()}
		l := &loop{Daemon: &Daemon{Ledger: p, Log: slog.New(slog.DiscardHandler)}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { l.retain(ctx); close(done) }()
		after := func(d time.Duration, want ...string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			p.mu.Lock()
			calls := p.calls
			p.calls = nil
			p.mu.Unlock()
			if diff := cmp.Diff(want, calls); diff != "" {
				t.Errorf("pruned (-want +got):\n%s", diff)
			}
		}
		after(90 * time.Minute) // nothing asks for it
		l.retention.Store(int64(48 * time.Hour))
		after(time.Hour, "2h1m0s: older than 48h0m0s")
		after(23 * time.Hour)
		p.failing(true)
		after(2*time.Hour, "26h1m0s: older than 48h0m0s", "27h1m0s: older than 48h0m0s")
		p.failing(false)
		after(time.Hour, "28h1m0s: older than 48h0m0s")
		after(24*time.Hour, "52h1m0s: older than 48h0m0s")
		cancel()
		<-done
	})
}

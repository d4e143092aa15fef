//go:build unix

package engine_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

// nowhere is a PBX that answers at once and does nothing.
type nowhere struct{}

func (nowhere) Do(context.Context, amiclient.Action) (*amiclient.Message, error) {
	return &amiclient.Message{}, nil
}

func (nowhere) List(context.Context, amiclient.Action) iter.Seq2[*amiclient.Message, error] {
	return func(func(*amiclient.Message, error) bool) {}
}

var success = amiclient.NewMessage(amiclient.Header{Name: "Response", Value: "Success"}, amiclient.Header{Name: "Message", Value: "Notify Sent"})

func (nowhere) Go(_ context.Context, _ string, _ amiclient.Action, done func(*amiclient.Message, error)) error {
	done(success, nil)
	return nil
}

func (nowhere) Listen(context.Context, []string) (engine.EventSource, error) { return nil, nil }
func (nowhere) Connected() (sending, events bool)                            { return true, true }
func (nowhere) Refused() error                                               { return nil }

func (nowhere) Close() error { return nil }

// forgetful is a ledger that takes everything and keeps what was published.
type forgetful struct {
	engine.DaemonLedger
	applied engine.Applied
	settled map[engine.TriggerKey]time.Time
}

func (f *forgetful) Publish(_ context.Context, p engine.Publication) error {
	f.applied = engine.Applied{Serial: 1, Snapshots: map[uint64][]byte{1: p.Snapshot}, Jobs: map[string]uint64{}}
	f.settled = map[engine.TriggerKey]time.Time{}
	for _, j := range p.Jobs {
		f.applied.Jobs[j.Address] = 1
	}
	for _, s := range p.Settled {
		f.settled[s.TriggerKey] = s.Until
	}
	return nil
}

func (f *forgetful) State(context.Context) (*engine.State, error)      { return &engine.State{}, nil }
func (f *forgetful) Commit(context.Context, engine.Batch) error        { return nil }
func (f *forgetful) Fire(context.Context, engine.Firings) error        { return nil }
func (f *forgetful) Report(context.Context, engine.DaemonStatus) error { return nil }
func (f *forgetful) Applied(context.Context) (*engine.Applied, error)  { return &f.applied, nil }
func (f *forgetful) Owed(context.Context) ([]engine.Owed, error)       { return nil, nil }
func (f *forgetful) Version(context.Context) (engine.Version, error) {
	return engine.Version{Serial: 1}, nil
}
func (f *forgetful) Settled(context.Context) (map[engine.TriggerKey]time.Time, error) {
	return f.settled, nil
}
func (f *forgetful) Listened(context.Context) (map[string]time.Time, error) {
	return map[string]time.Time{}, nil
}
func (f *forgetful) Pauses(context.Context) (map[string]engine.Pause, error) {
	return map[string]engine.Pause{}, nil
}

// lateness gathers how late each firing was once it was on record.
type lateness struct {
	mu     sync.Mutex
	counts bool
	late   []time.Duration
	ended  int
	missed int64
}

func (l *lateness) Fired(_, _ string, late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts {
		l.late = append(l.late, late)
	}
}

func (l *lateness) NotFired(_ string, _ engine.MissedReason, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts {
		l.missed += n
	}
}

func (l *lateness) Delivered(string, string, engine.Outcome, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts {
		l.ended++
	}
}

func (l *lateness) Received(string, string, bool) {}
func (l *lateness) Dropped(string, int)           {}
func (l *lateness) Wrote(time.Duration, error)    {}

// measure is from when on it counts.
func (l *lateness) measure(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = on
}

// BenchmarkDaemon_rate keeps a whole daemon for ten seconds in real time, with
// jobs of one phone each, into a PBX that answers at once: 10,000 firings a second,
// without a ledger and with one on disk; and 100,000 jobs that are due once a
// minute, spread over it by their jitter; and as many that are hardly ever due.
func BenchmarkDaemon_rate(b *testing.B) {
	const long = 10 * time.Second
	for _, c := range []struct {
		name, cron, jitter string
		n                  int
		disk               bool
		warm               time.Duration
	}{
		{"10000 a second, no ledger", "@every 1s", "1s", 10_000, false, 2 * time.Second},
		{"10000 a second, on disk", "@every 1s", "1s", 10_000, true, 2 * time.Second},
		{"1000 a second, on disk", "@every 1s", "1s", 1000, true, 2 * time.Second},
		{"100000 a minute, no ledger", "* * * * *", "1m", 100_000, false, time.Minute},
		{"100000 a day, no ledger", "@every 24h", "24h", 100_000, false, 2 * time.Second},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			cfg := manyJobs(b, dir, c.n, c.cron, c.jitter)
			for b.Loop() {
				var led engine.DaemonLedger = &forgetful{}
				if c.disk {
					s, err := ledger.Open(b.Context(), filepath.Join(b.TempDir(), "notifyrun.db"), ledger.ReadWrite)
					if err != nil {
						b.Fatal(err)
					}
					defer s.Close()
					led = s
				}
				p, diags := engine.NewPlan(cfg, &engine.State{}, time.Now(), engine.Options{})
				if diags.HasErrors() {
					b.Fatal(diags)
				}
				pub, _ := p.Publication(time.Now(), []byte("x"))
				if err := led.Publish(b.Context(), pub); err != nil {
					b.Fatal(err)
				}
				seen := &lateness{}
				d := &engine.Daemon{
					Ledger: led, Log: slog.New(slog.DiscardHandler), Observer: seen, Drain: 10 * time.Second,
					Load: func(context.Context, *engine.Applied) (map[uint64]*schema.Config, error) {
						return map[uint64]*schema.Config{1: cfg}, nil
					},
					Connect: func(*schema.PBX) (engine.Link, error) { return nowhere{}, nil },
				}
				ctx, stop := context.WithCancel(b.Context())
				done := make(chan error, 1)
				go func() { done <- d.Run(ctx) }()
				for !d.Now().Ready || d.Now().Due < c.n {
					time.Sleep(10 * time.Millisecond)
				}
				debug.FreeOSMemory()
				time.Sleep(c.warm) // what has gathered meanwhile, and the first due times
				seen.measure(true)
				before := cpuTime(b)
				time.Sleep(long)
				used := cpuTime(b) - before
				seen.measure(false)
				stop()
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				slices.Sort(seen.late)
				b.ReportMetric(100*used.Seconds()/long.Seconds(), "cpu-%")
				b.ReportMetric(float64(len(seen.late))/long.Seconds(), "firings/s")
				b.ReportMetric(float64(seen.ended)/long.Seconds(), "ended/s")
				b.ReportMetric(float64(seen.missed), "missed")
				if n := len(seen.late); n > 0 {
					b.ReportMetric(float64(seen.late[n/2].Microseconds())/1000, "p50-ms")
					b.ReportMetric(float64(seen.late[n*99/100].Microseconds())/1000, "p99-ms")
				}
			}
		})
	}
}

// manyJobs is a configuration of n jobs.
func manyJobs(b *testing.B, dir string, n int, cron, jitter string) *schema.Config {
	b.Helper()
	text := fmt.Sprintf(`
pbx "hq" {
  address       = "pbx.example.net"
  username      = "n"
  secret        = "s"
  rate_limit    = "unlimited"
  max_in_flight = 1000
}
sip_notify "x" {
  count   = %d
  pbx     = pbx.hq
  targets = ["SIP/${count.index}"]
  message { event = "check-sync" }
  trigger "schedule" {
    cron   = %q
    jitter = %q
  }
}
`, n, cron, jitter)
	file := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	src, diags := schema.Open(file)
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	cfg, diags := schema.Load(src, schema.Values{Version: "0.1.0"})
	if diags.HasErrors() {
		b.Fatal(diags)
	}
	return cfg
}

// cpuTime is the processor time that the process has had.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

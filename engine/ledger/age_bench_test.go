package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// BenchmarkAge is a state of half a million runs: what it takes to open, check,
// copy and prune it, and how long a daemon that fires 10 schedules at a time has
// to wait meanwhile.
func BenchmarkAge(b *testing.B) {
	const size, jobs = 500_000, 10_000
	runs := func(from, n int) (all []engine.NewRun) {
		for i := from; i < from+n; i++ {
			r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RR%010d", i), 1, 1)
			r.Job, r.Deliveries[0].Target = fmt.Sprintf("sip_notify.lamp[\"%07d\"]", i%jobs), fmt.Sprintf("PJSIP/%d", 100_000+i%jobs)
			r.Messages[0].Digest = fmt.Sprintf("%032d", i%jobs)
			r.Deliveries[0].Message, r.Deliveries[0].Revision = r.Messages[0].Digest, ""
			r.Cause = engine.Cause{Kind: "schedule", Detail: "*/15 * * * *", Fired: &schema.Fired{Kind: "schedule", Due: noon}}
			all = append(all, r)
		}
		return all
	}
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "notifyrun.db")
		s := openWriter(b, path)
		for i := 0; i < size; i += 1000 {
			f := engine.Firings{Runs: runs(i, 1000)}
			ends := engine.Batch{Time: at(i / 1000)}
			for _, r := range f.Runs {
				ends.Attempts = append(ends.Attempts, engine.Attempt{Run: r.ID, N: 1, Outcome: engine.Accepted, Text: "NOTIFY sent", Started: noon, Finished: noon})
				ends.Ended = append(ends.Ended, r.ID)
			}
			if err := errors.Join(s.Fire(b.Context(), f), s.Commit(b.Context(), ends)); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(info.Size())/1e6, "MB")

		var beside *SQLite
		var next atomic.Int64
		next.Store(size)
		lap := func(what string, fn func() error) {
			began := time.Now()
			if err := fn(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(began).Microseconds())/1000, what+"-ms")
		}
		busy := func(what string, fn func() error) {
			stop, done := make(chan struct{}), make(chan []time.Duration)
			go func() {
				var took []time.Duration
				defer func() { done <- took }()
				for {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
					}
					f := engine.Firings{Runs: runs(int(next.Add(10)-10), 10)}
					began := time.Now()
					if err := s.Fire(b.Context(), f); err != nil {
						b.Error(err)
						return
					}
					took = append(took, time.Since(began))
				}
			}()
			lap(what, fn)
			close(stop)
			took := <-done
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, what+"-p99-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, what+"-max-ms")
		}
		lap("open", func() (err error) { s, err = Open(b.Context(), path, ReadWrite); return err })
		lap("open-beside", func() (err error) { beside, err = Open(b.Context(), path, Beside); return err })
		busy("nothing", func() error { time.Sleep(3 * time.Second); return nil })
		lap("check", func() error { return s.Check(b.Context(), false) })
		lap("check-full", func() error { return s.Check(b.Context(), true) })
		busy("backup", func() error { return beside.Backup(b.Context(), path+".bak") })
		busy("prune", func() error {
			p, err := beside.Prune(b.Context(), at(size/2000), nil)
			if err == nil && p.Runs != size/2 {
				err = fmt.Errorf("pruned %+v", p)
			}
			return err
		})
		for range 1000 {
			if _, err := s.Version(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		began := time.Now()
		for range 1000 {
			if _, err := s.Version(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(began).Nanoseconds())/1e6, "version-µs")
		if err := errors.Join(beside.Close(), s.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

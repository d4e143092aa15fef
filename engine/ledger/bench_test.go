package ledger

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// benchRun makes one run of many deliveries; kinds is how many different
// messages they have.
func benchRun(id string, deliveries, kinds int) engine.NewRun {
	r := engine.NewRun{RunHeader: engine.RunHeader{ID: id, Job: "sip_notify.reboot", PBX: "pbx.hq", Created: noon}}
	for i := range kinds {
		r.Messages = append(r.Messages, engine.StoredMessage{Digest: fmt.Sprintf("%s-%032d", id, i), Text: []byte(`{"event":"check-sync;reboot=true"}`)})
	}
	for i := range deliveries {
		r.Deliveries = append(r.Deliveries, engine.Delivery{Seq: i, Target: fmt.Sprintf("PJSIP/%d", 100000+i), Message: r.Messages[i%kinds].Digest, Revision: "0123456789abcdef0123456789abcdef"})
	}
	return r
}

// BenchmarkCommit is the hot path: each batch ends as many attempts as it
// claims deliveries, synced to disk.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := openWriter(b, filepath.Join(b.TempDir(), "notifyrun.db"))
			defer s.Close()
			const batches = 1500
			var batch engine.Batch
			run := 0
			next := func() string {
				run++
				id := fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", run)
				if err := s.Publish(b.Context(), engine.Publication{Base: uint64(run - 1), Time: noon, Runs: []engine.NewRun{benchRun(id, size*batches, 1)}}); err != nil {
					b.Fatal(err)
				}
				return id
			}
			var id string
			n := 0
			b.ResetTimer()
			for b.Loop() {
				if n%batches == 0 {
					b.StopTimer()
					id = next()
					n = 0
					b.StartTimer()
				}
				batch.Attempts = batch.Attempts[:0]
				for i := range size {
					if n > 0 {
						batch.Attempts = append(batch.Attempts, engine.Attempt{Run: id, Seq: (n-1)*size + i, N: 1, Outcome: engine.Accepted, Text: "NOTIFY sent",
							Started: noon.Add(time.Duration(n*size+i) * 20 * time.Microsecond), Finished: noon.Add(time.Duration(n*size+i+50) * 20 * time.Microsecond)})
					}
				}
				batch.Claims = []engine.Claim{{Run: id, First: n * size, Last: n*size + size - 1, N: 1, At: noon}}
				if err := s.Commit(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/delivery")
		})
	}
}

// BenchmarkFire is a daemon that fires 1,000 schedules of one delivery each at a
// time, of 100,000 that it has, and what it then costs to send and end them.
func BenchmarkFire(b *testing.B) {
	const size, jobs = 1000, 100_000
	for _, kinds := range []string{"one message", "each its own"} {
		b.Run(kinds, func(b *testing.B) {
			s := openWriter(b, filepath.Join(b.TempDir(), "notifyrun.db"))
			defer s.Close()
			n := 0
			next := func() engine.Firings {
				f := engine.Firings{Time: noon.Add(time.Duration(n) * time.Millisecond)}
				for i := range size {
					job := (n + i) * 7919 % jobs // in no order that the state knows
					r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RR%010d", n+i), 1, 1)
					r.Job, r.Deliveries[0].Target, r.Deliveries[0].Revision = fmt.Sprintf("sip_notify.lamp[\"%07d\"]", job), fmt.Sprintf("PJSIP/%d", 100_000+job), ""
					r.Cause = engine.Cause{Kind: "schedule", Detail: "*/15 * * * *", Fired: &schema.Fired{Kind: "schedule", Due: f.Time}}
					digest := fmt.Sprintf("%032d", job)
					if kinds == "one message" {
						digest = "00"
					}
					r.Messages[0].Digest, r.Deliveries[0].Message = digest, digest
					f.Runs = append(f.Runs, r)
					f.Settled = append(f.Settled, engine.Settled{TriggerKey: engine.TriggerKey{Job: r.Job}, Until: f.Time})
				}
				n += size
				return f
			}
			var commit time.Duration
			for b.Loop() {
				b.StopTimer()
				f := next()
				b.StartTimer()
				if err := s.Fire(b.Context(), f); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				began := time.Now()
				var claims, ends engine.Batch
				for _, r := range f.Runs {
					claims.Claims = append(claims.Claims, engine.Claim{Run: r.ID, N: 1, At: f.Time})
					ends.Attempts = append(ends.Attempts, engine.Attempt{Run: r.ID, N: 1, Outcome: engine.Accepted, Text: "NOTIFY sent", Started: f.Time, Finished: f.Time})
					ends.Ended = append(ends.Ended, r.ID)
				}
				ends.Time = f.Time
				for _, batch := range []engine.Batch{claims, ends} {
					if err := s.Commit(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
				}
				commit += time.Since(began)
				b.StartTimer()
			}
			b.ReportMetric(size*float64(b.N)/b.Elapsed().Seconds(), "runs/s")
			b.ReportMetric(size*float64(b.N)/commit.Seconds(), "ended-runs/s")
		})
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, kinds := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("100000 deliveries, %d messages", kinds), func(b *testing.B) {
			s := openWriter(b, filepath.Join(b.TempDir(), "notifyrun.db"))
			defer s.Close()
			serial := uint64(0)
			for b.Loop() {
				r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", serial), 100_000, kinds)
				if err := s.Publish(b.Context(), engine.Publication{Base: serial, Time: noon, Runs: []engine.NewRun{r}}); err != nil {
					b.Fatal(err)
				}
				serial++
			}
		})
	}
}

// BenchmarkManyRuns is 10,000 jobs with a run of one delivery each, from the
// publication to the end.
func BenchmarkManyRuns(b *testing.B) {
	const size = 10_000
	for b.Loop() {
		s := openWriter(b, filepath.Join(b.TempDir(), "notifyrun.db"))
		p := engine.Publication{Time: noon}
		for i := range size {
			r := benchRun(fmt.Sprintf("01ARZ3NDEKTSV4RRFF%08d", i), 1, 1)
			r.Job = fmt.Sprintf("sip_notify.job[%q]", fmt.Sprint(i))
			p.Runs = append(p.Runs, r)
		}
		lap := func(what string, fn func() error) {
			began := time.Now()
			if err := fn(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(began).Milliseconds()), what+"-ms")
		}
		lap("publish", func() error { return s.Publish(b.Context(), p) })
		lap("state", func() error { _, err := s.State(b.Context()); return err })
		lap("commits", func() error {
			var batch engine.Batch
			for i := 0; i < size; i += 50 {
				batch.Claims = nil
				for j := range 50 {
					batch.Claims = append(batch.Claims, engine.Claim{Run: p.Runs[i+j].ID, N: 1, At: noon})
				}
				if err := s.Commit(b.Context(), batch); err != nil {
					return err
				}
				batch = engine.Batch{Time: noon}
				for j := range 50 {
					batch.Attempts = append(batch.Attempts, engine.Attempt{Run: p.Runs[i+j].ID, N: 1, Outcome: engine.Accepted})
					batch.Ended = append(batch.Ended, p.Runs[i+j].ID)
				}
			}
			return s.Commit(b.Context(), batch)
		})
		lap("runs", func() error { _, err := s.Runs(b.Context(), engine.RunQuery{}); return err })
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLarge is a state of 100,000 delivered targets and 10,000 jobs, and
// what it costs to end the run that delivered them.
func BenchmarkLarge(b *testing.B) {
	const size = 100_000
	s := openWriter(b, filepath.Join(b.TempDir(), "notifyrun.db"))
	defer s.Close()
	r := benchRun("01ARZ3NDEKTSV4RRFFQ69G5FAV", size, 1)
	p := engine.Publication{Time: noon, Runs: []engine.NewRun{r}}
	for i := range 10_000 {
		p.Jobs = append(p.Jobs, engine.AppliedJob{Address: fmt.Sprintf("sip_notify.job[%q]", fmt.Sprint(i)), Digest: "d", Spec: []byte(`{"event":"check-sync","targets":["PJSIP/1001"]}`)})
	}
	if err := s.Publish(b.Context(), p); err != nil {
		b.Fatal(err)
	}
	for i := 0; i < size; i += 100 {
		batch := engine.Batch{Claims: []engine.Claim{{Run: r.ID, First: i, Last: i + 99, N: 1, At: noon}}}
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		batch = engine.Batch{}
		for j := range 100 {
			batch.Attempts = append(batch.Attempts, engine.Attempt{Run: r.ID, Seq: i + j, N: 1, Outcome: engine.Accepted, Text: "NOTIFY sent", Started: noon, Finished: noon})
		}
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	state := func(b *testing.B) {
		for b.Loop() {
			st, err := s.State(b.Context())
			if err != nil || len(st.Jobs) != 10_000 || len(st.Delivered[r.Job]) != size {
				b.Fatal(len(st.Jobs), len(st.Delivered[r.Job]), err)
			}
		}
	}
	b.Run("State, open", state)
	began := time.Now()
	if err := s.Commit(b.Context(), engine.Batch{Ended: []string{r.ID}, Time: noon}); err != nil {
		b.Fatal(err)
	}
	b.Logf("ending the run took %v", time.Since(began))
	b.Run("State", state)
	for name, q := range map[string]engine.HistoryQuery{"all": {}, "newest 20": {Limit: 20}, "target": {Target: "PJSIP/150000"}, "run, newest 20": {Run: r.ID, Limit: 20}} {
		b.Run("History, "+name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				for _, err := range s.History(b.Context(), q) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			if n == 0 {
				b.Fatal("no entries")
			}
		})
	}
	b.Run("quick_check", func(b *testing.B) {
		for b.Loop() {
			var s1 string
			if err := s.read.QueryRow(`PRAGMA quick_check`).Scan(&s1); err != nil || s1 != "ok" {
				b.Fatal(s1, err)
			}
		}
	})
}

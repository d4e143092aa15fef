package engine

import (
	"context"
	"log/slog"
	"maps"
	"runtime"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// settledLedger is a record in which schedules are settled, and nothing else.
type settledLedger struct {
	DaemonLedger
	settled map[TriggerKey]time.Time
}

func (l settledLedger) Settled(context.Context) (map[TriggerKey]time.Time, error) {
	return l.settled, nil
}
func (l settledLedger) Fire(context.Context, Firings) error { return nil }

// servingMany is a configuration of as many jobs as there are keys, each with one
// schedule.
func servingMany(serial uint64, keys []TriggerKey, triggers []*schema.ScheduleTrigger) *Serving {
	pbx := &schema.PBX{Address: "pbx.hq"}
	s := &Serving{Serial: serial, Jobs: make(map[string]*schema.Job, len(keys)), PBXs: map[string]*schema.PBX{pbx.Address: pbx}}
	for i, key := range keys {
		s.Jobs[key.Job] = &schema.Job{Address: key.Job, PBX: pbx, Enabled: true, Triggers: []schema.Trigger{triggers[i]}}
	}
	return s
}

func benchLoop(settled map[TriggerKey]time.Time) *loop {
	return &loop{Daemon: &Daemon{Ledger: settledLedger{settled: settled}, Log: slog.New(slog.DiscardHandler)}}
}

// BenchmarkDaemon_load puts the schedules of a configuration of a million jobs
// in the timetable, as a daemon does when it starts: the time and the memory
// that this takes beside the configuration itself.
func BenchmarkDaemon_load(b *testing.B) {
	const n = 1_000_000
	keys := manyKeys(n)
	serving := servingMany(1, keys, manyTriggers(b, n))
	settled := make(map[TriggerKey]time.Time, n)
	for _, key := range keys {
		settled[key] = time.Now().Add(-time.Hour)
	}
	var l *loop
	before := heapInUse()
	for b.Loop() {
		l = benchLoop(settled)
		if err := l.swap(b.Context(), &followed{serving: serving, settled: settled}, true, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(heapInUse()-before)/(1<<20), "MiB")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/load")
	if l.table.Len() != n {
		b.Fatalf("%d schedules", l.table.Len())
	}
	runtime.KeepAlive(serving)
}

// BenchmarkDaemon_change takes a new configuration in which 10,000 of the jobs
// are others than before: how long that holds up the loop, and how long it takes
// beside the loop to find what has changed.
func BenchmarkDaemon_change(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"of 10000", 10_000}, {"of 100000", 100_000}, {"of 1000000", 1_000_000}} {
		b.Run(c.name, func(b *testing.B) {
			const change = 10_000
			keys := manyKeys(c.n + change)
			triggers := manyTriggers(b, c.n)
			settled := make(map[TriggerKey]time.Time, len(keys))
			for _, key := range keys {
				settled[key] = time.Now().Add(-time.Hour)
			}
			both := [2]*Serving{servingMany(1, keys[:c.n], triggers), servingMany(2, keys[change:], triggers)}
			l := benchLoop(settled)
			if err := l.swap(b.Context(), &followed{serving: both[1], settled: settled}, true, time.Now()); err != nil {
				b.Fatal(err)
			}
			runtime.GC()
			var found time.Duration
			i := 0
			for b.Loop() {
				start := time.Now()
				f := &followed{serving: both[i%2], from: both[(i+1)%2], settled: settled}
				f.changed = maps.Collect(f.serving.rescheduled(f.from))
				found += time.Since(start)
				if err := l.swap(b.Context(), f, true, time.Now()); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64((b.Elapsed()-found).Milliseconds())/float64(b.N), "ms/change")
			b.ReportMetric(float64(found.Milliseconds())/float64(b.N), "ms-beside")
			if l.table.Len() != c.n {
				b.Fatalf("%d schedules", l.table.Len())
			}
		})
	}
}

package engine

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// manyTriggers gives n triggers with as many schedules as people think of:
// some thousand texts, in several zones, with and without jitter.
func manyTriggers(tb testing.TB, n int) []*schema.ScheduleTrigger {
	tb.Helper()
	r := rand.New(rand.NewPCG(13, 14))
	zones := []*time.Location{
		time.UTC, loadZone(tb, "Europe/Berlin"), loadZone(tb, "America/New_York"), loadZone(tb, "Australia/Sydney"), loadZone(tb, "Asia/Kolkata"),
	}
	texts := []string{"* * * * *", "*/5 * * * *", "@hourly", "@daily", "@weekly", "@every 90s", "@every 10m"}
	for hour := range 24 {
		for minute := range 60 {
			texts = append(texts, fmt.Sprintf("%d %d * * *", minute, hour), fmt.Sprintf("%d %d * * MON-FRI", minute, hour))
		}
	}
	list := make([]*schema.ScheduleTrigger, n)
	for i := range list {
		if i < 10_000 {
			list[i] = scheduleTrigger(tb, texts[r.IntN(len(texts))], zones[r.IntN(len(zones))])
			list[i].Jitter = time.Duration(r.IntN(3)) * 5 * time.Minute
		} else {
			list[i] = list[i%10_000]
		}
	}
	return list
}

// manyKeys gives n addresses, each with memory of its own as a loaded configuration's have.
func manyKeys(n int) []TriggerKey {
	list := make([]TriggerKey, n)
	for i := range list {
		list[i] = TriggerKey{fmt.Sprintf("sip_notify.phone[\"%07d\"]", i), 0}
	}
	return list
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkTimetable_load fills a table with a million triggers.
func BenchmarkTimetable_load(b *testing.B) {
	const n = 1_000_000
	triggers := manyTriggers(b, n)
	before := heapInUse()
	keys := manyKeys(n)
	b.ReportAllocs()
	var table *Timetable
	for b.Loop() {
		table = new(Timetable)
		for i, key := range keys {
			table.Set(key, NewDueTimes(triggers[i], key.Job), start)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	// The keys' own slice is the benchmark's: the table copies it.
	slice := n * 24
	b.ReportMetric(float64(heapInUse()-before-uint64(slice))/(1<<20), "table-MiB")
	b.ReportMetric(float64(m.HeapSys)/1e6, "heap-MB")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/load")
	if table.Len() != n {
		b.Fatalf("%d entries", table.Len())
	}
	runtime.KeepAlive(keys)
}

// BenchmarkTimetable_fire fires one trigger after the other: of a million, and
// of 100,000 that are all due at each full minute.
func BenchmarkTimetable_fire(b *testing.B) {
	for _, c := range []struct {
		name     string
		triggers []*schema.ScheduleTrigger
	}{
		{"1000000 mixed", manyTriggers(b, 1_000_000)},
		{"100000 at once", []*schema.ScheduleTrigger{scheduleTrigger(b, "* * * * *", time.UTC)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var table Timetable
			for i, key := range manyKeys(max(len(c.triggers), 100_000)) {
				table.Set(key, NewDueTimes(c.triggers[i%len(c.triggers)], key.Job), start)
			}
			runtime.GC()
			b.ReportAllocs()
			for b.Loop() {
				for range table.Fire(table.Wake()) {
					break
				}
			}
		})
	}
}

// BenchmarkTimetable_change takes 10,000 triggers out of a table of a million
// and puts 10,000 others in.
func BenchmarkTimetable_change(b *testing.B) {
	const n, change = 1_000_000, 10_000
	triggers := manyTriggers(b, n)
	keys := manyKeys(n + change)
	var table Timetable
	for i, key := range keys[:n] {
		table.Set(key, NewDueTimes(triggers[i], key.Job), start)
	}
	r := rand.New(rand.NewPCG(15, 16))
	r.Shuffle(len(keys[:n]), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	runtime.GC()
	b.ReportAllocs()
	out, in := 0, n // a ring of keys, of which all but some are in the table
	for b.Loop() {
		for range change {
			table.Remove(keys[out])
			key := keys[in]
			table.Set(key, NewDueTimes(triggers[in%n], key.Job), start)
			out, in = (out+1)%len(keys), (in+1)%len(keys)
		}
	}
	if table.Len() != n {
		b.Fatalf("%d entries", table.Len())
	}
}

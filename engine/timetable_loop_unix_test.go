//go:build unix

package engine

import (
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// keep drives a table by one timer for a while in real time, by a clock that
// is ahead. It looks every 5 ms at most, so that many firings share the price
// of a wake-up, which is that of many firings, and the more so on virtual
// machines.
func keep(table *Timetable, ahead, long time.Duration, fire func(TriggerKey, Due)) {
	const rest = 5 * time.Millisecond
	end := time.Now().Add(long)
	for now := time.Now(); now.Before(end); now = time.Now() {
		for key, due := range table.Fire(now.Add(ahead)) {
			fire(key, due)
		}
		time.Sleep(min(time.Until(end), max(rest, time.Until(table.Wake().Add(-ahead)))))
	}
}

// cpu is the processor time that the process has had.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTimetable_loop keeps timetables in real time, three seconds each:
// 10,000 firings a second; 100,000 schedules that fire once a minute each,
// spread over it; and as many that fire all at once. These have their minute's
// work within the three seconds. All are settled, and sent nowhere. The wake-ups
// alone, of an empty table, show what of it is the machine's.
func BenchmarkTimetable_loop(b *testing.B) {
	const long = 3 * time.Second
	for _, c := range []struct {
		name, cron string
		jitter     time.Duration
		n          int
		work       time.Duration // how long they take for the work of the three seconds
	}{
		{"wake-ups alone", "@every 1s", 0, 0, long},
		{"10000 a second", "@every 1s", time.Second, 10_000, long},
		{"100000 a minute, spread", "* * * * *", time.Minute, 100_000, long},
		{"100000 a minute, at once", "* * * * *", 0, 100_000, time.Minute},
	} {
		b.Run(c.name, func(b *testing.B) {
			trigger := scheduleTrigger(b, c.cron, time.UTC)
			trigger.Jitter = c.jitter
			keys := manyKeys(c.n)
			for b.Loop() {
				type state struct {
					times   DueTimes
					settled time.Time
				}
				states := make(map[TriggerKey]*state, c.n)
				var table Timetable
				begin := time.Now().Add(time.Second) // when the table is full, and the memory for that is given back
				var ahead time.Duration
				if c.jitter == 0 {
					full := begin.Truncate(time.Minute).Add(time.Minute)
					ahead = full.Sub(begin) - time.Second // a full minute comes a second later
				}
				for _, key := range keys {
					s := &state{times: NewDueTimes(trigger, key.Job)}
					s.settled = begin.Add(ahead - s.times.share) // it begins amid the minute
					states[key] = s
					table.Set(key, s.times, s.settled)
				}
				debug.FreeOSMemory()
				time.Sleep(time.Until(begin))

				var late []time.Duration
				before := cpu(b)
				keep(&table, ahead, long, func(key TriggerKey, due Due) {
					now := time.Now().Add(ahead)
					s := states[key]
					settled := s.times.Settle(s.settled, now, schema.MissedSkip, time.Minute)
					if settled.Fire != due {
						b.Fatalf("%v is due at %s, but %s", key, dueString(due), settlementString(settled))
					}
					s.settled = settled.Settled
					late = append(late, now.Sub(due.Fires))
				})
				used := cpu(b) - before
				slices.Sort(late)
				b.ReportMetric(100*used.Seconds()/c.work.Seconds(), "cpu-%")
				if c.n == 0 {
					continue
				}
				if len(late) == 0 {
					b.Fatal("nothing fired")
				}
				b.ReportMetric(float64(len(late))/c.work.Seconds(), "firings/s")
				b.ReportMetric(float64(late[len(late)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(late[len(late)*99/100].Microseconds())/1000, "p99-ms")
			}
		})
	}
}

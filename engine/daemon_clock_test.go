package engine

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// A clock that was set is said, whichever way; one that runs a little wrong, as
// NTP slews it, or a loop that was busy, is not.
func TestLoop_clock(t *testing.T) {
	for _, c := range []struct {
		wall, real time.Duration
		by         string // "": says nothing
	}{
		{2 * time.Second, 2 * time.Second, ""},
		{time.Hour, time.Hour, ""},
		{2900 * time.Millisecond, 2 * time.Second, ""},
		{1100 * time.Millisecond, 2 * time.Second, ""},
		{time.Hour + 2*time.Second, 2 * time.Second, "by=1h0m0s"},
		{2*time.Second - 90*time.Minute, 2 * time.Second, "by=-1h30m0s"},
		{8 * time.Hour, 3 * time.Millisecond, "by=7h59m59.997s"}, // suspended
	} {
		var said strings.Builder
		l := &loop{Daemon: &Daemon{Log: slog.New(slog.NewTextHandler(&said, nil))}}
		l.elapsed(c.wall, c.real)
		if got := said.String(); c.by == "" && got != "" || !strings.Contains(got, c.by) {
			t.Errorf("%s on the wall in %s: %q, want %q", c.wall, c.real, got, c.by)
		}
	}
}

// jumper fires the schedules of a table by a clock that jumps, as the loop does,
// and notes what fires.
type jumper struct {
	t       *testing.T
	trigger *schema.ScheduleTrigger
	table   Timetable
	settled time.Time // as on record
	fired   map[int64]int
	missed  int64
}

func newJumper(t *testing.T, missed schema.Missed, grace time.Duration, since time.Time) *jumper {
	j := &jumper{t: t, trigger: scheduleTrigger(t, "* * * * *", time.UTC), settled: since, fired: map[int64]int{}}
	j.trigger.Missed, j.trigger.Grace = missed, grace
	j.restart()
	return j
}

func (j *jumper) restart() {
	j.table = Timetable{}
	j.table.Set(TriggerKey{"sip_notify.x", 0}, NewDueTimes(j.trigger, "sip_notify.x"), j.settled)
}

func (j *jumper) look(now time.Time) {
	times := NewDueTimes(j.trigger, "sip_notify.x")
	for _, due := range j.table.Fire(now) {
		s := times.Settle(due.At.Add(-time.Second), now, j.trigger.Missed, j.trigger.Grace)
		if !s.Fire.IsZero() {
			j.fired[s.Fire.At.Unix()]++
		}
		j.missed += s.Missed.N
		if s.Settled.After(j.settled) {
			j.settled = s.Settled
		}
	}
}

// A clock that is set forwards makes due times late, one that is set back makes
// none come again, whether the daemon lives through it or starts after it; and
// once the clock is where it was, all goes on.
func TestTimetable_Jumps(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		for _, missed := range []schema.Missed{schema.MissedSkip, schema.MissedOnce} {
			j := newJumper(t, missed, 10*time.Second, start)
			now := start
			run := func(d time.Duration) {
				for end := now.Add(d); now.Before(end); now = now.Add(2 * time.Second) {
					j.look(now)
				}
			}
			jump := func(d time.Duration) {
				now = now.Add(d)
				if restarts {
					j.restart()
				}
			}
			run(10 * time.Minute) // 22:00 to 22:10: 22:01 to 22:09 fire
			jump(30 * time.Minute)
			run(5 * time.Minute) // from 22:40
			jump(-20 * time.Minute)
			run(30 * time.Minute) // from 22:25 to 22:55: nothing up to 22:45 comes again
			for unix, n := range j.fired {
				if n != 1 {
					t.Errorf("%s fired %d times", time.Unix(unix, 0).UTC(), n)
				}
			}
			// 22:01 to 22:54 are due; 22:10 to 22:39 passed unseen, and 22:40 was on time.
			if got := int64(len(j.fired)) + j.missed; got != 54 || j.missed != 30 {
				t.Errorf("restarts %v, %s: %d fired, %d missed", restarts, missed, len(j.fired), j.missed)
			}
			j.look(now)
			last := j.settled
			jump(time.Hour)
			j.look(now.Add(30 * time.Second))
			if wants := missed == schema.MissedOnce; (j.fired[now.Truncate(time.Minute).Unix()] == 1) != wants {
				t.Errorf("restarts %v, %s: 30 s late it fires %v, settled from %s to %s", restarts, missed, !wants, last, j.settled)
			}
		}
	}
}

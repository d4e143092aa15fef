package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// The month has gaps, of which some are at midnight, and doubled hours.
var (
	monthStart = time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC)
	monthEnd   = time.Date(2026, 4, 7, 0, 0, 0, 0, time.UTC)
	monthZones = []string{
		"UTC", "America/New_York", "America/Havana", "America/Santiago", "Antarctica/Troll", "Africa/Casablanca",
		"Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Chatham",
	}
	// Each kind of expression, and what it means in plain numbers.
	monthExprs = [][2]string{
		{"30 2 * * *", "30 2 * * *"},
		{"0 0,2,3 * * *", "0 0,2,3 * * *"},
		{"*/5 * * * *", "*/5 * * * *"},
		{"*/15 2 * * *", "*/15 2 * * *"},
		{"5/20 1 * * *", "5-59/20 1 * * *"},
		{"45 */2 * * *", "45 */2 * * *"},
		{"0 0-23 * * *", "0 0-23 * * *"},
		{"0 9 13 * FRI", "0 9 13 * 5"},
		{"15 8-18/2 * JAN-MAR MON-FRI", "15 8-18/2 * 1-3 1-5"},
		{"20 1 */2 apr sun", "20 1 */2 4 0"},
		{"0 0 29 2 *", "0 0 29 2 *"},
		{"*/10 0 * * * *", "*/10 0 * * * *"},
		{"15,45 0,30 2 * * *", "15,45 0,30 2 * * *"},
		{"0,30 0-5 0 * * SUN", "0,30 0-5 0 * * 0"},
		{"@yearly", "0 0 1 1 *"},
		{"@monthly", "0 0 1 * *"},
		{"@weekly", "0 0 * * 0"},
		{"@daily", "0 0 * * *"},
		{"@midnight", "0 0 * * *"},
		{"@hourly", "0 * * * *"},
		{"@every 7m", "420"},
		{"@every 5400s", "5400"},
		{"@every 24h", "86400"},
	}
)

// monthSchedule is a schedule with all its due times up to some time after
// the month, as the oracle knows them.
type monthSchedule struct {
	trigger *schema.ScheduleTrigger
	want    []Due // without Fires
}

func monthSchedules(t *testing.T, end time.Time) (list []monthSchedule) {
	for _, name := range monthZones {
		zone := loadZone(t, name)
		watch := watchMinutes(zone, monthStart, end)
		for _, expr := range monthExprs {
			s := monthSchedule{trigger: scheduleTrigger(t, expr[0], zone)}
			s.trigger.Jitter = []time.Duration{0, 10 * time.Minute, time.Hour}[len(list)%3]
			s.trigger.Missed = []schema.Missed{schema.MissedSkip, schema.MissedOnce}[len(list)%2]
			s.trigger.Grace = []time.Duration{0, time.Minute, 20 * time.Minute, 3 * time.Hour}[len(list)%4]
			if strings.Contains(expr[1], " ") {
				s.want = watch.fire(t, expr[1])
			} else {
				every := int64(number(t, expr[1]))
				for unix := monthStart.Unix(); unix < end.Unix(); unix++ {
					if unix%every == 0 {
						s.want = append(s.want, Due{At: time.Unix(unix, 0)})
					}
				}
			}
			list = append(list, s)
		}
	}
	return list
}

// sleepUntil sleeps as a daemon does: by one timer.
func sleepUntil(timer *time.Timer, at time.Time) {
	timer.Reset(time.Until(at))
	<-timer.C
}

func TestTimetable_month(t *testing.T) {
	schedules := monthSchedules(t, monthEnd)
	synctest.Test(t, func(t *testing.T) {
		timer := time.NewTimer(0)
		<-timer.C
		var table Timetable
		got := make([][]Due, len(schedules))
		for i, s := range schedules {
			key := TriggerKey{"sip_notify.month", i}
			table.Set(key, NewDueTimes(s.trigger, fmt.Sprint(key)), monthStart.Add(-time.Second))
		}
		for wake := table.Wake(); wake.Before(monthEnd.Add(time.Hour)); wake = table.Wake() {
			sleepUntil(timer, wake)
			now := time.Now()
			for key, due := range table.Fire(now) {
				if !due.Fires.Equal(now) {
					t.Fatalf("%s fires at %s instead of %s", dueString(due), now, due.Fires)
				}
				if due.At.Before(monthEnd) {
					got[key.Index] = append(got[key.Index], due)
				}
			}
		}

		all := 0
		for i, s := range schedules {
			all += len(s.want)
			for n := range max(len(s.want), len(got[i])) {
				if n >= len(got[i]) || n >= len(s.want) || !got[i][n].At.Equal(s.want[n].At) || !got[i][n].Meant.Equal(s.want[n].Meant) {
					t.Fatalf("%q in %s: number %d of\n%v\nis not that of\n%v", s.trigger.Cron, s.trigger.Zone, n, got[i], s.want)
				}
				share := got[i][n].Fires.Sub(got[i][n].At)
				if share < 0 || share > 0 && share >= s.trigger.Jitter || share != got[i][0].Fires.Sub(got[i][0].At) {
					t.Fatalf("%q in %s: %s fires %s later", s.trigger.Cron, s.trigger.Zone, dueString(got[i][n]), share)
				}
			}
		}
		if all < 200_000 {
			t.Errorf("only %d due times", all)
		}
	})
}

// monthDaemon lives through the month: it is killed, suspended, its clock is
// set and its schedules are changed. Beside the table and the state that it
// would have on disk, it holds how far the oracle has got for each trigger.
type monthDaemon struct {
	*testing.T
	schedules []monthSchedule
	table     Timetable
	clock     time.Duration // by how much the wall clock is wrong
	triggers  []monthTrigger

	fired, missed, moved int
}

type monthTrigger struct {
	key     TriggerKey
	times   DueTimes
	settled time.Time
	monthSchedule
}

func (d *monthDaemon) now() time.Time { return time.Now().Add(d.clock) }

// schedule gives a trigger one of the schedules, of which only what is due
// after now counts.
func (d *monthDaemon) schedule(i, schedule int, now time.Time) {
	tr := &d.triggers[i]
	tr.monthSchedule = d.schedules[schedule]
	tr.times = NewDueTimes(tr.trigger, tr.key.Job)
	for len(tr.want) > 0 && !tr.want[0].At.After(now) {
		tr.want = tr.want[1:]
	}
}

// start begins from what is on disk.
func (d *monthDaemon) start() {
	d.table = Timetable{}
	now := d.now()
	for i := range d.triggers {
		d.settle(&d.triggers[i], now)
		d.table.Set(d.triggers[i].key, d.triggers[i].times, d.triggers[i].settled)
	}
}

// settle settles, and compares that with what the rules say about the oracle's
// due times.
func (d *monthDaemon) settle(tr *monthTrigger, now time.Time) {
	passed := 0
	for passed < len(tr.want) && !tr.want[passed].At.Add(tr.times.share).After(now) {
		passed++
	}
	missed := tr.want[:passed]
	fires := false
	if passed > 0 {
		late := now.Sub(missed[passed-1].At) - tr.times.share
		fires = tr.trigger.Missed == schema.MissedOnce || late < tr.trigger.Grace || late < time.Second
	}
	s := tr.times.Settle(tr.settled, now, tr.trigger.Missed, tr.trigger.Grace)
	tr.want = tr.want[passed:]
	if fires {
		fire := missed[passed-1]
		missed = missed[:passed-1]
		if !s.Fire.At.Equal(fire.At) || !s.Fire.Meant.Equal(fire.Meant) {
			d.Fatalf("%q in %s at %s: %s, want %s", tr.trigger.Cron, tr.trigger.Zone, now, settlementString(s), dueString(fire))
		}
		d.fired++
		if s.Fire.Moved() {
			d.moved++
		}
	} else if !s.Fire.IsZero() {
		d.Fatalf("%q in %s at %s: %s, but it must not fire", tr.trigger.Cron, tr.trigger.Zone, now, settlementString(s))
	}
	if s.Missed.N != int64(len(missed)) || len(missed) > 0 &&
		(!s.Missed.First.At.Equal(missed[0].At) || !s.Missed.Last.At.Equal(missed[len(missed)-1].At)) {
		d.Fatalf("%q in %s at %s: %s, but missed are %v", tr.trigger.Cron, tr.trigger.Zone, now, settlementString(s), missed)
	}
	if s.Settled.Before(tr.settled) {
		d.Fatalf("%q in %s: settled goes back from %s to %s", tr.trigger.Cron, tr.trigger.Zone, tr.settled, s.Settled)
	}
	d.missed += len(missed)
	tr.settled = s.Settled
}

// look does what is to be done now, up to a number of firings.
func (d *monthDaemon) look(most int) {
	now := d.now()
	for key := range d.table.Fire(now) {
		if most--; most < 0 {
			return // the one at hand is not recorded
		}
		d.settle(&d.triggers[key.Index], now)
	}
	for i := range d.triggers {
		tr := &d.triggers[i]
		if len(tr.want) > 0 && !tr.want[0].At.Add(tr.times.share).After(now) {
			d.Fatalf("%q in %s at %s: nothing came for %s", tr.trigger.Cron, tr.trigger.Zone, now, tr.want[0].At)
		}
	}
}

// Every due time of a month with some hundred incidents fires once or is
// missed by the rules, and none is forgotten.
func TestDueTimes_Settle_month(t *testing.T) {
	schedules := monthSchedules(t, monthEnd.AddDate(0, 0, 4))
	for seed := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, seed))
			timer := time.NewTimer(0)
			<-timer.C
			sleepUntil(timer, monthStart)
			d := &monthDaemon{T: t, schedules: schedules, triggers: make([]monthTrigger, len(schedules))}
			for i := range d.triggers {
				d.triggers[i].key = TriggerKey{fmt.Sprintf("sip_notify.month[%d]", i), i}
				d.schedule(i, i, d.now())
			}
			d.start()
			incidents := map[string]int{}
			for incident := d.now(); d.now().Before(monthEnd); {
				// It looks every ten minutes even if nothing is due, for the clock's sake.
				now := d.now()
				if now.Before(incident) {
					next := slices.MinFunc([]time.Time{d.table.Wake(), now.Add(10 * time.Minute), incident}, time.Time.Compare)
					if next.After(now) {
						sleepUntil(timer, time.Now().Add(next.Sub(now)))
					}
					d.look(1 << 30)
					continue
				}
				incident = now.Add(time.Duration(r.Int64N(int64(6 * time.Hour))))
				pause := time.Duration(r.Int64N(int64(4*time.Hour))) >> r.IntN(12)
				kind := []string{"killed", "killed for long", "killed at work", "suspended", "clock forwards", "clock back", "changed"}[r.IntN(7)]
				incidents[kind]++
				switch kind {
				case "killed":
					sleepUntil(timer, time.Now().Add(pause))
					d.start()
				case "killed for long":
					sleepUntil(timer, time.Now().Add(8*pause))
					d.clock += pause - 2*time.Hour // and its clock was set meanwhile
					d.start()
				case "killed at work":
					sleepUntil(timer, time.Now().Add(pause))
					d.look(r.IntN(20))
					d.start()
				case "suspended":
					sleepUntil(timer, time.Now().Add(pause))
				case "clock forwards":
					d.clock += pause
				case "clock back":
					d.clock -= pause
					incident = incident.Add(-pause)
				case "changed":
					i := r.IntN(len(d.triggers))
					tr := &d.triggers[i]
					now := d.now()
					d.schedule(i, r.IntN(len(schedules)), now)
					tr.settled = now
					d.table.Set(tr.key, tr.times, now)
				}
				d.look(1 << 30)
			}
			t.Logf("%v: %d fired, %d of them moved, %d missed", incidents, d.fired, d.moved, d.missed)
			if len(incidents) < 7 || d.fired < 50_000 || d.missed < 5_000 || d.moved < 10 {
				t.Errorf("this was no month to learn from")
			}
		})
	}
}

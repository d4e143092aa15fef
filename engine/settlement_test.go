package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// settlementString says what fires, what is missed, and up to when all is settled.
func settlementString(s Settlement) string {
	fire, missed := "-", "-"
	if !s.Fire.IsZero() {
		fire = s.Fire.At.Format("02 15:04:05")
	}
	if s.Missed != (DueRange{}) {
		missed = fmt.Sprintf("%d from %s to %s", s.Missed.N, s.Missed.First.At.Format("02 15:04:05"), s.Missed.Last.At.Format("02 15:04:05"))
	}
	return fmt.Sprintf("fires %s; missed %s; settled %s", fire, missed, s.Settled.UTC().Format("02 15:04:05.999"))
}

func TestDueTimes_Settle(t *testing.T) {
	const (
		skip, once   = schema.MissedSkip, schema.MissedOnce
		hourly       = "0 * * * *"
		neverSettled = ""
	)
	tests := []struct {
		name, expr   string
		share        time.Duration
		missed       schema.Missed
		grace        time.Duration
		settled, now string // on a day in November 2026
		want         string
	}{
		{"not due yet", hourly, 0, skip, time.Minute, "21 10:00:00", "21 10:59:59.999", "fires -; missed -; settled 21 10:00:00"},
		{"on time", hourly, 0, skip, time.Minute, "21 10:00:00", "21 11:00:00", "fires 21 11:00:00; missed -; settled 21 11:00:00"},
		{"late by less than grace", hourly, 0, skip, time.Minute, "21 10:00:00", "21 11:00:59.999", "fires 21 11:00:00; missed -; settled 21 11:00:00"},
		{"late by grace, skip", hourly, 0, skip, time.Minute, "21 10:00:00", "21 11:01:00", "fires -; missed 1 from 21 11:00:00 to 21 11:00:00; settled 21 11:00:00"},
		{"late by grace, once", hourly, 0, once, time.Minute, "21 10:00:00", "21 11:01:00", "fires 21 11:00:00; missed -; settled 21 11:00:00"},
		{"no grace is a second", hourly, 0, skip, 0, "21 10:00:00", "21 11:00:00.999", "fires 21 11:00:00; missed -; settled 21 11:00:00"},
		{"no grace, a second late", hourly, 0, skip, 0, "21 10:00:00", "21 11:00:01", "fires -; missed 1 from 21 11:00:00 to 21 11:00:00; settled 21 11:00:00"},

		{"down over several, skip", hourly, 0, skip, time.Minute, "21 10:00:00", "21 13:30:00", "fires -; missed 3 from 21 11:00:00 to 21 13:00:00; settled 21 13:00:00"},
		{"down over several, once", hourly, 0, once, time.Minute, "21 10:00:00", "21 13:30:00", "fires 21 13:00:00; missed 2 from 21 11:00:00 to 21 12:00:00; settled 21 13:00:00"},
		{"down over several, the last within grace", hourly, 0, skip, time.Hour, "21 10:00:00", "21 13:30:00", "fires 21 13:00:00; missed 2 from 21 11:00:00 to 21 12:00:00; settled 21 13:00:00"},
		{"several within grace are one run", "* * * * *", 0, skip, time.Hour, "21 10:00:00", "21 10:05:00", "fires 21 10:05:00; missed 4 from 21 10:01:00 to 21 10:04:00; settled 21 10:05:00"},
		{"millions", "@every 1s", 0, once, time.Minute, "01 00:00:00", "21 00:00:00.5", "fires 21 00:00:00; missed 1727999 from 01 00:00:01 to 20 23:59:59; settled 21 00:00:00"},

		{"clock set forward, skip", "* * * * *", 0, skip, time.Minute, "21 10:00:00", "22 10:00:30", "fires 22 10:00:00; missed 1439 from 21 10:01:00 to 22 09:59:00; settled 22 10:00:00"},
		{"clock set back over what was settled", hourly, 0, once, time.Minute, "21 11:00:00", "21 10:59:58", "fires -; missed -; settled 21 11:00:00"},
		{"clock there again", hourly, 0, once, time.Minute, "21 11:00:00", "21 11:00:00", "fires -; missed -; settled 21 11:00:00"},
		{"clock set back by a day", hourly, 0, once, time.Minute, "22 11:00:00", "21 11:30:00", "fires -; missed -; settled 22 11:00:00"},

		{"first start", hourly, 0, once, time.Minute, neverSettled, "21 11:00:00.25", "fires -; missed -; settled 21 11:00:00.25"},
		{"first start at a due time", hourly, 0, once, time.Minute, neverSettled, "21 11:00:00", "fires -; missed -; settled 21 11:00:00"},
		{"changed by an apply within the second of a due time", hourly, 0, once, time.Minute, "21 11:00:00.25", "21 11:00:02", "fires -; missed -; settled 21 11:00:00.25"},
		{"changed by an apply just before a due time", hourly, 0, skip, time.Minute, "21 10:59:59.75", "21 11:00:01.5", "fires 21 11:00:00; missed -; settled 21 11:00:00"},

		{"jitter: due, but it fires later", hourly, 10 * time.Minute, once, time.Minute, "21 10:00:00", "21 11:09:59.999", "fires -; missed -; settled 21 10:00:00"},
		{"jitter: on time", hourly, 10 * time.Minute, skip, time.Minute, "21 10:00:00", "21 11:10:00", "fires 21 11:00:00; missed -; settled 21 11:00:00"},
		{"jitter: grace counts from when it fires", hourly, 10 * time.Minute, skip, time.Minute, "21 10:00:00", "21 11:10:59", "fires 21 11:00:00; missed -; settled 21 11:00:00"},
		{"jitter: late", hourly, 10 * time.Minute, skip, time.Minute, "21 10:00:00", "21 12:05:00", "fires -; missed 1 from 21 11:00:00 to 21 11:00:00; settled 21 11:00:00"},
		{"jitter longer than the interval", "* * * * *", 150 * time.Second, skip, time.Minute, "21 10:00:00", "21 10:05:00", "fires 21 10:02:00; missed 1 from 21 10:01:00 to 21 10:01:00; settled 21 10:02:00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			day := func(text string) time.Time {
				if text == neverSettled {
					return time.Time{}
				}
				at, err := time.Parse("2006-01-02 15:04:05", "2026-11-"+text)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			d := dueTimes(t, test.expr, time.UTC)
			d.share = test.share
			now := day(test.now)
			s := d.Settle(day(test.settled), now, test.missed, test.grace)
			if got := settlementString(s); got != test.want {
				t.Fatalf("\n got %s\nwant %s", got, test.want)
			}
			// What is settled is settled.
			if again := d.Settle(s.Settled, now, test.missed, test.grace); again != (Settlement{Settled: s.Settled}) {
				t.Errorf("once more: %s", settlementString(again))
			}
		})
	}
}

func TestDueTimes_Settle_allocatesNothing(t *testing.T) {
	d := dueTimes(t, "30 2 * * *", loadZone(t, "Europe/Berlin"))
	down := time.Date(2025, 3, 28, 0, 0, 0, 0, time.UTC)
	up := down.AddDate(1, 0, 0)
	if n := testing.AllocsPerRun(100, func() { d.Settle(down, up, schema.MissedOnce, time.Minute) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

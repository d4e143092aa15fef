package engine

import (
	"math/rand/v2"
	"testing"
	"time"
)

// walkBetween is Between, one due time after the other.
func walkBetween(d *DueTimes, after, until time.Time) (r DueRange) {
	for due := d.Next(after); !due.IsZero() && !due.At.After(until); due = d.Next(due.At) {
		if r.N == 0 {
			r.First = due
		}
		r.N++
		r.Last = due
	}
	return r
}

func TestDueTimes_Between(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	zones := zoneNames(t)
	found := 0
	for range 4000 {
		expr := randomExpr(r)
		if r.IntN(10) == 0 {
			expr = "@every " + (time.Duration(1+r.IntN(100_000)) * time.Second).String()
		}
		d := dueTimes(t, expr, loadZone(t, zones[r.IntN(len(zones))]))
		// Lengths of a second to two years, evenly by order of magnitude, but
		// no more due times than one has the patience for.
		after := time.Unix(r.Int64N(8_000_000_000)-4_000_000_000, r.Int64N(1e9))
		until := after.Add(time.Second<<r.IntN(26) + time.Duration(r.Int64N(1e9)))
		if d.Between(after, until).N > 5000 {
			until = after.Add(until.Sub(after) / 1000)
		}
		want := walkBetween(&d, after, until)
		if got := d.Between(after, until); got != want {
			t.Fatalf("%q in %s between %s and %s: got %+v, want %+v", expr, d.zone, after, until, got, want)
		}
		if want.N > 1 {
			found++
		}
	}
	if found < 500 {
		t.Errorf("only %d ranges had several due times", found)
	}
}

// Each clock change of some zones with odd ones, second by second where it happens.
func TestDueTimes_Between_clockChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, name := range []string{
		"America/New_York", "America/Havana", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca", "Africa/Cairo", "Pacific/Apia", "Pacific/Kwajalein",
	} {
		zone := loadZone(t, name)
		for _, change := range clockChanges(zone, time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2042, 1, 1, 0, 0, 0, 0, time.UTC)) {
			for _, expr := range exprsAround(zone, change) {
				d := dueTimes(t, expr, zone)
				after := change.Add(-time.Duration(r.IntN(10_000)) * time.Second)
				until := change.Add(time.Duration(r.IntN(10_000)-100) * time.Second)
				if got, want := d.Between(after, until), walkBetween(&d, after, until); got != want {
					t.Fatalf("%q in %s between %s and %s: got %+v, want %+v", expr, name, after, until, got, want)
				}
			}
		}
	}
}

func TestDueTimes_Between_millions(t *testing.T) {
	down := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	up := down.AddDate(1, 0, 0)
	for _, test := range []struct {
		expr string
		want int64
	}{
		{"@every 1s", 365 * 86400},
		{"* * * * * *", 365 * 86400},
		{"* * * * *", 365 * 1440},
		{"0,30 0-59 0-23 * * *", 365*2880 - 120}, // an hour is skipped, and one is not repeated; what was skipped comes as one: 02:00
		{"0 12 * * *", 365},
	} {
		d := dueTimes(t, test.expr, loadZone(t, "Europe/London"))
		got := d.Between(down, up)
		if got.N != test.want || got.First != d.Next(down) || d.Next(got.Last.At).At.Before(up) || got.Last.At.After(up) {
			t.Errorf("%s: %+v, want %d", test.expr, got, test.want)
		}
	}
	d := dueTimes(t, "* * * * *", time.UTC)
	if got := d.Between(up, down); got != (DueRange{}) {
		t.Errorf("backwards: %+v", got)
	}
}

func BenchmarkDueTimes_Between(b *testing.B) {
	down := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, expr := range []string{"@every 1s", "* * * * * *", "30 2 * * *"} {
		b.Run(expr, func(b *testing.B) {
			d := dueTimes(b, expr, loadZone(b, "Europe/Berlin"))
			b.ReportAllocs()
			for b.Loop() {
				d.Between(down, down.AddDate(1, 0, 0))
			}
		})
	}
}

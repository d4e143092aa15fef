package engine

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// naiveClock walks along the wall clock of a zone, and knows how far it has
// come: the oracle for windows.
type naiveClock struct {
	zone    *time.Location
	reached time.Time // as if in UTC
}

func (c *naiveClock) pass(t time.Time) {
	local := t.In(c.zone)
	year, month, day := local.Date()
	hour, minute, second := local.Clock()
	if shown := time.Date(year, month, day, hour, minute, second, 0, time.UTC); shown.After(c.reached) {
		c.reached = shown
	}
}

// open asks of each of the last days whether the window opened on it and has
// not closed since.
func (c *naiveClock) open(w *schema.Window) bool {
	for back := range 3 {
		midnight := time.Date(c.reached.Year(), c.reached.Month(), c.reached.Day()-back, 0, 0, 0, 0, time.UTC)
		opens, closes := midnight.Add(w.Start), midnight.Add(w.End)
		if !closes.After(opens) {
			closes = closes.AddDate(0, 0, 1)
		}
		excepted := false
		for _, d := range w.Except {
			excepted = excepted || d.Equal(midnight)
		}
		if w.Days[midnight.Weekday()] && !excepted && !c.reached.Before(opens) && c.reached.Before(closes) {
			return true
		}
	}
	return false
}

// randomWindow has its times on a grid, near the hours at which clocks change
// more often than not.
func randomWindow(r *rand.Rand, zone *time.Location, around time.Time, step time.Duration) *schema.Window {
	clock := func() time.Duration {
		near := time.Duration(around.In(zone).Hour())*time.Hour + time.Duration(around.In(zone).Minute())*time.Minute
		d := time.Duration(r.IntN(int(24*time.Hour/step))) * step
		if r.IntN(2) == 0 {
			d = (near + time.Duration(r.IntN(48)-24)*step + 24*time.Hour) % (24 * time.Hour)
		}
		return d.Truncate(step)
	}
	w := &schema.Window{Address: "window.x", Start: clock(), End: clock(), Zone: zone}
	if r.IntN(10) == 0 {
		w.End = w.Start
	}
	for w.Days == [7]bool{} {
		for i := range w.Days {
			w.Days[i] = r.IntN(3) > 0
		}
	}
	if r.IntN(4) == 0 {
		w.Days = [7]bool{true, true, true, true, true, true, true}
	}
	day := time.Date(around.Year(), around.Month(), around.Day(), 0, 0, 0, 0, time.UTC)
	for i := -2; i < 3; i++ {
		if r.IntN(6) == 0 {
			w.Except = append(w.Except, day.AddDate(0, 0, i))
		}
	}
	return w
}

// Around every clock change of zones with odd ones, in steps of five minutes,
// windows are open when a clock that is watched says so, and for as long as they
// say.
func TestOpenings_clockChanges(t *testing.T) {
	const step = 5 * time.Minute
	r := rand.New(rand.NewPCG(9, 10))
	windows, moved := 0, 0
	for _, name := range []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Antarctica/Troll",
		"Africa/Casablanca", "Africa/Cairo", "Pacific/Apia", "Pacific/Kwajalein", "America/Santiago",
	} {
		zone := loadZone(t, name)
		changes := clockChanges(zone, time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2042, 1, 1, 0, 0, 0, 0, time.UTC))
		for range 20 { // and some days on which nothing happens
			changes = append(changes, time.Date(2000+r.IntN(40), 1, 1+r.IntN(365), r.IntN(24), 0, 0, 0, time.UTC))
		}
		for _, change := range changes {
			w := randomWindow(r, zone, change, step)
			o := NewOpenings(w)
			windows++
			clock := naiveClock{zone: zone}
			for at := change.Add(-80 * time.Hour).Truncate(step); at.Before(change.Add(-50 * time.Hour)); at = at.Add(step) {
				clock.pass(at)
			}
			var was bool
			var until time.Time
			for at, first := change.Add(-50*time.Hour).Truncate(step), true; at.Before(change.Add(50 * time.Hour)); at, first = at.Add(step), false {
				clock.pass(at)
				want := clock.open(w)
				open, end := o.At(at)
				switch {
				case open != want:
					t.Fatalf("%s in %s at %s: open %v, want %v", w, name, at.In(zone), open, want)
				case !first && open == was && !end.Equal(until):
					t.Fatalf("%s in %s at %s: until %s, before until %s", w, name, at.In(zone), end, until)
				case !first && open != was && !until.Equal(at):
					t.Fatalf("%s in %s at %s: it is another, but was said to stay until %s", w, name, at.In(zone), until)
				}
				if !first && open != was {
					moved++
					if o, e := o.At(at.Add(-1)); o != was || !e.Equal(at) {
						t.Fatalf("%s in %s just before %s: open %v until %s", w, name, at.In(zone), o, e)
					}
				}
				was, until = open, end
			}
		}
	}
	if windows < 500 || moved < 1000 {
		t.Errorf("only %d windows that opened or closed %d times", windows, moved)
	}
}

func TestOpenings_At(t *testing.T) {
	berlin := loadZone(t, "Europe/Berlin")
	all := [7]bool{true, true, true, true, true, true, true}
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, test := range []struct {
		name       string
		start, end time.Duration
		days       [7]bool
		except     []time.Time
		now        string
		open       bool
		until      string
	}{
		{"the start lies in the gap", 2*time.Hour + 30*time.Minute, 5 * time.Hour, all, nil, "2026-03-29T01:59:59+01:00", false, "2026-03-29T03:00:00+02:00"},
		{"the end lies in the gap", 0, 2*time.Hour + 30*time.Minute, all, nil, "2026-03-29T01:59:59+01:00", true, "2026-03-29T03:00:00+02:00"},
		{"all of it lies in the gap", 2 * time.Hour, 3 * time.Hour, all, nil, "2026-03-28T12:00:00+01:00", false, "2026-03-30T02:00:00+02:00"},
		{"the clock shows it twice", 2 * time.Hour, 3 * time.Hour, all, nil, "2026-10-25T02:30:00+02:00", true, "2026-10-25T03:00:00+01:00"},
		{"the second time", 2 * time.Hour, 2*time.Hour + 30*time.Minute, all, nil, "2026-10-25T02:10:00+01:00", false, "2026-10-26T02:00:00+01:00"},
		{"the gap joins two", 2*time.Hour + 40*time.Minute, 2*time.Hour + 20*time.Minute, all, nil, "2026-03-28T12:00:00+01:00", true, "2026-03-30T02:20:00+02:00"},
		{"always", 5 * time.Hour, 5 * time.Hour, all, nil, "2026-03-29T01:59:59+01:00", true, ""},
		{"always but once", 0, 24 * time.Hour, all, []time.Time{day("2031-12-24")}, "2026-03-29T01:59:59+01:00", true, "2031-12-24T00:00:00+01:00"},
		{"always, and that is over", 0, 24 * time.Hour, all, []time.Time{day("2025-12-24")}, "2026-03-29T01:59:59+01:00", true, ""},
		{"three days in a row", 6 * time.Hour, 6 * time.Hour, [7]bool{1: true, 2: true, 3: true}, nil, "2026-11-23T06:00:00+01:00", true, "2026-11-26T06:00:00+01:00"},
		{"a fraction before", 6 * time.Hour, 7 * time.Hour, all, nil, "2026-11-23T05:59:59.999999999+01:00", false, "2026-11-23T06:00:00+01:00"},
		{"years of exceptions", 6 * time.Hour, 7 * time.Hour, [7]bool{3: true}, []time.Time{day("2026-11-25"), day("2026-12-02"), day("2026-12-03"), day("2026-12-09")}, "2026-11-23T12:00:00+01:00", false, "2026-12-16T06:00:00+01:00"},
	} {
		now, err := time.Parse(time.RFC3339Nano, test.now)
		if err != nil {
			t.Fatal(err)
		}
		open, until := NewOpenings(&schema.Window{Start: test.start, End: test.end, Days: test.days, Except: test.except, Zone: berlin}).At(now)
		got := ""
		if !until.IsZero() {
			got = until.Format(time.RFC3339)
		}
		if open != test.open || got != test.until {
			t.Errorf("%s: open %v until %s, want %v until %s", test.name, open, got, test.open, test.until)
		}
	}
}

// The table of the window in docs/language.md says what At says.
func TestOpenings_documented(t *testing.T) {
	text, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Windows\n")
	_, code, _ := strings.Cut(section, "```hcl\n# fragment\n")
	code, _, ok := strings.Cut(code, "```\n")
	_, table, ok2 := strings.Cut(section, "| now | it is | until |\n|---|---|---|\n")
	if !ok || !ok2 {
		t.Fatal("docs/language.md has no window, or no table of what it does")
	}
	cfg := configure(t, "pbx \"hq\" {\n  simulator {}\n}\nmessage \"reboot\" {\n  event = \"x\"\n}\n"+code)
	w := cfg.Jobs[0].Window
	o := NewOpenings(w)
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows++
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
		}
		const form = "Mon 2006-01-02 15:04 MST"
		now, err := time.ParseInLocation(form, cells[1], w.Zone)
		if err != nil {
			t.Fatal(err)
		}
		open, until := o.At(now)
		got := map[bool]string{true: "open", false: "closed"}[open] + " until " + until.Format(form)
		if now.Format(form) != cells[1] || got != cells[2]+" until "+cells[3] {
			t.Errorf("at %s (%s) it is %s, not %s until %s", cells[1], now.Format(form), got, cells[2], cells[3])
		}
	}
	if rows < 5 {
		t.Errorf("only %d rows", rows)
	}
}

// A gate asks its window again when that has opened or closed, and when the
// clock was set back.
func TestGate(t *testing.T) {
	g := newGate(&schema.Window{Start: 22 * time.Hour, End: 5 * time.Hour, Days: [7]bool{true, true, true, true, true, true, true}, Zone: time.UTC})
	for _, step := range []struct {
		now, until string
		open       bool
	}{
		{"2026-11-22 21:00", "2026-11-22 22:00", false},
		{"2026-11-22 21:59", "2026-11-22 22:00", false},
		{"2026-11-22 22:00", "2026-11-23 05:00", true},
		{"2026-11-22 21:30", "2026-11-22 22:00", false}, // set back
		{"2026-11-30 23:00", "2026-12-01 05:00", true},  // set forward
		{"2026-11-30 12:00", "2026-11-30 22:00", false}, // set back
	} {
		now, err := time.Parse("2006-01-02 15:04", step.now)
		if err != nil {
			t.Fatal(err)
		}
		open, until := g.at(now)
		if got := until.Format("2006-01-02 15:04"); open != step.open || got != step.until {
			t.Errorf("at %s: open %v until %s, want %v until %s", step.now, open, got, step.open, step.until)
		}
	}
}

func BenchmarkOpenings_At(b *testing.B) {
	w := &schema.Window{Start: 22 * time.Hour, End: 5 * time.Hour, Days: [7]bool{1: true}, Zone: loadZone(b, "Europe/Berlin")}
	o := NewOpenings(w)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		o.At(now)
	}
}

func ExampleOpenings_At() {
	w := &schema.Window{Start: 22 * time.Hour, End: 5 * time.Hour, Days: [7]bool{time.Friday: true}, Zone: time.UTC}
	open, until := NewOpenings(w).At(time.Date(2026, 11, 28, 1, 0, 0, 0, time.UTC)) // a Saturday
	fmt.Println(open, until)
	// Output: true 2026-11-28 05:00:00 +0000 UTC
}

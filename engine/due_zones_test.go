package engine

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// All names of the tz database that Go 1.26 carries, its links included.
//
//go:embed testdata/zones.txt
var zonesText string

func zoneNames(tb testing.TB) []string {
	tb.Helper()
	names := strings.Fields(zonesText)
	if len(names) < 500 {
		tb.Fatalf("only %d zones", len(names))
	}
	return names
}

// TestDueTimes_everyClockChange lives through each clock change of each zone
// from 2024 to 2034 minute by minute, and compares what a person with a watch
// and the rules in hand would have fired with what Next says. It shares no
// code with it.
func TestDueTimes_everyClockChange(t *testing.T) {
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	to := time.Date(2034, 12, 31, 0, 0, 0, 0, time.UTC)
	changes, dues := 0, 0
	for _, name := range zoneNames(t) {
		zone := loadZone(t, name)
		for _, change := range clockChanges(zone, from, to) {
			changes++
			watch := watchClock(zone, change)
			for _, expr := range exprsAround(zone, change) {
				want := watch.fire(t, expr)
				d := dueTimes(t, expr, zone)
				after := watch.start.Add(-time.Second)
				for i := 0; ; i++ {
					due := d.Next(after)
					if due.IsZero() || !due.At.Before(watch.end) {
						if i < len(want) {
							t.Fatalf("%q in %s: got %s after %s, want %s", expr, name, dueString(due), after, dueString(want[i]))
						}
						break
					}
					if i >= len(want) || !due.At.Equal(want[i].At) || !due.Meant.Equal(want[i].Meant) {
						t.Fatalf("%q in %s: got %s, want number %d of %v", expr, name, dueString(due), i, want)
					}
					after = due.At
					dues++
				}
			}
		}
	}
	if changes < 3000 {
		t.Errorf("only %d clock changes found", changes)
	}
	t.Logf("%d clock changes, %d due times", changes, dues)
}

// clockChanges lists the instants at which the offset of a zone changes.
func clockChanges(zone *time.Location, from, to time.Time) []time.Time {
	var list []time.Time
	for at := from.In(zone); ; {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.After(to) {
			return list
		}
		if !end.After(at) { // see spanAt
			end = at.Add(24 * time.Hour)
		}
		_, before := end.Add(-time.Second).Zone()
		if _, after := end.Zone(); before != after {
			list = append(list, end)
		}
		at = end
	}
}

// exprsAround gives schedules that hit the skipped or repeated times and their
// edges, and some that are worth a look at any change.
func exprsAround(zone *time.Location, change time.Time) []string {
	_, before := change.Add(-time.Second).In(zone).Zone()
	_, after := change.In(zone).Zone()
	low := change.Add(time.Duration(min(before, after)) * time.Second).UTC()
	high := change.Add(time.Duration(max(before, after)) * time.Second).UTC()
	middle := low.Add(high.Sub(low) / 2)

	list := []string{
		"0 * * * *", "*/7 * * * *", "30 */2 * * *", "0 0 * * *", "15,45 0-4 * * *", "0 0-23 * * *", "5,50 23,0,1,2,3 * * *",
		fmt.Sprintf("%d %d %d * *", middle.Minute(), middle.Hour(), middle.Day()),
		fmt.Sprintf("%d %d * %d *", middle.Minute(), middle.Hour(), middle.Month()),
		fmt.Sprintf("%d %d * * %d", middle.Minute(), middle.Hour(), middle.Weekday()),
		fmt.Sprintf("%d %d %d * %d", middle.Minute(), middle.Hour(), low.Day()%28+1, middle.Weekday()),
		fmt.Sprintf("*/20 %d * * *", middle.Hour()),
		fmt.Sprintf("%d */%d * * *", middle.Minute(), max(1, middle.Hour())),
	}
	for _, edge := range []time.Time{low.Add(-time.Minute), low, middle, high.Add(-time.Minute), high} {
		list = append(list, fmt.Sprintf("%d %d * * *", edge.Minute(), edge.Hour()))
	}
	return list
}

// watch is what a clock on the wall shows minute by minute.
type watch struct {
	start, end time.Time
	minutes    []wallMinute
}

type wallMinute struct {
	at      time.Time
	shows   time.Time   // in UTC, to be free of the zone
	again   bool        // it has shown this before
	skipped []time.Time // what it has left out just before
}

func watchClock(zone *time.Location, change time.Time) watch {
	// A few hours around, and more if the change is larger than that.
	_, before := change.Add(-time.Second).In(zone).Zone()
	_, after := change.In(zone).Zone()
	margin := 4*time.Hour + time.Duration(max(before-after, after-before))*time.Second
	return watchMinutes(zone, change.Add(-margin), change.Add(margin))
}

func watchMinutes(zone *time.Location, start, end time.Time) watch {
	w := watch{start: start, end: end}
	seen := map[int64]bool{}
	var last time.Time
	for at := w.start; at.Before(w.end); at = at.Add(time.Minute) {
		local := at.In(zone)
		year, month, day := local.Date()
		m := wallMinute{at: at, shows: time.Date(year, month, day, local.Hour(), local.Minute(), 0, 0, time.UTC)}
		m.again = seen[m.shows.Unix()]
		if !last.IsZero() {
			for skipped := last.Add(time.Minute); skipped.Before(m.shows); skipped = skipped.Add(time.Minute) {
				m.skipped = append(m.skipped, skipped)
			}
		}
		seen[m.shows.Unix()] = true
		last = m.shows
		w.minutes = append(w.minutes, m)
	}
	return w
}

// fire applies the rules as they are written.
func (w watch) fire(tb testing.TB, expr string) []Due {
	tb.Helper()
	e := parseNaively(tb, expr)
	var list []Due
	for _, m := range w.minutes {
		if e.star {
			// It follows real time.
			if e.matches(m.shows) {
				for _, second := range e.seconds {
					list = append(list, Due{At: m.at.Add(second)})
				}
			}
			continue
		}
		moved := false
		for _, skipped := range m.skipped {
			if e.matches(skipped) {
				// The first instant after the gap.
				list = append(list, Due{At: m.at, Meant: skipped.Add(e.seconds[0])})
				moved = true
				break
			}
		}
		if e.matches(m.shows) && !m.again {
			// The first occurrence.
			for _, second := range e.seconds {
				if second > 0 || !moved {
					list = append(list, Due{At: m.at.Add(second)})
				}
			}
		}
	}
	return list
}

// naiveExpr is a cron expression of five or six fields, read in the plainest way.
type naiveExpr struct {
	seconds                       []time.Duration
	minute, hour, dom, month, dow [60]bool
	star                          bool // minute or hour begins with one
	anyDom, anyDow                bool
}

func parseNaively(tb testing.TB, expr string) naiveExpr {
	tb.Helper()
	f := strings.Fields(expr)
	field := func(text string, low, high int) (set [60]bool) {
		for part := range strings.SplitSeq(text, ",") {
			span, step, stepped := strings.Cut(part, "/")
			first, last := low, high
			if span != "*" {
				a, b, ranged := strings.Cut(span, "-")
				first = number(tb, a)
				if last = first; ranged {
					last = number(tb, b)
				}
			}
			by := 1
			if stepped {
				by = number(tb, step)
			}
			for n := first; n <= last; n += by {
				set[n] = true
			}
		}
		return set
	}
	seconds := []time.Duration{0}
	if len(f) == 6 {
		seconds = nil
		for second, is := range field(f[0], 0, 59) {
			if is {
				seconds = append(seconds, time.Duration(second)*time.Second)
			}
		}
		f = f[1:]
	}
	return naiveExpr{
		seconds: seconds,
		minute:  field(f[0], 0, 59),
		hour:    field(f[1], 0, 23),
		dom:     field(f[2], 1, 31),
		month:   field(f[3], 1, 12),
		dow:     field(f[4], 0, 6),
		star:    strings.HasPrefix(f[0], "*") || strings.HasPrefix(f[1], "*"),
		anyDom:  f[2] == "*",
		anyDow:  f[4] == "*",
	}
}

func number(tb testing.TB, text string) int {
	tb.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func (e naiveExpr) matches(t time.Time) bool {
	if !e.minute[t.Minute()] || !e.hour[t.Hour()] || !e.month[int(t.Month())] {
		return false
	}
	dom, dow := e.dom[t.Day()], e.dow[int(t.Weekday())]
	if e.anyDom || e.anyDow {
		return dom && dow
	}
	return dom || dow
}

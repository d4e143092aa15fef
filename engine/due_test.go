package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // where the machine has no zones of its own

	"github.com/robfig/cron/v3"

	"github.com/notifyrun/notifyrun/schema"
)

var dueParser = cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func loadZone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

func scheduleTrigger(tb testing.TB, expr string, zone *time.Location) *schema.ScheduleTrigger {
	tb.Helper()
	schedule, err := dueParser.Parse(expr)
	if err != nil {
		tb.Fatalf("%q: %v", expr, err)
	}
	return &schema.ScheduleTrigger{Cron: expr, Schedule: schedule, Zone: zone}
}

func dueTimes(tb testing.TB, expr string, zone *time.Location) DueTimes {
	tb.Helper()
	return NewDueTimes(scheduleTrigger(tb, expr, zone), "sip_notify.test")
}

const dueLayout = "2006-01-02 15:04:05 -0700"

// dueString says it all: the due time, and the one meant if a clock change moved it.
func dueString(d Due) string {
	switch {
	case d.IsZero():
		return "never"
	case d.Moved():
		return d.At.Format(dueLayout) + " for " + d.Meant.Format("2006-01-02 15:04:05")
	}
	return d.At.Format(dueLayout)
}

// The wanted lists go on where the clock change is over, so that a time fired
// twice or left out shows.
func TestDueTimes_Next(t *testing.T) {
	tests := []struct {
		name, expr, zone, after string
		want                    []string
	}{
		{
			"missing hour", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08 03:00:00 -0400 for 2026-03-08 02:30:00", "2026-03-09 02:30:00 -0400"},
		},
		{
			"several times in the missing hour are one", "0,15,30 2 * * *", "America/New_York", "2026-03-08T06:30:00Z",
			[]string{"2026-03-08 03:00:00 -0400 for 2026-03-08 02:00:00", "2026-03-09 02:00:00 -0400"},
		},
		{
			"moved onto another due time", "0 2,3 * * *", "America/New_York", "2026-03-08T06:30:00Z",
			[]string{"2026-03-08 03:00:00 -0400 for 2026-03-08 02:00:00", "2026-03-09 02:00:00 -0400", "2026-03-09 03:00:00 -0400"},
		},
		{
			"end of the missing hour", "0 3 * * *", "America/New_York", "2026-03-08T06:30:00Z",
			[]string{"2026-03-08 03:00:00 -0400", "2026-03-09 03:00:00 -0400"},
		},
		{
			"doubled hour", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01 01:30:00 -0400", "2026-11-02 01:30:00 -0500"},
		},
		{
			"between the passes of the doubled hour", "30 1 * * *", "America/New_York", "2026-11-01T06:10:00Z",
			[]string{"2026-11-02 01:30:00 -0500"},
		},
		{
			"after the doubled hour", "0 2 * * *", "America/New_York", "2026-11-01T05:30:00Z",
			[]string{"2026-11-01 02:00:00 -0500", "2026-11-02 02:00:00 -0500"},
		},
		{
			"every hour, spring", "0 * * * *", "America/New_York", "2026-03-08T05:30:00Z",
			[]string{"2026-03-08 01:00:00 -0500", "2026-03-08 03:00:00 -0400", "2026-03-08 04:00:00 -0400"},
		},
		{
			"every hour, autumn", "0 * * * *", "America/New_York", "2026-11-01T04:30:00Z",
			[]string{"2026-11-01 01:00:00 -0400", "2026-11-01 01:00:00 -0500", "2026-11-01 02:00:00 -0500"},
		},
		{
			"@hourly is every hour", "@hourly", "America/New_York", "2026-11-01T04:30:00Z",
			[]string{"2026-11-01 01:00:00 -0400", "2026-11-01 01:00:00 -0500", "2026-11-01 02:00:00 -0500"},
		},
		{
			"hours as a range are times of day", "0 0-23 * * *", "America/New_York", "2026-11-01T04:30:00Z",
			[]string{"2026-11-01 01:00:00 -0400", "2026-11-01 02:00:00 -0500"},
		},
		{
			"every second hour, spring", "0 */2 * * *", "America/New_York", "2026-03-08T04:30:00Z",
			[]string{"2026-03-08 00:00:00 -0500", "2026-03-08 04:00:00 -0400"},
		},
		{
			"every quarter of one hour, spring", "*/15 2 * * *", "America/New_York", "2026-03-08T06:50:00Z",
			[]string{"2026-03-09 02:00:00 -0400"},
		},
		{
			"every half of one hour, autumn", "*/30 1 * * *", "America/New_York", "2026-11-01T04:50:00Z",
			[]string{
				"2026-11-01 01:00:00 -0400", "2026-11-01 01:30:00 -0400",
				"2026-11-01 01:00:00 -0500", "2026-11-01 01:30:00 -0500", "2026-11-02 01:00:00 -0500",
			},
		},
		{
			"a seconds field before a star", "30 0 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
			[]string{"2026-10-25 02:00:30 +0100", "2026-10-25 03:00:30 +0100"},
		},
		{
			"a seconds field before a time of day", "30 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29 03:00:00 +0200 for 2026-03-29 02:30:30", "2026-03-30 02:30:30 +0200"},
		},
		{
			"once a year, in the missing hour", "30 2 29 3 *", "Europe/Berlin", "2026-01-01T00:00:00Z",
			[]string{"2026-03-29 03:00:00 +0200 for 2026-03-29 02:30:00", "2027-03-29 02:30:00 +0200"},
		},
		{
			"once a year, on the eve of a change", "30 2 28 3 *", "Europe/Berlin", "2025-06-01T00:00:00Z",
			[]string{"2026-03-28 02:30:00 +0100", "2027-03-28 03:00:00 +0200 for 2027-03-28 02:30:00"},
		},
		{
			"once a year, just after a change", "0 3 25 10 *", "Europe/Berlin", "2026-01-01T00:00:00Z",
			[]string{"2026-10-25 03:00:00 +0100", "2027-10-25 03:00:00 +0200"},
		},
		{
			"missing midnight, Havana", "0 0 * * *", "America/Havana", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08 01:00:00 -0400 for 2026-03-08 00:00:00", "2026-03-09 00:00:00 -0400"},
		},
		{
			"missing midnight, @daily in Beirut", "@daily", "Asia/Beirut", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29 01:00:00 +0300 for 2026-03-29 00:00:00", "2026-03-30 00:00:00 +0300"},
		},
		{
			"missing midnight, Cairo", "5 0 * * FRI", "Africa/Cairo", "2026-04-23T12:00:00Z",
			[]string{"2026-04-24 01:00:00 +0300 for 2026-04-24 00:05:00", "2026-05-01 00:05:00 +0300"},
		},
		{
			"missing midnight, Asuncion", "0 0 6 10 *", "America/Asuncion", "2024-01-01T00:00:00Z",
			[]string{"2024-10-06 01:00:00 -0300 for 2024-10-06 00:00:00", "2025-10-06 00:00:00 -0300"},
		},
		{
			"doubled last hour of the day, Cairo", "30 23 * * *", "Africa/Cairo", "2026-10-29T12:00:00Z",
			[]string{"2026-10-29 23:30:00 +0300", "2026-10-30 23:30:00 +0200"},
		},
		{
			"midnight shown once after a doubled hour, Havana", "0 0 * * *", "America/Havana", "2026-10-31T12:00:00Z",
			[]string{"2026-11-01 00:00:00 -0400", "2026-11-02 00:00:00 -0500"},
		},
		{
			"gap of half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
			[]string{"2026-10-04 02:30:00 +1100 for 2026-10-04 02:15:00", "2026-10-05 02:15:00 +1100"},
		},
		{
			"gap of two hours", "30 2 * * *", "Antarctica/Troll", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29 03:00:00 +0200 for 2026-03-29 02:30:00", "2026-03-30 02:30:00 +0200"},
		},
		{
			"missing day, each day's time", "30 2 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
			[]string{
				"2011-12-29 02:30:00 -1000",
				"2011-12-31 00:00:00 +1400 for 2011-12-30 02:30:00", "2011-12-31 02:30:00 +1400",
			},
		},
		{
			"missing day, named", "0 9 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z",
			[]string{"2011-12-31 00:00:00 +1400 for 2011-12-30 09:00:00", "2012-12-30 09:00:00 +1400"},
		},
		{
			"missing day, real time", "0 */12 * * *", "Pacific/Apia", "2011-12-29T20:00:00Z",
			[]string{"2011-12-29 12:00:00 -1000", "2011-12-31 00:00:00 +1400", "2011-12-31 12:00:00 +1400"},
		},
		{
			"missing day, Kwajalein", "0 12 * * *", "Pacific/Kwajalein", "1993-08-20T12:00:00Z",
			[]string{"1993-08-20 12:00:00 -1200", "1993-08-22 00:00:00 +1200 for 1993-08-21 12:00:00", "1993-08-22 12:00:00 +1200"},
		},
		{
			"doubled day, Kwajalein", "0 12 * * *", "Pacific/Kwajalein", "1969-09-29T12:00:00Z",
			[]string{"1969-09-30 12:00:00 +1100", "1969-10-01 12:00:00 -1200"},
		},
		{
			"offsets with seconds", "0 0 * * *", "Africa/Monrovia", "1972-01-06T12:00:00Z",
			[]string{"1972-01-07 00:44:30 +0000 for 1972-01-07 00:00:00", "1972-01-08 00:00:00 +0000"},
		},
		{
			"the 366th day, beyond the table of changes", "0 */12 * * *", "Europe/Berlin", "2040-12-31T00:00:00Z",
			[]string{"2040-12-31 12:00:00 +0100", "2041-01-01 00:00:00 +0100", "2041-01-01 12:00:00 +0100"},
		},
		{
			"missing hour, beyond the table of changes", "30 2 31 3 *", "Europe/Berlin", "2040-12-31T00:00:00Z",
			[]string{"2041-03-31 03:00:00 +0200 for 2041-03-31 02:30:00", "2042-03-31 02:30:00 +0200"},
		},
		{
			"day of month or of week", "0 9 13 * FRI", "UTC", "2026-02-01T00:00:00Z",
			[]string{"2026-02-06 09:00:00 +0000", "2026-02-13 09:00:00 +0000", "2026-02-20 09:00:00 +0000"},
		},
		{
			"over a leap year that is none", "0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z",
			[]string{"2104-02-29 00:00:00 +0000"},
		},
		{"a day that no year has", "0 0 30 2 *", "Europe/Berlin", "2026-01-01T00:00:00Z", []string{"never"}},
		{"a star in a day that no year has", "* * 31 4 *", "Europe/Berlin", "2026-01-01T00:00:00Z", []string{"never"}},
		{"an empty field", "0 , * * *", "Europe/Berlin", "2026-01-01T00:00:00Z", []string{"never"}},
		{
			"parts of a second", "* * * * * *", "UTC", "2026-01-01T00:00:00.999Z",
			[]string{"2026-01-01 00:00:01 +0000", "2026-01-01 00:00:02 +0000"},
		},
		{
			"@every from the epoch on", "@every 90s", "Europe/Berlin", "2026-03-29T00:58:00Z",
			[]string{"2026-03-29 01:58:30 +0100", "2026-03-29 03:00:00 +0200", "2026-03-29 03:01:30 +0200"},
		},
		{
			"@every before the epoch", "@every 24h", "UTC", "1969-12-30T12:00:00Z",
			[]string{"1969-12-31 00:00:00 +0000", "1970-01-01 00:00:00 +0000", "1970-01-02 00:00:00 +0000"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			after, err := time.Parse(time.RFC3339, test.after)
			if err != nil {
				t.Fatal(err)
			}
			d := dueTimes(t, test.expr, loadZone(t, test.zone))
			var got []string
			for range test.want {
				due := d.Next(after)
				got = append(got, dueString(due))
				after = due.At
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%s in %s\n got %s\nwant %s", test.expr, test.zone,
					strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}

// A set that only other code than the parser can make: 29 February on a Monday.
func TestDueTimes_Next_rarest(t *testing.T) {
	trigger := scheduleTrigger(t, "0 0 29 2 *", time.UTC)
	trigger.Schedule.(*cron.SpecSchedule).Dow = starBit | 1<<time.Monday
	d := NewDueTimes(trigger, "sip_notify.test")
	after := time.Date(2072, 3, 1, 0, 0, 0, 0, time.UTC)
	if got := dueString(d.Next(after)); got != "2112-02-29 00:00:00 +0000" {
		t.Errorf("got %s", got)
	}
}

func TestNewDueTimes_withoutZone(t *testing.T) {
	d := dueTimes(t, "0 0 * * *", nil)
	if got := d.Next(time.Unix(0, 0)).At.Location(); got != time.UTC {
		t.Errorf("zone %v, want UTC", got)
	}
}

func TestDueTimes_jitter(t *testing.T) {
	const jitter = time.Minute
	trigger := scheduleTrigger(t, "0 3 * * *", time.UTC)
	trigger.Jitter = jitter
	after := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

	// Written down once: a new version must not move anyone's firing.
	d := NewDueTimes(trigger, `sip_notify.reboot["hq"]`)
	if share := d.Next(after).Fires.Sub(d.Next(after).At); share != 52821*time.Millisecond {
		t.Errorf("the share of sip_notify.reboot[\"hq\"] is %s", share)
	}
	d = NewDueTimes(trigger, "sip_notify.reboot")
	if due := d.Next(after); !due.At.Equal(after.Add(3 * time.Hour)) {
		t.Errorf("jitter moved the due time to %s", due.At)
	}

	var tenths [10]int
	for i := range 10_000 {
		d := NewDueTimes(trigger, fmt.Sprintf("sip_notify.phone[%d]", i))
		due := d.Next(after)
		share := due.Fires.Sub(due.At)
		if share < 0 || share >= jitter {
			t.Fatalf("share %s is not within [0, %s)", share, jitter)
		}
		tenths[share*10/jitter]++
	}
	for i, n := range tenths {
		if n < 850 || n > 1150 { // five standard deviations
			t.Errorf("%d of 10000 jobs are in tenth %d of the jitter", n, i)
		}
	}

	for _, none := range []time.Duration{0, -time.Minute, time.Microsecond} {
		trigger.Jitter = none
		d := NewDueTimes(trigger, "sip_notify.reboot")
		if due := d.Next(after); !due.Fires.Equal(due.At) {
			t.Errorf("jitter %s: fires %s after it is due", none, due.Fires.Sub(due.At))
		}
	}
}

// randomField gives a field such as "*", "*/7", "3", "3-40/5" or "1,2-4".
func randomField(r *rand.Rand, low, high int) string {
	switch r.IntN(6) {
	case 0, 1:
		return "*"
	case 2:
		return fmt.Sprintf("*/%d", 1+r.IntN(high))
	}
	var parts []string
	for range 1 + r.IntN(3) {
		a := low + r.IntN(high-low+1)
		b := a + r.IntN(high-a+1)
		parts = append(parts, []string{
			fmt.Sprint(a), fmt.Sprintf("%d-%d", a, b), fmt.Sprintf("%d-%d/%d", a, b, 1+r.IntN(9)),
		}[r.IntN(3)])
	}
	return strings.Join(parts, ",")
}

func randomExpr(r *rand.Rand) string {
	fields := []string{
		randomField(r, 0, 59), randomField(r, 0, 23),
		randomField(r, 1, 31), randomField(r, 1, 12), randomField(r, 0, 6),
	}
	if r.IntN(3) == 0 {
		fields = slices.Insert(fields, 0, randomField(r, 0, 59))
	}
	return strings.Join(fields, " ")
}

// robfig's own Next looks five years ahead and knows no clock changes, so that
// in UTC it is a second opinion on everything else.
func TestDueTimes_agreesWithRobfig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		expr := randomExpr(r)
		trigger := scheduleTrigger(t, expr, time.UTC)
		spec := *trigger.Schedule.(*cron.SpecSchedule)
		spec.Location = time.UTC
		d := NewDueTimes(trigger, "sip_notify.test")
		after := time.Unix(r.Int64N(4_000_000_000), r.Int64N(1e9)).UTC()
		for range 10 {
			want, got := spec.Next(after), d.Next(after)
			if want.IsZero() && (got.IsZero() || got.At.Year() > after.Year()+5) {
				break
			}
			if !got.At.Equal(want) || got.Moved() {
				t.Fatalf("%q after %s: got %s, robfig says %s", expr, after, dueString(got), want)
			}
			after = want
		}
	}
}

// checkNext checks what holds for every schedule anywhere, and returns the answer.
func checkNext(tb testing.TB, d *DueTimes, expr string, after time.Time) Due {
	tb.Helper()
	due := d.Next(after)
	if due.IsZero() {
		if due != (Due{}) {
			tb.Fatalf("%q in %s after %s: never, but not the zero Due", expr, d.zone, after)
		}
		return due
	}
	if !due.At.After(after) {
		tb.Fatalf("%q in %s after %s: %s is not later", expr, d.zone, after, dueString(due))
	}
	if due.At.Nanosecond() != 0 || due.At.Location() != d.zone {
		tb.Fatalf("%q in %s after %s: %s is no whole second of the zone", expr, d.zone, after, dueString(due))
	}
	if due.Moved() && due.Meant.Unix() >= time.Date(due.At.Year(), due.At.Month(), due.At.Day(),
		due.At.Hour(), due.At.Minute(), due.At.Second(), 0, time.UTC).Unix() {
		tb.Fatalf("%q in %s after %s: %s was moved back", expr, d.zone, after, dueString(due))
	}
	// Nothing else is due until then, whenever one asks.
	for _, between := range []time.Time{
		due.At.Add(-1), due.At.Add(-time.Second), after.Add(due.At.Sub(after) / 2), after.Add(due.At.Sub(after) / 7),
	} {
		if between.Before(after) {
			continue
		}
		if again := d.Next(between); again != due {
			tb.Fatalf("%q in %s: %s after %s, but %s after %s", expr, d.zone, dueString(due), after, dueString(again), between)
		}
	}
	return due
}

func TestDueTimes_properties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	zones := zoneNames(t)
	for range 3000 {
		expr, zone := randomExpr(r), loadZone(t, zones[r.IntN(len(zones))])
		d := dueTimes(t, expr, zone)
		if again := dueTimes(t, expr, zone); again != d {
			t.Fatalf("%q in %s: two readings differ", expr, zone)
		}
		after := time.Unix(r.Int64N(8_000_000_000)-4_000_000_000, r.Int64N(1e9))
		for range 20 {
			due := checkNext(t, &d, expr, after)
			if due.IsZero() {
				break
			}
			after = due.At
		}
	}
}

func FuzzDueTimes(f *testing.F) {
	f.Add("30 2 * * *", "America/New_York", int64(1772949600))
	f.Add("*/30 1 * * *", "Europe/London", int64(1792890000))
	f.Add("0 0 29 2 1", "Pacific/Apia", int64(1325239200))
	f.Add("@every 7m", "Asia/Kathmandu", int64(-1))
	f.Fuzz(func(t *testing.T, expr, zone string, unix int64) {
		location, err := time.LoadLocation(zone)
		if err != nil || strings.Contains(expr, "TZ=") || unix < -1<<36 || unix > 1<<37 {
			t.Skip()
		}
		schedule, err := dueParser.Parse(expr)
		if err != nil {
			t.Skip()
		}
		trigger := &schema.ScheduleTrigger{Cron: expr, Schedule: schedule, Zone: location, Jitter: time.Hour}
		d := NewDueTimes(trigger, "sip_notify.test")
		after := time.Unix(unix, 0)
		for range 5 {
			due := checkNext(t, &d, expr, after)
			if due.IsZero() {
				break
			}
			after = due.At
		}
	})
}

func BenchmarkDueTimes_Next(b *testing.B) {
	for _, expr := range []string{
		"* * * * *", "*/15 * * * *", "30 2 * * *", "55 21 * * MON-FRI", "0 0 1 1 *", "0 0 29 2 *", "0 0 30 2 *", "@every 90s",
	} {
		for _, zone := range []string{"UTC", "Europe/Berlin"} {
			b.Run(expr+" "+zone, func(b *testing.B) {
				d := dueTimes(b, expr, loadZone(b, zone))
				start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
				after := start
				b.ReportAllocs()
				for b.Loop() {
					if after = d.Next(after).At; after.Year() != 2026 {
						after = start
					}
				}
			})
		}
	}
}

func TestDueTimes_Next_allocatesNothing(t *testing.T) {
	for _, expr := range []string{"* * * * *", "30 2 * * *", "0 0 1 1 *", "@every 90s"} {
		d := dueTimes(t, expr, loadZone(t, "Europe/Berlin"))
		after := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
		if n := testing.AllocsPerRun(100, func() { after = d.Next(after).At }); n != 0 {
			t.Errorf("%s: %v allocations", expr, n)
		}
	}
}

package engine

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// firing is what Fire yields.
type firing struct {
	key TriggerKey
	due Due
}

func (f firing) String() string { return fmt.Sprintf("%v %s", f.key, dueString(f.due)) }

func fire(table *Timetable, now time.Time) (list []firing) {
	for key, due := range table.Fire(now) {
		list = append(list, firing{key, due})
	}
	return list
}

func TestTimetable(t *testing.T) {
	var table Timetable
	if !table.Wake().IsZero() || table.Len() != 0 || fire(&table, start) != nil {
		t.Error("the zero Timetable is not empty")
	}
	table.Remove(TriggerKey{"sip_notify.none", 0})

	minutely, hourly := dueTimes(t, "* * * * *", time.UTC), dueTimes(t, "0 * * * *", time.UTC)
	a, a2, b := TriggerKey{"sip_notify.a", 1}, TriggerKey{"sip_notify.a", 2}, TriggerKey{"sip_notify.b", 0}
	table.Set(b, minutely, start)
	table.Set(a2, minutely, start)
	table.Set(a, minutely, start)
	if got := table.Wake(); !got.Equal(start.Add(time.Minute)) {
		t.Errorf("wakes at %s", got)
	}
	if got := fire(&table, start.Add(time.Minute-1)); got != nil {
		t.Errorf("fires early: %v", got)
	}
	first := minutely.Next(start)
	if got, want := fire(&table, first.Fires), []firing{{a, first}, {a2, first}, {b, first}}; !slices.Equal(got, want) {
		t.Errorf("fires %v, want %v", got, want)
	}
	if got := fire(&table, first.Fires); got != nil {
		t.Errorf("fires twice: %v", got)
	}

	table.Set(a, hourly, start)
	table.Remove(a2)
	if got := table.Len(); got != 2 {
		t.Errorf("%d entries, want 2", got)
	}
	// Nobody looks for a year: each comes once.
	year := start.AddDate(1, 0, 0)
	if got, want := fire(&table, year), []firing{{b, minutely.Next(first.At)}, {a, hourly.Next(start)}}; !slices.Equal(got, want) {
		t.Errorf("fires %v, want %v", got, want)
	}
	// The clock goes back by that year, and is there again.
	for _, now := range []time.Time{start, first.At, year} {
		if got := fire(&table, now); got != nil {
			t.Errorf("fires %v at %s once more", got, now)
		}
	}
	if got := table.Wake(); !got.Equal(year.Add(time.Minute)) {
		t.Errorf("wakes at %s", got)
	}

	table.Set(b, dueTimes(t, "0 0 30 2 *", time.UTC), year)
	table.Set(a2, dueTimes(t, "0 0 30 2 *", time.UTC), year)
	if got := table.Len(); got != 1 {
		t.Errorf("%d entries, want 1 without those never due", got)
	}
}

// Equal schedules are kept once, whatever their jobs and shares of the jitter.
func TestTimetable_shares(t *testing.T) {
	var table Timetable
	trigger := scheduleTrigger(t, "0 3 * * *", loadZone(t, "Europe/Berlin"))
	trigger.Jitter = time.Hour
	a, b := TriggerKey{"sip_notify.a", 0}, TriggerKey{"sip_notify.b", 0}
	for _, key := range []TriggerKey{a, b} {
		table.Set(key, NewDueTimes(trigger, key.Job), start)
	}
	if one, other := table.entries[a], table.entries[b]; one.times != other.times || one.share == other.share {
		t.Errorf("%+v and %+v share no table, or the jitter too", one, other)
	}
}

// The loop may stop, and its body may change the table.
func TestTimetable_Fire_changes(t *testing.T) {
	var table Timetable
	minutely := dueTimes(t, "* * * * *", time.UTC)
	for i := range 5 {
		table.Set(TriggerKey{fmt.Sprint(i), 0}, minutely, start)
	}
	now := start.Add(time.Minute)
	var got []string
	for key := range table.Fire(now) {
		got = append(got, key.Job)
		switch key.Job {
		case "0":
			table.Remove(TriggerKey{"1", 0}) // waits
			table.Remove(key)                // has just fired
			table.Set(TriggerKey{"0a", 0}, minutely, start)
		case "2":
			table.Set(TriggerKey{"3", 0}, minutely, now) // no longer
		}
		if key.Job == "2" {
			break
		}
	}
	if want := []string{"0", "0a", "2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if rest, want := fire(&table, now), []firing{{TriggerKey{"4", 0}, minutely.Next(start)}}; !slices.Equal(rest, want) {
		t.Errorf("got %v, want %v", rest, want)
	}
	if got := table.Len(); got != 4 {
		t.Errorf("%d entries, want 4", got)
	}
}

// A table driven at random does what a list does that is searched each time.
func TestTimetable_model(t *testing.T) {
	type entry struct {
		times DueTimes
		due   Due
	}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(9, seed))
		zones := []*time.Location{time.UTC, loadZone(t, "America/New_York"), loadZone(t, "Australia/Lord_Howe")}
		var schedules []*schema.ScheduleTrigger
		for range 10 {
			s := scheduleTrigger(t, randomExpr(r), zones[r.IntN(len(zones))])
			s.Jitter = time.Duration(r.IntN(3)*r.IntN(200)) * time.Second
			schedules = append(schedules, s)
		}
		schedules = append(schedules, scheduleTrigger(t, "* * * * *", time.UTC), scheduleTrigger(t, "@every 7s", time.UTC))

		var table Timetable
		model := map[TriggerKey]entry{}
		now := time.Date(2026, 3, 7, 12, 0, 0, 0, time.UTC)
		fired := 0
		for range 1500 {
			key := TriggerKey{fmt.Sprintf("sip_notify.phone[%d]", r.IntN(60)), r.IntN(2)}
			switch r.IntN(8) {
			case 0, 1, 2:
				times := NewDueTimes(schedules[r.IntN(len(schedules))], key.Job)
				after := now.Add(-time.Duration(r.IntN(3)*r.IntN(1000)) * time.Second)
				table.Set(key, times, after)
				if due := times.Next(after); due.IsZero() {
					delete(model, key)
				} else {
					model[key] = entry{times, due}
				}
			case 3, 4:
				table.Remove(key)
				delete(model, key)
			case 5:
				now = now.Add(-time.Duration(r.IntN(1000)) * time.Second)
			case 6:
				now = now.Add(time.Duration(r.IntN(10_000)) * time.Second)
			default:
				if wake := table.Wake(); wake.After(now) {
					now = wake
				}
			}

			var want []firing
			for key, e := range model {
				if e.due.Fires.After(now) {
					continue
				}
				want = append(want, firing{key, e.due})
				for !e.due.Fires.After(now) {
					// The slow way: one after the other, from half-way where they are too many.
					from := e.due.At
					if half := from.Add(now.Add(-e.times.share).Sub(from) / 2); half.After(from) {
						from = half
					}
					if e.due = e.times.Next(from); e.due.IsZero() {
						break
					}
				}
				if e.due.IsZero() {
					delete(model, key)
				} else {
					model[key] = e
				}
			}
			slices.SortFunc(want, func(a, b firing) int {
				return cmp.Or(a.due.Fires.Compare(b.due.Fires), cmp.Compare(a.key.Job, b.key.Job), cmp.Compare(a.key.Index, b.key.Index))
			})
			if got := fire(&table, now); !slices.Equal(got, want) {
				t.Fatalf("seed %d at %s:\n got %v\nwant %v", seed, now, got, want)
			}
			fired += len(want)

			var wake time.Time
			for _, e := range model {
				if wake.IsZero() || e.due.Fires.Before(wake) {
					wake = e.due.Fires
				}
			}
			if got := table.Wake(); !got.Equal(wake) || table.Len() != len(model) {
				t.Fatalf("seed %d at %s: %d entries and wakes at %s, want %d and %s", seed, now, table.Len(), got, len(model), wake)
			}
			for i, s := range table.queue {
				if s.entry.place != i || table.entries[s.entry.key] != s.entry {
					t.Fatalf("seed %d: the entry at %d does not know its place", seed, i)
				}
			}
		}
		if fired < 1000 {
			t.Errorf("seed %d: only %d fired", seed, fired)
		}
	}
}

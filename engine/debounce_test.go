package engine

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// A flood of keys fills the room there is for throttled groups, and once they may
// fire again there is room for others.
func TestDebouncer_floodOfKeys(t *testing.T) {
	var d debouncer
	now := time.Unix(0, 0)
	take := func(group int) taken {
		a := arrival{listener: listener{TriggerKey{"user_event.a", 0}, &schema.EventTrigger{Throttle: 1.0 / 3600}}, group: strconv.Itoa(group)}
		return d.take(a, now)
	}
	for i := range maxGroups {
		if got := take(i); got != fires {
			t.Fatalf("group %d: %v, want that it fires", i, got)
		}
	}
	if got := take(maxGroups); got != overrun {
		t.Errorf("one more group: %v, want that there is no room", got)
	}
	if got := take(0); got != throttled {
		t.Errorf("the first group again: %v, want that it is throttled", got)
	}
	now = now.Add(time.Hour + sweepEvery)
	if got := take(0); got != fires {
		t.Errorf("the first group after an hour: %v, want that it fires", got)
	}
	if got := take(maxGroups); got != fires {
		t.Errorf("another group after an hour: %v, want that it fires", got)
	}
	if n := len(d.next); n != 2 {
		t.Errorf("%d groups are kept, want 2", n)
	}
}

// comes is an event of a group at a time.
func comes(trigger *schema.EventTrigger, group string, at time.Time) arrival {
	return arrival{listener: listener{TriggerKey{"sip_notify.x", 0}, trigger}, group: group, at: at}
}

func TestDebouncer_FiresTheLastOnceQuiet(t *testing.T) {
	var d debouncer
	trigger := &schema.EventTrigger{Debounce: 10 * time.Second}
	for i := range 5 {
		at := start.Add(time.Duration(i) * 9 * time.Second)
		if got := d.take(comes(trigger, "a", at), at); got != waits {
			t.Fatalf("event %d: verdict %d", i, got)
		}
		if _, _, ok := d.quiet(at, false); ok {
			t.Fatalf("it fires at event %d", i)
		}
	}
	last := start.Add(36 * time.Second)
	if want := last.Add(10 * time.Second); !d.wake().Equal(want) {
		t.Errorf("it wakes at %s, want %s", d.wake(), want)
	}
	if _, _, ok := d.quiet(last.Add(10*time.Second-1), false); ok {
		t.Error("it fires before it was quiet for long enough")
	}
	a, v, ok := d.quiet(last.Add(10*time.Second), false)
	if !ok || v != fires || !a.at.Equal(last) {
		t.Errorf("it gives %v, verdict %d, %v", a.at, v, ok)
	}
	if _, _, ok := d.quiet(last.Add(time.Hour), true); ok || !d.wake().IsZero() {
		t.Error("something is left")
	}
}

// Events without end are put off ten times their quiet time, and not for ever.
func TestDebouncer_Starvation(t *testing.T) {
	var d debouncer
	trigger := &schema.EventTrigger{Debounce: 10 * time.Second}
	fired := []time.Time{}
	for i := range 600 {
		at := start.Add(time.Duration(i) * time.Second)
		if a, _, ok := d.quiet(at, false); ok {
			if at.Sub(a.at) > time.Second {
				t.Errorf("at %s it fires the event of %s, not the last", at, a.at)
			}
			fired = append(fired, at)
		}
		d.take(comes(trigger, "a", at), at)
	}
	for i, at := range fired {
		if want := start.Add(time.Duration(i+1) * 100 * time.Second); !at.Equal(want) {
			t.Errorf("firing %d is at %s, want %s", i, at, want)
		}
	}
	if len(fired) != 5 {
		t.Errorf("it fires %d times in 600 s", len(fired))
	}
}

func TestDebouncer_Throttle(t *testing.T) {
	var d debouncer
	trigger := &schema.EventTrigger{Throttle: 0.5}
	counts := map[string]map[taken]int{"a": {}, "b": {}}
	var last time.Time
	for i := range 1000 {
		at := start.Add(time.Duration(i) * 100 * time.Millisecond)
		for group, n := range counts {
			v := d.take(comes(trigger, group, at), at)
			n[v]++
			if group == "a" && v == fires {
				if !last.IsZero() && at.Sub(last) < 2*time.Second {
					t.Errorf("fires at %s and %s", last, at)
				}
				last = at
			}
		}
	}
	for group, n := range counts {
		if n[fires] != 50 || n[throttled] != 950 {
			t.Errorf("%s: %v", group, n)
		}
	}
}

// What is debounced is throttled when it is quiet.
func TestDebouncer_ThrottlesWhatWaited(t *testing.T) {
	var d debouncer
	trigger := &schema.EventTrigger{Debounce: time.Second, Throttle: schema.Rate(1.0 / 60)}
	verdicts := []taken{}
	for i := range 3 {
		at := start.Add(time.Duration(i) * 10 * time.Second)
		d.take(comes(trigger, "a", at), at)
		_, v, ok := d.quiet(at.Add(time.Second), false)
		if !ok {
			t.Fatalf("event %d is not quiet", i)
		}
		verdicts = append(verdicts, v)
	}
	if fmt.Sprint(verdicts) != fmt.Sprint([]taken{fires, throttled, throttled}) {
		t.Errorf("verdicts %v", verdicts)
	}
}

// Whatever comes in whatever order: each event fires, is told to be late for
// its turn, or gives way to a later one of its group, and none waits for more
// than ten times its quiet time.
func TestDebouncer_properties(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	triggers := []*schema.EventTrigger{{}, {Debounce: time.Second}, {Throttle: 2}, {Debounce: 300 * time.Millisecond, Throttle: 1}}
	var d debouncer
	waiting := map[groupKey]time.Time{} // the first of those that wait
	now := start
	for range 200_000 {
		now = now.Add(time.Duration(r.IntN(400)) * time.Millisecond)
		for {
			a, _, ok := d.quiet(now, false)
			if !ok {
				break
			}
			key := groupKey{a.key, a.group}
			if waiting[key].IsZero() {
				t.Fatalf("%v was given twice", key)
			}
			delete(waiting, key)
		}
		for key, first := range waiting {
			if most := triggers[key.Index].Debounce * maxDebounce; now.Sub(first) > most {
				t.Fatalf("%v waits since %s at %s", key, first, now)
			}
		}
		n := r.IntN(len(triggers))
		a := arrival{listener: listener{TriggerKey{"sip_notify.x", n}, triggers[n]}, group: fmt.Sprint(r.IntN(5)), at: now}
		key := groupKey{a.key, a.group}
		switch v := d.take(a, now); {
		case v == waits != (triggers[n].Debounce > 0):
			t.Fatalf("verdict %d for %+v", v, triggers[n])
		case v == waits && waiting[key].IsZero():
			waiting[key] = now
		}
	}
	if len(waiting) != len(d.waiting) {
		t.Errorf("%d groups wait, want %d", len(d.waiting), len(waiting))
	}
}

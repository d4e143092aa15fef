package engine

import (
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

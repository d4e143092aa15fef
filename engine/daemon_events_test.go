package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// A loop that waits for the disk has a bounded number of things to do after it,
// whatever comes meanwhile, and all that was too much is counted.
func TestListening_flood(t *testing.T) {
	l := &loop{observer: unobserved{}, misses: map[missKey]*Missed{}, signal: make(chan struct{}, 1)}
	n := &listening{loop: l, pbx: "pbx.hq"}
	li := listener{TriggerKey{"user_event.a", 0}, &schema.EventTrigger{}}
	const more = 5000
	for range maxArrivals + more {
		n.hand(arrival{listener: li})
		n.refuse(li, errors.New("it is null"), time.Now())
	}
	if len(l.inbox) > maxArrivals+1 {
		t.Errorf("%d things wait for the loop, want %d at most", len(l.inbox), maxArrivals+1)
	}
	l.take(time.Now())
	if got := len(l.arrivals); got != maxArrivals {
		t.Errorf("%d events fire, want %d", got, maxArrivals)
	}
	for reason, want := range map[MissedReason]int64{MissedOverrun: more, MissedRefused: maxArrivals + more} {
		if m := l.misses[missKey{li.key, "", reason}]; m == nil || m.Count != want {
			t.Errorf("%s: %+v, want %d", reason, m, want)
		}
	}
}

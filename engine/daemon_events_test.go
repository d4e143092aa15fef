package engine

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
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

// Events that come faster than they can be taken are lost again and again. They
// are counted, and jobs that want to catch up do so now and then.
func TestDaemon_catchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.apply(configure(t, `
			pbx "hq" {
			  simulator {}
			}
			user_event "again" {
			  pbx = pbx.hq
			  trigger "event" {
			    name         = "Hangup"
			    where        = event.Cause == "0"
			    on_reconnect = "fire"
			  }
			}`))
		s.begin()
		s.sleep(time.Second)
		for range 2000 {
			s.link().lose(&amiclient.MissedError{Lost: 3})
			s.sleep(10 * time.Millisecond)
		}
		s.sleep(20 * time.Second)
		if n := len(s.runsOf("user_event.again")); n != 3 {
			t.Errorf("it catches up %d times with what is lost in 20 s, want 3: at once, and then every 10 s", n)
		}
		lost, rows := int64(0), s.missedOf("")
		for _, m := range rows {
			lost += m.Count
		}
		if lost != 6000 || len(rows) > 25 {
			t.Errorf("%d lost in %d rows, want 6000, a row a second", lost, len(rows))
		}
		if n := strings.Count(s.said.String(), "events may have been missed"); n > 3 {
			t.Errorf("it says so %d times", n)
		}
		s.end()
	})
}

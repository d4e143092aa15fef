package engine

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

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
	for i := range maxArrivals + more {
		n.hand(arrival{listener: li})
		n.refuse(li, fmt.Errorf("%d is null", i%1000), time.Now())
	}
	if len(l.inbox) > maxArrivals+1 {
		t.Errorf("%d things wait for the loop, want %d at most", len(l.inbox), maxArrivals+1)
	}
	l.take(time.Now())
	if got := len(l.arrivals); got != maxArrivals {
		t.Errorf("%d events fire, want %d", got, maxArrivals)
	}
	count, records := map[MissedReason]int64{}, map[MissedReason]int{}
	for _, m := range l.misses {
		count[m.Reason] += m.Count
		records[m.Reason]++
	}
	if count[MissedOverrun] != more || count[MissedRefused] != maxArrivals+more {
		t.Errorf("missed: %v", count)
	}
	if records[MissedOverrun] != 1 || records[MissedRefused] < 2 || records[MissedRefused] > maxReasons+1 {
		t.Errorf("each reason is to be on record, up to a bound: %v", records)
	}
}

// onHangup is a configuration of which a job fires when a call ends.
func onHangup(t *testing.T, lines string) *schema.Config {
	t.Helper()
	return configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		user_event "heard" {
		  pbx = pbx.hq
		  trigger "event" {
		    name = "Hangup"
		    %s
		  }
		}`, lines))
}

// Events that come faster than they can be taken are lost again and again. They
// are counted, and jobs that want to catch up do so now and then.
func TestDaemon_catchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.apply(onHangup(t, "where = event.Cause == \"0\"\non_reconnect = \"fire\""))
		s.begin()
		s.sleep(time.Second)
		for range 2000 {
			s.link().lose(&amiclient.MissedError{Lost: 3})
			s.sleep(10 * time.Millisecond)
		}
		s.sleep(20 * time.Second)
		if n := len(s.runsOf("user_event.heard")); n != 3 {
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

// A huge event is not kept, and others are.
func TestDaemon_hugeEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.apply(onHangup(t, ""))
		s.begin()
		s.sleep(time.Second)
		s.link().raise("Hangup", "Text", strings.Repeat("x", maxEvent))
		s.link().raise("Hangup", "Text", strings.Repeat("x", maxEvent/2))
		s.sleep(10 * time.Second)
		if n := len(s.runsOf("user_event.heard")); n != 1 {
			t.Errorf("it fires %d times, want once", n)
		}
		missed := s.missedOf("user_event.heard")
		if len(missed) != 1 || missed[0].Reason != MissedRefused || !strings.Contains(missed[0].Detail, "bytes") {
			t.Errorf("missed: %+v", missed)
		}
		s.end()
	})
}

// Of an event the record has what the job uses, and a daemon that starts with the
// open run makes the same of it.
func TestDaemon_eventKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.apply(configure(t, `
			pbx "hq" {
			  simulator {}
			}
			sip_notify "told" {
			  pbx     = pbx.hq
			  targets = [for d in flatten([trigger.event.Device]) : "SIP/${d}"]
			  message {
			    event   = "check-sync"
			    headers = { X-By = trigger.event.By, X-Odd = trigger.event["Odd Name"] }
			  }
			  trigger "event" {
			    name  = "UserEvent"
			    where = event.Secret == "1234"
			  }
			}
			sip_notify "blind" {
			  pbx     = pbx.hq
			  targets = ["SIP/9"]
			  message {
			    event = trigger.kind
			  }
			  trigger "event" {
			    name = "UserEvent"
			  }
			}`))
		s.begin()
		s.sleep(time.Second)
		s.mute(true)
		s.link().raise("UserEvent", "Privilege", "user,all", "UserEvent", "Move", "device", "1001", "By", "Alice", "Device", "1002", "Secret", "1234")
		s.sleep(10 * time.Second)
		s.end()
		told, blind := s.runsOf("sip_notify.told"), s.runsOf("sip_notify.blind")
		if len(told) != 1 || len(blind) != 1 {
			t.Fatalf("%d and %d runs", len(told), len(blind))
		}
		want := schema.EventHeaders{{Name: "device", Value: "1001"}, {Name: "By", Value: "Alice"}, {Name: "Device", Value: "1002"}}
		if diff := cmp.Diff(want, told[0].Cause.Fired.Event); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
		if kept := blind[0].Cause.Fired.Event; len(kept) > 0 {
			t.Errorf("kept of an event that is not used: %v", kept)
		}
		s.mute(false)
		s.begin()
		s.sleep(time.Minute)
		s.end()
		for job, n := range map[string]int{"sip_notify.told": 2, "sip_notify.blind": 1} {
			run := s.runsOf(job)[0]
			if len(run.states) != n {
				t.Errorf("%s: %d deliveries, want %d", job, len(run.states), n)
			}
			for _, d := range run.states {
				if d.Outcome != Accepted {
					t.Errorf("%s: %s is %s", job, d.Target, d.Outcome)
				}
			}
		}
	})
}

// What is gathered of a kind spans all of it, in whatever order it comes.
func TestAdd(t *testing.T) {
	all := map[missKey]*Missed{}
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	for _, m := range []Missed{{Count: 1, First: at(5), Last: at(5)}, {Count: 2, First: at(2), Last: at(3)}, {Count: 1, First: at(7), Last: at(9)}} {
		add(all, m)
	}
	if m := all[missKey{}]; m.Count != 4 || !m.First.Equal(at(2)) || !m.Last.Equal(at(9)) {
		t.Errorf("%+v", m)
	}
}

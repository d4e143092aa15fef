package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

var everyDay = [7]bool{true, true, true, true, true, true, true}

// nights is open from 22:00 to 05:00; start is when it opens.
var nights = &schema.Window{Address: "window.nights", Start: 22 * time.Hour, End: 5 * time.Hour, Days: everyDay, Zone: time.UTC}

// through has deliveries go through the gate of a window.
func through(l *lane, w *schema.Window, items []*item) []*item {
	for _, it := range items {
		it.gate = l.gateOf(w)
	}
	return items
}

func TestLane_window(t *testing.T) {
	l := seeing(3, 0, 2)
	l.add(through(l, nights, phones("night", 5))...)
	l.add(phones("day", 2)...)

	// What is for the night does not keep back what is for the day.
	noon := start.Add(-10 * time.Hour)
	send, _, wake := l.step(noon)
	if got := targets(send); !slices.Equal(got, []string{"PJSIP/0", "PJSIP/1"}) || send[0].work.ID != "day" {
		t.Fatalf("at noon it sends %v", got)
	}
	if !wake.Equal(noon.Add(lookAtLeast)) || l.waiting() != 5 || l.nHeld != 5 {
		t.Errorf("wakes at %s, %d waiting, %d held", wake, l.waiting(), l.nHeld)
	}
	for _, it := range send {
		l.ended(it, noon)
	}
	if !l.idle() {
		t.Error("what is held is no work for now")
	}
	if send, _, wake = l.step(start.Add(-time.Second)); len(send) > 0 || !wake.Equal(start) {
		t.Errorf("a second early it sends %v, and wakes at %s", targets(send), wake)
	}

	// It opens at once, and closes while some are in flight.
	send, _, _ = l.step(start)
	if got := targets(send); !slices.Equal(got, []string{"PJSIP/0", "PJSIP/1", "PJSIP/2"}) || l.nHeld != 0 {
		t.Fatalf("at the opening it sends %v, and holds %d", got, l.nHeld)
	}
	closing := start.Add(7 * time.Hour)
	for _, it := range send[:2] {
		l.ended(it, closing.Add(-time.Second))
	}
	if send, _, wake := l.step(closing); len(send) > 0 || l.nHeld != 2 || !wake.Equal(closing.Add(lookAtLeast)) {
		t.Errorf("when it has closed it sends %v, holds %d, wakes at %s", targets(send), l.nHeld, wake)
	}
	l.retry(send[0], closing.Add(time.Minute)) // one that is tried again waits, too
	if send, _, _ := l.step(closing.Add(time.Minute)); len(send) > 0 || l.nHeld != 3 {
		t.Errorf("it sends %v, and holds %d", targets(send), l.nHeld)
	}
	l.ended(send[2], closing.Add(time.Minute))
	send, _, _ = l.step(start.Add(24 * time.Hour))
	if got := targets(send); !slices.Equal(got, []string{"PJSIP/0", "PJSIP/3", "PJSIP/4"}) {
		t.Errorf("the next night it sends %v, not in the order of the run", got)
	}
}

// A clock that is set back to before the closing, or forward to after the
// opening, is gone by.
func TestLane_windowAndClock(t *testing.T) {
	l := seeing(10, 0, 1)
	l.add(through(l, nights, phones("night", 1))...)
	if send, _, _ := l.step(start.Add(7 * time.Hour)); len(send) > 0 {
		t.Fatal("it is closed")
	}
	send, _, _ := l.step(start.Add(6 * time.Hour))
	if len(send) != 1 || l.nHeld != 0 {
		t.Fatalf("set back to when it is open, %d are sent and %d held", len(send), l.nHeld)
	}
	l.ended(send[0], start)
	l.add(send[0])
	if send, _, _ := l.step(start.Add(8 * time.Hour)); len(send) > 0 {
		t.Fatal("set forward to when it is closed, it sends")
	}
	if send, _, _ := l.step(start.Add(48 * time.Hour)); len(send) != 1 {
		t.Error("set forward to when it is open again, it sends nothing")
	}
}

// Windows open one by one, each at its own time.
func TestLane_windows(t *testing.T) {
	l := seeing(10, 0, 3)
	early := &schema.Window{Address: "window.early", Start: 21 * time.Hour, End: 22 * time.Hour, Days: everyDay, Zone: time.UTC}
	l.add(through(l, nights, phones("night", 1))...)
	l.add(through(l, early, phones("early", 1))...)
	noon := start.Add(-10 * time.Hour)
	l.step(noon)
	send, _, _ := l.step(start.Add(-time.Hour))
	if len(send) != 1 || send[0].work.ID != "early" {
		t.Fatalf("at 21:00 it sends %d", len(send))
	}
	l.ended(send[0], start.Add(-time.Hour))
	if _, _, wake := l.step(start.Add(-time.Second)); !wake.Equal(start) {
		t.Errorf("it wakes at %s", wake)
	}
	if send, _, _ = l.step(start.Add(time.Second)); len(send) != 1 || send[0].work.ID != "night" {
		t.Errorf("at 22:00 it sends %d", len(send))
	}
}

// A delivery that is held does not keep those to the same phone waiting that
// are not, and what is withdrawn is held no more.
func TestLane_windowSamePhone(t *testing.T) {
	l := seeing(10, 0, 3)
	l.add(phones("first", 1)...)
	l.add(through(l, nights, phones("night", 1))...)
	l.add(phones("last", 1)...)
	noon := start.Add(-10 * time.Hour)
	open := noon.Add(11 * time.Hour)
	send, _, _ := l.step(open) // the other two step aside
	if len(send) != 1 || send[0].work.ID != "first" || len(l.aside) != 1 {
		t.Fatalf("sends %d", len(send))
	}
	l.ended(send[0], open)
	later := start.Add(12 * time.Hour) // by then it is closed
	if send, _, _ = l.step(later); len(send) != 1 || send[0].work.ID != "last" || l.nHeld != 1 || len(l.aside) != 0 {
		t.Fatalf("sends %d, holds %d", len(send), l.nHeld)
	}
	if out := l.withdraw(func(it *item) bool { return it.work.ID == "night" }); len(out) != 1 || l.nHeld != 0 || len(l.held) != 0 || l.waiting() != 0 {
		t.Errorf("withdrew %d, holds %d", len(out), l.nHeld)
	}
}

// One that is skipped does not leave those behind it waiting for ever.
func TestLane_skippedSamePhone(t *testing.T) {
	l := seeing(10, 0, 3)
	for _, run := range []string{"a", "b", "c"} {
		l.add(phones(run, 1)...)
	}
	send, _, _ := l.step(start)
	l.ended(send[0], start)
	l.contacts[heard{endpoint: "0"}] = 0 // it has gone meanwhile
	if _, skip, _ := l.step(start.Add(time.Minute)); len(skip) != 2 {
		t.Errorf("%d of the two others are skipped, %d left behind", len(skip), len(l.aside))
	}
}

// Held deliveries cost a step nothing.
func BenchmarkLane_held(b *testing.B) {
	l := seeing(10, 0, 1)
	l.add(through(l, nights, phones("night", 100_000))...)
	noon := start.Add(-10 * time.Hour)
	l.step(noon)
	b.ReportAllocs()
	for b.Loop() {
		l.step(noon)
	}
}

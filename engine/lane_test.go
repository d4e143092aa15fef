package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

var start = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

// phones makes deliveries of one run to PJSIP/0, PJSIP/1 …
func phones(run string, n int) []*item {
	w := &Work{RunHeader: RunHeader{ID: run}}
	items := make([]*item, n)
	for i := range items {
		items[i] = &item{work: w, seq: i, target: fmt.Sprintf("PJSIP/%d", i), phone: fmt.Sprintf("PJSIP/%d", i), heard: heard{endpoint: fmt.Sprint(i)}}
	}
	return items
}

// seeing is a lane to which every endpoint's contacts are known.
func seeing(maxInFlight int, rate schema.Rate, runs int) *lane {
	l := newLane(maxInFlight, rate, runs)
	for i := range 1000 {
		l.contacts[heard{endpoint: fmt.Sprint(i)}] = 1
	}
	return l
}

func targets(items []*item) []string {
	var names []string
	for _, it := range items {
		names = append(names, it.target)
	}
	return names
}

func TestLane_MaxInFlight(t *testing.T) {
	l := seeing(3, 0, 1)
	l.add(phones("a", 5)...)
	send, _, wake := l.step(start)
	if got := targets(send); !slices.Equal(got, []string{"PJSIP/0", "PJSIP/1", "PJSIP/2"}) {
		t.Fatalf("first step sends %v", got)
	}
	if !wake.IsZero() {
		t.Errorf("wakes at %v although only an answer can change anything", wake)
	}
	l.ended(send[1], start)
	send, _, _ = l.step(start)
	if got := targets(send); !slices.Equal(got, []string{"PJSIP/3"}) {
		t.Fatalf("after one answer it sends %v", got)
	}
}

func TestLane_Rate(t *testing.T) {
	l := seeing(1000, 50, 1)
	l.add(phones("a", 500)...)
	sent := 0
	var last time.Time
	for now := start; sent < 500; {
		send, _, wake := l.step(now)
		for _, it := range send {
			l.ended(it, now)
		}
		sent += len(send)
		// At no time more than the rate and its burst allow.
		if most := 1 + 50*now.Sub(start).Seconds() + 50*burst.Seconds(); float64(sent) > most+1e-6 {
			t.Fatalf("%d sent after %v, at most %.0f allowed", sent, now.Sub(start), most)
		}
		last = now
		if !wake.After(now) && sent < 500 {
			t.Fatalf("at %v it wants to look again at %v", now, wake)
		}
		now = wake
	}
	if took := last.Sub(start); took > 10*time.Second {
		t.Errorf("500 at 50/s took %v", took)
	}
}

// A lane that was held up does not make up for it all at once.
func TestLane_RateAfterPause(t *testing.T) {
	l := seeing(1000, 200, 1)
	l.add(phones("a", 500)...)
	l.step(start)
	send, _, _ := l.step(start.Add(time.Hour))
	if len(send) > 21 {
		t.Errorf("%d at once after an hour's pause at 200/s", len(send))
	}
}

func TestLane_OnePhoneOneNotify(t *testing.T) {
	l := seeing(10, 0, 2)
	l.add(phones("a", 2)...)
	l.add(phones("b", 2)...)
	send, _, _ := l.step(start)
	if len(send) != 2 || send[0].work.ID != "a" || send[1].work.ID != "a" {
		t.Fatalf("first step sends %v", targets(send))
	}
	l.ended(send[0], start)
	if send, _, wake := l.step(start); len(send) != 0 || !wake.Equal(start.Add(phoneGap)) {
		t.Fatalf("without a gap it sends %v, wakes at %v", targets(send), wake)
	}
	send, _, _ = l.step(start.Add(phoneGap))
	if len(send) != 1 || send[0].target != "PJSIP/0" || send[0].work.ID != "b" {
		t.Fatalf("after the gap it sends %v", targets(send))
	}
	if l.idle() {
		t.Error("idle with deliveries aside")
	}
}

// The gap holds too where the second NOTIFY was not waiting yet.
func TestLane_GapForLateComer(t *testing.T) {
	l := seeing(10, 0, 2)
	l.add(phones("a", 1)...)
	send, _, _ := l.step(start)
	l.ended(send[0], start)
	l.add(phones("b", 1)...)
	if send, _, _ := l.step(start); len(send) != 0 {
		t.Fatalf("without a gap it sends %v", targets(send))
	}
	if send, _, _ := l.step(start.Add(phoneGap)); len(send) != 1 {
		t.Fatalf("after the gap it sends %v", targets(send))
	}
	if !t.Failed() && l.idle() {
		t.Error("idle with a delivery in flight")
	}
}

func TestLane_SkipsWithoutContact(t *testing.T) {
	l := newLane(10, 0, 1)
	l.add(phones("a", 4)...)
	if send, skip, _ := l.step(start); len(send)+len(skip) > 0 || l.idle() || len(l.unseen) != 4 {
		t.Fatalf("before anybody has looked it sends %v, skips %v, and %d wait for it", targets(send), targets(skip), len(l.unseen))
	}
	l.see(map[heard]int{{endpoint: "0"}: 1, {endpoint: "1"}: 0, {endpoint: "2"}: 3}) // 3 is not an endpoint: Asterisk shall say so
	send, skip, _ := l.step(start)
	if !slices.Equal(targets(send), []string{"PJSIP/0", "PJSIP/2", "PJSIP/3"}) || !slices.Equal(targets(skip), []string{"PJSIP/1"}) {
		t.Errorf("sends %v, skips %v", targets(send), targets(skip))
	}
}

// What is withdrawn is out wherever it waits, and lets go what waits behind it.
func TestLane_Withdraw(t *testing.T) {
	l := seeing(2, 0, 3)
	l.add(phones("a", 1)...)
	l.add(phones("b", 1)...)
	l.add(phones("c", 3)...)
	send, _, _ := l.step(start)
	l.ended(send[0], start) // of a: now b waits for the gap, and c behind it
	out := l.withdraw(func(it *item) bool { return it.work.ID == "b" })
	if len(out) != 1 || out[0].work.ID != "b" {
		t.Fatalf("withdrew %v", targets(out))
	}
	if n := l.waiting(); n != 2 {
		t.Errorf("%d wait", n)
	}
	l.ended(send[1], start)
	send, _, _ = l.step(start.Add(phoneGap))
	if got := targets(send); !slices.Equal(got, []string{"PJSIP/2", "PJSIP/0"}) {
		t.Errorf("then it sends %v", got)
	}
}

// A lane that is never empty forgets what it has sent and who was quiet.
func TestLane_DoesNotGrow(t *testing.T) {
	l := seeing(1, 0, 2)
	now := start
	l.add(phones("a", 10)...)
	for i := range 100_000 {
		it := phones("b", 1)[0]
		it.phone, it.heard = fmt.Sprint("PJSIP/", i), heard{}
		l.add(it)
		send, _, _ := l.step(now)
		l.ended(send[0], now)
		now = now.Add(time.Millisecond)
	}
	if l.waiting() != 10 || cap(l.ready) > 100 || len(l.quiet) > 4096 {
		t.Errorf("%d wait in room for %d, %d phones are quiet", l.waiting(), cap(l.ready), len(l.quiet))
	}
}

func TestLane_Retry(t *testing.T) {
	l := seeing(10, 0, 1)
	l.add(phones("a", 1)...)
	send, _, _ := l.step(start)
	it := send[0]
	l.ended(it, start)
	l.retry(it, start.Add(30*time.Second))
	if send, _, wake := l.step(start.Add(29 * time.Second)); len(send) != 0 || !wake.Equal(start.Add(30*time.Second)) {
		t.Fatalf("before its time: sends %v, wakes at %v", targets(send), wake)
	}
	if send, _, _ := l.step(start.Add(30 * time.Second)); len(send) != 1 || it.n() != 2 {
		t.Errorf("in its time: sends %v as attempt %d", targets(send), it.n())
	}
}

func TestClaims(t *testing.T) {
	a, b := phones("a", 6), phones("b", 2)
	for _, it := range slices.Concat(a, b) {
		it.tries = 1
	}
	a[4].tries = 2
	got := claims([]*item{a[0], a[1], a[3], a[4], a[5], b[0], b[1]}, start)
	want := []Claim{
		{"a", 0, 1, 1, start}, {"a", 3, 3, 1, start}, {"a", 4, 4, 2, start}, {"a", 5, 5, 1, start}, {"b", 0, 1, 1, start},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// BenchmarkLane moves 100,000 deliveries through a lane with 256 in flight.
func BenchmarkLane(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		items := phones("a", 100_000)
		l := newLane(256, schema.Rate(0), 1)
		l.blind = true
		b.StartTimer()
		l.add(items...)
		for !l.idle() {
			send, _, _ := l.step(start)
			for _, it := range send {
				l.ended(it, start)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/delivery")
}

package engine

import (
	"cmp"
	"container/heap"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// Work is an open run with what is still to be sent of it.
type Work struct {
	RunHeader
	Job        *schema.Job
	Deliveries []DeliveryState // not final

	// Queued has it wait for the end of the job's earlier runs on its lane.
	Queued bool

	// Waits are the runs that must have succeeded before.
	Waits []Waited

	over string // why nothing of it is tried again; empty: it may be
}

// item is one delivery on its way through a lane.
type item struct {
	work    *Work
	seq     int
	target  string
	phone   string    // what two of must not be in flight together; a user event is for nobody's phone
	heard   heard     // what decides whether anyone would hear it; zero: that is not looked up
	before  int       // attempts by earlier processes
	tries   int       // attempts by this one
	started time.Time // of the attempt in flight
	due     time.Time // not before; zero: now
	order   uint64    // in which it came to the lane
	action  amiclient.Action
	gate    *gate // through which it goes; nil: at any time
}

// n is the number of the present attempt, over all processes.
func (it *item) n() int { return it.before + it.tries }

// lane decides for one PBX which deliveries go next. It is pure but for its
// own memory: time comes in as an argument, decisions go out as values.
// Each decision costs O(log n) at most, however many deliveries wait.
type lane struct {
	maxInFlight int
	rate        schema.Rate

	contacts map[heard]int // as looked up; unlisted where Asterisk does not show it
	blind    bool          // contacts cannot be looked up
	unseen   []*item       // for which something is to be looked up before they can go

	ready    []*item // in the order of the runs; the head is at next
	next     int
	added    uint64             // so far
	later    itemHeap           // waiting for their due time
	aside    map[string][]*item // waiting for another delivery to the same phone
	gates    map[*schema.Window]*gate
	held     map[*gate][]*item // waiting for the gate to open; those of gates that are closed alone
	nHeld    int
	opens    time.Time            // when the first of these gates opens
	asked    time.Time            // when they were asked last
	inFlight map[string]*item     // by phone: two NOTIFYs to one phone are never in flight together
	quiet    map[string]time.Time // by phone, until when; only where the lane serves several runs
	swept    int                  // how many were quiet when those that are no more were last taken out
	earliest time.Time            // of the next send that the rate allows
}

// heard is what decides whether a NOTIFY is heard by anyone: the contacts of an
// endpoint, or one of them, and for what goes to a URI the server's default
// outbound endpoint. Asterisk says Success in any case, and where it is missing
// sends nothing (res/res_pjsip_notify.c: notify_endpoint, notify_uri).
type heard struct {
	endpoint string
	contact  string // of the endpoint's contacts, the one with this URI
	outbound bool
}

// unlisted stands among the contacts for an endpoint that Asterisk does not
// know or cannot show: it will say so itself, for the record.
const unlisted = -1

// phoneGap is left between the answer to one NOTIFY and the next NOTIFY to the
// same phone. Asterisk answers when it has queued a NOTIFY, and its workers do
// not keep the order of two (res/res_pjsip_notify.c: push_notify).
const phoneGap = time.Second

func newLane(maxInFlight int, rate schema.Rate, runs int) *lane {
	l := &lane{
		maxInFlight: maxInFlight, rate: rate,
		contacts: map[heard]int{}, aside: map[string][]*item{}, inFlight: map[string]*item{},
		gates: map[*schema.Window]*gate{}, held: map[*gate][]*item{},
	}
	if runs > 1 {
		l.quiet = map[string]time.Time{}
	}
	return l
}

// add queues deliveries behind those already waiting.
func (l *lane) add(items ...*item) {
	for _, it := range items {
		l.added++
		it.order = l.added
	}
	l.ready = append(l.ready, items...)
}

// step takes the deliveries to claim and send at now, and those to skip
// because nobody would hear them. Those for which nobody has looked that up
// wait in unseen, for see. It says when to look again if no answer comes first;
// zero means that only an answer can change anything.
func (l *lane) step(now time.Time) (send, skip []*item, wake time.Time) {
	for len(l.later) > 0 && !l.later[0].due.After(now) {
		l.ready = append(l.ready, heap.Pop(&l.later).(*item))
	}
	l.letGo(now)
	budget := min(l.maxInFlight-len(l.inFlight), l.allowed(now))
	for budget > 0 && l.next < len(l.ready) {
		it := l.ready[l.next]
		l.ready[l.next] = nil
		l.next++
		if it.gate != nil {
			if open, until := it.gate.at(now); !open {
				l.hold(it, until, now)
				continue
			}
		}
		if _, busy := l.inFlight[it.phone]; busy {
			l.aside[it.phone] = append(l.aside[it.phone], it)
			continue
		}
		if until, ok := l.quiet[it.phone]; ok {
			if until.After(now) {
				l.retry(it, until)
				continue
			}
			delete(l.quiet, it.phone)
		}
		if it.heard != (heard{}) && !l.blind {
			n, known := l.contacts[it.heard]
			if !known {
				l.unseen = append(l.unseen, it)
				continue
			}
			if n == 0 {
				skip = append(skip, it)
				l.free(it.phone)
				continue
			}
		}
		l.inFlight[it.phone] = it
		it.tries++
		it.started = now
		send = append(send, it)
		budget--
	}
	switch {
	case l.next == len(l.ready):
		l.ready, l.next = l.ready[:0], 0
	case l.next > len(l.ready)/2: // a lane that is never empty must not grow for ever
		n := copy(l.ready, l.ready[l.next:])
		clear(l.ready[n:])
		l.ready, l.next = l.ready[:n], 0
	}
	l.spend(len(send))
	wake = l.wake()
	if l.nHeld > 0 { // wall clocks are set, and machines are suspended
		look := now.Add(lookAtLeast)
		if l.opens.Before(look) {
			look = l.opens
		}
		if wake.IsZero() || look.Before(wake) {
			wake = look
		}
	}
	return send, skip, wake
}

// see puts what was looked up in place, and those that waited for it in front.
func (l *lane) see(contacts map[heard]int) {
	for _, it := range l.unseen {
		n, known := contacts[it.heard]
		if !known {
			n = unlisted
		}
		l.contacts[it.heard] = n
	}
	l.ready = append(l.unseen, l.ready[l.next:]...)
	l.next, l.unseen = 0, nil
}

// burst is how much of its rate a lane may catch up on when it was held up:
// a tenth of a second's worth, so that "200/s" never means 200 at once.
const burst = 100 * time.Millisecond

// allowed is how many sends the rate permits at now.
func (l *lane) allowed(now time.Time) int {
	if l.rate == 0 {
		return math.MaxInt
	}
	if floor := now.Add(-burst); l.earliest.Before(floor) {
		l.earliest = floor
	}
	if l.earliest.After(now) {
		return 0
	}
	return 1 + int(now.Sub(l.earliest).Seconds()*float64(l.rate))
}

func (l *lane) spend(n int) {
	if l.rate > 0 && n > 0 {
		l.earliest = l.earliest.Add(time.Duration(float64(n) / float64(l.rate) * float64(time.Second)))
	}
}

func (l *lane) wake() time.Time {
	var wake time.Time
	if l.next < len(l.ready) && len(l.inFlight) < l.maxInFlight {
		wake = l.earliest // only the rate can have held it
	}
	if len(l.later) > 0 && (wake.IsZero() || l.later[0].due.Before(wake)) {
		wake = l.later[0].due
	}
	return wake
}

// ended takes a delivery out of flight and lets the next one to the same
// phone go after a gap.
func (l *lane) ended(it *item, now time.Time) {
	delete(l.inFlight, it.phone)
	if l.quiet != nil {
		l.quiet[it.phone] = now.Add(phoneGap)
		l.sweep(now)
	}
	if waiting := l.aside[it.phone]; len(waiting) > 0 {
		l.retry(waiting[0], now.Add(phoneGap))
		if len(waiting) == 1 {
			delete(l.aside, it.phone)
		} else {
			l.aside[it.phone] = waiting[1:]
		}
	}
}

// free gives the next delivery to a phone its turn where the one that it waited
// for does not go.
func (l *lane) free(phone string) {
	waiting := l.aside[phone]
	if len(waiting) == 0 || l.inFlight[phone] != nil {
		return
	}
	l.ready = append(l.ready, waiting[0])
	if l.aside[phone] = waiting[1:]; len(waiting) == 1 {
		delete(l.aside, phone)
	}
}

// gateOf is what the deliveries of a job with a window go through.
func (l *lane) gateOf(w *schema.Window) *gate {
	if w == nil {
		return nil
	}
	if l.gates[w] == nil {
		l.gates[w] = newGate(w)
	}
	return l.gates[w]
}

// hold puts a delivery before its closed gate.
func (l *lane) hold(it *item, until, now time.Time) {
	if l.nHeld == 0 || until.Before(l.opens) {
		l.opens = until
	}
	if l.nHeld == 0 {
		l.asked = now.Round(0)
	}
	l.held[it.gate] = append(l.held[it.gate], it)
	l.nHeld++
	l.free(it.phone)
}

// letGo gives those their turn whose gate has opened, in the order in which they
// came. The gates are asked when the first of them is to open, and when the clock
// was set back.
func (l *lane) letGo(now time.Time) {
	if l.nHeld == 0 || now.Before(l.opens) && !now.Round(0).Before(l.asked) {
		return
	}
	l.asked = now.Round(0)
	var opens time.Time
	for g, items := range l.held {
		open, until := g.at(now)
		if !open {
			if opens.IsZero() || until.Before(opens) {
				opens = until
			}
			continue
		}
		slices.SortFunc(items, func(a, b *item) int { return cmp.Compare(a.order, b.order) })
		l.ready = append(l.ready, items...)
		l.nHeld -= len(items)
		delete(l.held, g)
	}
	l.opens = opens
}

// sweep forgets phones that are quiet no more, each time that they may have
// become twice as many.
func (l *lane) sweep(now time.Time) {
	if len(l.quiet) < max(1024, 2*l.swept) {
		return
	}
	maps.DeleteFunc(l.quiet, func(_ string, until time.Time) bool { return !until.After(now) })
	l.swept = len(l.quiet)
}

// withdraw takes out what waits and matches. What is in flight stays.
func (l *lane) withdraw(match func(*item) bool) []*item {
	var out []*item
	keep := func(items []*item) []*item {
		return slices.DeleteFunc(items, func(it *item) bool {
			if match(it) {
				out = append(out, it)
				return true
			}
			return false
		})
	}
	l.ready, l.next = keep(l.ready[l.next:]), 0
	l.unseen = keep(l.unseen)
	l.later = keep(l.later)
	heap.Init(&l.later)
	for g, items := range l.held {
		l.nHeld -= len(items)
		if items = keep(items); len(items) == 0 {
			delete(l.held, g)
			continue
		}
		l.held[g] = items
		l.nHeld += len(items)
	}
	next := map[string]bool{} // phones with one whose end will let those go that wait aside
	for _, it := range slices.Concat(l.ready, l.unseen, l.later) {
		next[it.phone] = true
	}
	for phone, items := range l.aside {
		items = keep(items)
		if l.aside[phone] = items; len(items) == 0 || !next[phone] && l.inFlight[phone] == nil {
			delete(l.aside, phone)
			l.ready = append(l.ready, items...)
		}
	}
	slices.SortFunc(out, func(a, b *item) int { return cmp.Compare(a.order, b.order) })
	return out
}

// waiting is how many deliveries wait for their turn.
func (l *lane) waiting() int {
	n := len(l.ready) - l.next + len(l.unseen) + len(l.later) + l.nHeld
	for _, items := range l.aside {
		n += len(items)
	}
	return n
}

// retry queues a delivery again, not before due.
func (l *lane) retry(it *item, due time.Time) {
	it.due = due
	heap.Push(&l.later, it)
}

// idle tells whether nothing waits and nothing is in flight, but for what a
// closed window holds.
func (l *lane) idle() bool {
	return l.next == len(l.ready) && len(l.unseen)+len(l.later)+len(l.inFlight) == 0
}

// itemHeap orders waiting deliveries by their due time, those of one time as
// they came: what a lamp is told last must hold.
type itemHeap []*item

func (h itemHeap) Len() int      { return len(h) }
func (h itemHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *itemHeap) Push(x any)   { *h = append(*h, x.(*item)) }
func (h itemHeap) Less(i, j int) bool {
	return cmp.Or(h[i].due.Compare(h[j].due), cmp.Compare(h[i].order, h[j].order)) < 0
}
func (h *itemHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	*h = old[:len(old)-1]
	return it
}

package engine

import (
	"container/heap"
	"maps"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// arrival is an event that a trigger takes.
type arrival struct {
	listener
	group   string // events of one group are debounced and throttled together
	headers schema.EventHeaders
	run     string // whose action has caused the event; empty: none of ours
	depth   int    // how many events of ours led to it, this one included
	at      time.Time
	detail  string // what the run's cause says of it
}

// maxGroups is how many groups of events may be waiting or throttled at a time,
// over all triggers: their keys come from outside.
const maxGroups = 100_000

// maxDebounce is how many times its quiet time an event is put off at most, so
// that events without end do not put it off for ever.
const maxDebounce = 10

type groupKey struct {
	TriggerKey
	group string
}

// debouncer puts events off until their group has been quiet, and lets through
// what the throttle allows. It is pure but for its own memory.
type debouncer struct {
	waiting map[groupKey]*putOff
	queue   putOffHeap
	next    map[groupKey]time.Time // when a throttled group may fire again
	swept   int                    // how many of those were left when the others were last taken out
	sweepAt time.Time              // not before, where there is no room
}

// sweepEvery is how often it is looked at most for throttled groups that may fire
// again, where there is no room for more: to look costs what there are.
const sweepEvery = time.Second

// putOff is the last event of a group that is not quiet yet.
type putOff struct {
	arrival
	first time.Time // of the group's events
	due   time.Time
	place int
}

// verdicts of take
type taken int

const (
	fires taken = iota
	waits
	throttled
	overrun
)

// take decides about an event that has come.
func (d *debouncer) take(a arrival, now time.Time) taken {
	if d.waiting == nil {
		d.waiting, d.next = map[groupKey]*putOff{}, map[groupKey]time.Time{}
	}
	if a.trigger.Debounce == 0 {
		return d.throttle(a, now)
	}
	key := groupKey{a.key, a.group}
	due := now.Add(a.trigger.Debounce)
	if p := d.waiting[key]; p != nil {
		p.arrival = a
		if cap := p.first.Add(maxDebounce * a.trigger.Debounce); due.After(cap) {
			due = cap
		}
		p.due = due
		heap.Fix(&d.queue, p.place)
		return waits
	}
	if len(d.waiting) >= maxGroups {
		return overrun
	}
	p := &putOff{arrival: a, first: now, due: due}
	d.waiting[key] = p
	heap.Push(&d.queue, p)
	return waits
}

// throttle lets a group fire once in each interval of its rate.
func (d *debouncer) throttle(a arrival, now time.Time) taken {
	if a.trigger.Throttle == 0 {
		return fires
	}
	key := groupKey{a.key, a.group}
	if now.Before(d.next[key]) {
		return throttled
	}
	if n := len(d.next); n >= maxGroups && !now.Before(d.sweepAt) || n < maxGroups && n >= max(1024, 2*d.swept) {
		maps.DeleteFunc(d.next, func(_ groupKey, until time.Time) bool { return !now.Before(until) })
		d.swept, d.sweepAt = len(d.next), now.Add(sweepEvery)
	}
	if _, known := d.next[key]; !known && len(d.next) >= maxGroups {
		return overrun
	}
	d.next[key] = now.Add(time.Duration(float64(time.Second) / float64(a.trigger.Throttle)))
	return fires
}

// quiet takes out an event whose group has been quiet for long enough, or all
// one by one, and tells whether it fires or is throttled. ok is false if there
// is none.
func (d *debouncer) quiet(now time.Time, all bool) (a arrival, t taken, ok bool) {
	if len(d.queue) == 0 || !all && d.queue[0].due.After(now) {
		return arrival{}, 0, false
	}
	p := heap.Pop(&d.queue).(*putOff)
	delete(d.waiting, groupKey{p.key, p.group})
	return p.arrival, d.throttle(p.arrival, now), true
}

// wake is when the next group has been quiet for long enough; zero: never.
func (d *debouncer) wake() time.Time {
	if len(d.queue) == 0 {
		return time.Time{}
	}
	return d.queue[0].due
}

// putOffHeap orders groups by when they will have been quiet.
type putOffHeap []*putOff

func (h putOffHeap) Len() int           { return len(h) }
func (h putOffHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h putOffHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *putOffHeap) Push(x any) {
	p := x.(*putOff)
	p.place = len(*h)
	*h = append(*h, p)
}
func (h *putOffHeap) Pop() any {
	old := *h
	p := old[len(old)-1]
	*h = old[:len(old)-1]
	return p
}

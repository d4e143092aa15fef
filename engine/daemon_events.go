package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/schema"
)

// maxArrivals is how many events of one PBX may wait for the loop.
const maxArrivals = 10_000

// maxEvent bounds the headers of an event that fires, in bytes: it is kept until
// then, and with the run. What Asterisk sends has some kilobytes at most.
const maxEvent = 64 << 10

// listening receives the events of one PBX for as long as a configuration asks
// for the same names.
type listening struct {
	loop    *loop
	pbx     string
	names   []string
	source  EventSource
	cancel  context.CancelFunc
	done    chan struct{}
	serving atomic.Pointer[Serving]
	driver  atomic.Pointer[driver] // to confirm user events to; nil: none now
	waiting atomic.Int64           // events that the loop has not taken

	mu    sync.Mutex
	amiss map[missKey]*Missed // what the loop is to gather, so that a flood is one thing for it to do

	// A successor that listens to other names gets what comes from some moment
	// on too; so it is told what this one has taken since.
	handing atomic.Bool
	handed  map[*amiclient.Message]bool
	skip    map[*amiclient.Message]bool // what its predecessor was handed
}

// listen starts to receive events of these names. Where it takes the place of
// another one on the same link, no event is lost and none is taken twice.
func (l *loop) listen(pbx string, link Link, names []string, before *listening) (*listening, error) {
	if before != nil {
		before.handing.Store(true)
	}
	ctx, cancel := context.WithCancel(context.Background())
	source, err := link.Listen(ctx, names)
	if err != nil {
		cancel()
		if before != nil {
			before.handing.Store(false)
		}
		return nil, err
	}
	n := &listening{
		loop: l, pbx: pbx, names: names, source: source, cancel: cancel, done: make(chan struct{}),
		handed: map[*amiclient.Message]bool{},
	}
	n.serving.Store(l.serving)
	if before != nil {
		before.stop()
		n.skip = before.handed
	}
	go func() {
		defer close(n.done)
		n.receive(ctx)
	}()
	return n, nil
}

// stop takes what has come and receives no more.
func (n *listening) stop() {
	n.cancel()
	<-n.done
	n.source.Close()
}

func (n *listening) receive(ctx context.Context) {
	for {
		m, err := n.source.Next(ctx)
		now := time.Now()
		missed := &amiclient.MissedError{}
		switch {
		case errors.As(err, &missed):
			n.missed(missed, now)
			continue
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			n.loop.Log.Error("events can no longer be received", "pbx", n.pbx, "error", err)
			return
		case n.skip[m]:
			continue
		}
		if n.handing.Load() {
			n.handed[m] = true
		}
		n.take(ctx, m, now)
	}
}

// take looks which triggers an event fires.
func (n *listening) take(ctx context.Context, m *amiclient.Message, now time.Time) {
	if d := n.driver.Load(); d != nil {
		d.hear(m)
	}
	serving := n.serving.Load()
	all := serving.listeners[n.pbx][m.Event()]
	if len(all) == 0 {
		return
	}
	headers := eventHeaders(m)
	bytes := 0
	for _, h := range headers {
		bytes += len(h.Name) + len(h.Value)
	}
	var run string
	var depth int
	looked, took := false, false
	for _, li := range all {
		fits, diags := li.trigger.Matches(headers)
		if diags.HasErrors() {
			n.refuse(li, refusal(diags), now)
			continue
		}
		if !fits {
			continue
		}
		if !looked {
			run, depth = n.own(ctx, m)
			looked = true
		}
		if run != "" && li.trigger.OwnEvents != schema.OwnFire {
			n.loop.Log.Debug("an event that a run of ours has caused fires nothing", "job", li.key.Job, "run", run)
			continue
		}
		if bytes > maxEvent {
			n.refuse(li, fmt.Errorf("the event has %d bytes; one of more than %d fires nothing", bytes, maxEvent), now)
			continue
		}
		group, diags := li.trigger.Key(headers)
		if diags.HasErrors() {
			n.refuse(li, refusal(diags), now)
			continue
		}
		took = true
		n.hand(arrival{listener: li, group: group, headers: headers, run: run, depth: depth, at: now, detail: eventDetail(m)})
	}
	n.loop.observer.Received(n.pbx, m.Event(), took)
}

// hand gives an arrival to the loop, or counts it as missed where too many wait.
func (n *listening) hand(a arrival) {
	if n.waiting.Add(1) > maxArrivals {
		n.waiting.Add(-1)
		n.loop.observer.Dropped(n.pbx, 1)
		n.amissed(Missed{TriggerKey: a.key, Reason: MissedOverrun, Count: 1, First: a.at, Last: a.at, Detail: fmt.Sprintf("%d events waited already", maxArrivals)})
		return
	}
	n.loop.post(func(now time.Time) {
		n.waiting.Add(-1)
		n.loop.takeVerdict(a, n.loop.debounce.take(a, now), now)
	})
}

func (n *listening) refuse(li listener, err error, at time.Time) {
	n.amissed(Missed{TriggerKey: li.key, Reason: MissedRefused, Count: 1, First: at, Last: at, Detail: err.Error()})
}

// amissed has the loop gather what fires nothing, however long it takes to.
func (n *listening) amissed(m Missed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.amiss) == 0 {
		n.amiss = map[missKey]*Missed{}
		n.loop.post(func(now time.Time) {
			n.mu.Lock()
			all := n.amiss
			n.amiss = nil
			n.mu.Unlock()
			for _, m := range all {
				n.loop.gather(*m, now)
			}
		})
	}
	add(n.amiss, m)
}

// takeVerdict does what the debouncer says of an event.
func (l *loop) takeVerdict(a arrival, t taken, now time.Time) {
	switch t {
	case fires:
		if len(l.arrivals) >= maxGroups { // the state cannot be written for long
			l.miss(a, MissedOverrun, fmt.Sprintf("%d events wait already to be recorded", maxGroups), now)
			return
		}
		l.arrivals = append(l.arrivals, a)
	case throttled:
		l.miss(a, MissedThrottled, "more than throttle allows", now)
	case overrun:
		l.miss(a, MissedOverrun, fmt.Sprintf("%d keys wait already", maxGroups), now)
	}
}

// miss gathers what did not fire, so that a flood of events is one line.
func (l *loop) miss(a arrival, reason MissedReason, detail string, now time.Time) {
	l.gather(Missed{TriggerKey: a.key, Reason: reason, Count: 1, First: a.at, Last: a.at, Detail: detail}, now)
}

func (l *loop) gather(m Missed, now time.Time) {
	if len(l.misses) == 0 {
		l.missDue = now.Add(missEvery)
	}
	add(l.misses, m)
}

// maxReasons is how many reasons for refusing events are told apart at a time:
// they hold what strangers have written.
const maxReasons = 50

// add puts what was missed with what is of its kind.
func add(all map[missKey]*Missed, m Missed) {
	key := missKey{TriggerKey: m.TriggerKey, pbx: m.PBX, reason: m.Reason}
	if m.Reason == MissedRefused && len(all) < maxReasons {
		key.detail = m.Detail
	}
	if was := all[key]; was != nil {
		was.Count += m.Count
		if m.First.Before(was.First) {
			was.First = m.First
		}
		was.Last = latest(was.Last, m.Last)
		return
	}
	all[key] = &m
}

// missed notes that events of the PBX may not have been received, and fires the
// jobs that want to catch up then.
func (n *listening) missed(err *amiclient.MissedError, at time.Time) {
	if err.Lost > 0 {
		n.loop.observer.Dropped(n.pbx, err.Lost)
	}
	n.loop.post(func(now time.Time) { n.loop.disconnected(n.pbx, err, at, now) })
}

func (l *loop) disconnected(pbx string, err *amiclient.MissedError, at, now time.Time) {
	m := Missed{PBX: pbx, Reason: MissedOverrun, Count: int64(err.Lost), First: at, Last: at, Detail: err.Error()}
	detail := fmt.Sprintf("%d events of %s were lost", err.Lost, pbx)
	if err.Cause != nil {
		from, known := l.listened[pbx]
		if !known {
			l.listened[pbx] = at // for the first time: nothing is missed that anybody was promised
			delete(l.severed, pbx)
			l.noted = time.Time{} // from now on it is
			return
		}
		if !err.Since.IsZero() { // from was noted while the connection only seemed to be there
			from = err.Since
		}
		m.Reason, m.First, m.Count, m.Detail = MissedDisconnected, from, 0, err.Cause.Error()
		detail = fmt.Sprintf("events of %s may have been missed since %s", pbx, from.UTC().Format(time.RFC3339))
	}
	l.gather(m, now)
	if err.Cause != nil {
		l.listened[pbx] = at
		delete(l.severed, pbx)
		l.missDue, l.noted = now, time.Time{} // both at once, as the one says from when the other counts
	}
	switch last := l.caught[pbx]; {
	case last.After(now): // they will be caught up with then
	case now.Before(last.Add(catchUpEvery)):
		l.caught[pbx] = last.Add(catchUpEvery)
		l.later(l.caught[pbx].Sub(now), func(time.Time) { l.catchUp(pbx, detail, at) })
	default:
		l.caught[pbx] = now
		l.Log.Warn("events may have been missed", "pbx", pbx, "from", m.First, "until", at, "reason", err.Error())
		l.catchUp(pbx, detail, at)
	}
}

// catchUpEvery is how long there is at least between two times at which jobs catch
// up with the events of a PBX. Where more come than can be taken, some are lost
// again and again.
const catchUpEvery = 10 * time.Second

// catchUp fires the jobs that want it when events of a PBX may have been missed.
func (l *loop) catchUp(pbx, detail string, at time.Time) {
	for _, all := range l.serving.listeners[pbx] {
		for _, li := range all {
			if li.trigger.OnReconnect {
				l.arrivals = append(l.arrivals, arrival{listener: li, at: at, detail: detail})
			}
		}
	}
}

// noteListened records until when the events of each PBX were received and are
// on record, for the next start. What is only in memory, since its group is not
// quiet yet, would be lost with the process, and counts as not received.
func (l *loop) noteListened(d *decision, now time.Time) {
	l.noted = now
	var unrecorded map[string]time.Time // the oldest event, by PBX
	for address, lane := range l.lanes {
		until, known := l.listened[address]
		if lane.listening == nil || !known {
			continue
		}
		if _, up := lane.link.Connected(); !up {
			l.severed[address] = true
		}
		if l.severed[address] {
			continue
		}
		if heard := now.Add(-heardLate); heard.After(until) {
			until = heard
			l.listened[address] = until
		}
		if unrecorded == nil {
			unrecorded = l.unrecorded()
		}
		if oldest, ok := unrecorded[address]; ok && oldest.Before(until) {
			until = oldest
		}
		if d.Listened == nil {
			d.Listened = map[string]time.Time{}
		}
		d.Listened[address] = until
	}
}

// unrecorded gives the time of the oldest event of each PBX that is nowhere but
// in memory.
func (l *loop) unrecorded() map[string]time.Time {
	oldest := map[string]time.Time{}
	note := func(pbx string, at time.Time) {
		if was, ok := oldest[pbx]; !ok || at.Before(was) {
			oldest[pbx] = at
		}
	}
	for _, p := range l.debounce.waiting {
		note(p.trigger.PBX.Address, p.first)
	}
	for _, a := range l.arrivals {
		note(a.trigger.PBX.Address, a.at)
	}
	for _, m := range l.misses {
		if m.PBX != "" {
			note(m.PBX, m.First)
		} else if t := l.serving.event(m.TriggerKey); t != nil {
			note(t.PBX.Address, m.First)
		}
	}
	return oldest
}

// ownAction is what our ActionIDs look like: see ActionID.
var ownAction = regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{26})-[0-9]+-[0-9]+$`)

// own finds the run whose action has caused an event, and how many events of
// ours led to it, this one included. A name alone proves nothing: the run must be on record.
func (n *listening) own(ctx context.Context, m *amiclient.Message) (run string, depth int) {
	found := ownAction.FindStringSubmatch(origin(m))
	if found == nil {
		return "", 0
	}
	runs, err := n.loop.Ledger.Runs(ctx, RunQuery{ID: found[1]})
	if err != nil || len(runs) != 1 {
		return "", 0
	}
	return runs[0].ID, runs[0].Cause.Depth + 1
}

// origin is the ActionID of the action that has caused an event, or the id that
// our Originate gave to the channel.
func origin(m *amiclient.Message) string {
	if e, ok := amievent.Parse(m).(*amievent.UserEvent); ok {
		return e.Origin()
	}
	if id := m.Get("ActionID"); id != "" {
		return id
	}
	return m.Get("Uniqueid")
}

// eventHeaders gives the headers of an event to triggers.
func eventHeaders(m *amiclient.Message) schema.EventHeaders {
	headers := amievent.HeadersOf(m)
	out := make(schema.EventHeaders, len(headers))
	for i, h := range headers {
		out[i] = schema.EventHeader(h)
	}
	return out
}

// eventDetail says in a line which event it was.
func eventDetail(m *amiclient.Message) string {
	name := m.Event()
	if e, ok := amievent.Parse(m).(*amievent.UserEvent); ok {
		name += " " + e.Name
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name[:min(len(name), 200)])
}

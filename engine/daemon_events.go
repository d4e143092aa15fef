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
// then, and what the job uses of it with the run. What Asterisk sends has some
// kilobytes at most.
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
		n.take(ctx, amievent.Parse(m), now)
	}
}

// take looks which triggers an event fires.
func (n *listening) take(ctx context.Context, e amievent.Event, now time.Time) {
	if d := n.driver.Load(); d != nil {
		d.hear(e)
	}
	serving := n.serving.Load()
	all := serving.listeners[n.pbx][e.Event()]
	if len(all) == 0 {
		return
	}
	headers := eventHeaders(e)
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
			run, depth = n.own(ctx, e)
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
		n.hand(arrival{listener: li, group: group, headers: headers, run: run, depth: depth, at: now, detail: eventDetail(e)})
	}
	n.loop.observer.Received(n.pbx, e.Event(), took)
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
		a.key = n.loop.present(a.key)
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
		if len(l.arrivals)+l.awaitedArrivals() >= maxGroups { // the state cannot be written for long
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

// ownAction is what our ActionIDs look like: see ActionID.
var ownAction = regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{26})-[0-9]+-[0-9]+$`)

// own finds the run whose action has caused an event, and how many events of
// ours led to it, this one included. A name alone proves nothing: the run must be on record.
func (n *listening) own(ctx context.Context, e amievent.Event) (run string, depth int) {
	found := ownAction.FindStringSubmatch(origin(e))
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
func origin(e amievent.Event) string {
	if e, ok := e.(*amievent.UserEvent); ok {
		return e.Origin()
	}
	if id := e.Get("ActionID"); id != "" {
		return id
	}
	return e.Get("Uniqueid")
}

// eventHeaders gives the headers of an event to triggers.
func eventHeaders(e amievent.Event) schema.EventHeaders {
	headers := amievent.HeadersOf(e)
	out := make(schema.EventHeaders, len(headers))
	for i, h := range headers {
		out[i] = schema.EventHeader(h)
	}
	return out
}

// eventDetail says in a line which event it was.
func eventDetail(e amievent.Event) string {
	name := e.Event()
	if e, ok := e.(*amievent.UserEvent); ok {
		name += " " + e.Name
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name[:min(len(name), 200)])
}

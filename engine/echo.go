package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/schema"
)

// Asterisk's answer to a user event comes before the event itself. What is
// waited for is that it comes back to us as to everybody else who listens: by
// the action with our ActionID, by the dialplan with the id that we gave to the
// channel. A call that nobody takes never runs the application.
const (
	echoWait = 5 * time.Second
	callWait = 40 * time.Second // an Originate lets it ring for 30 s
	lastWait = time.Second      // of a lane that stops
)

// expectation is a user event that has been sent and has not come back.
type expectation struct {
	it       *item
	echo     *echo  // which came before the answer; nil: not yet
	answered bool   // Asterisk said Success
	text     string // of the answer
	due      time.Time
}

// echo is what an event says of a user event of ours.
type echo struct {
	id     string // ActionID
	failed string // why it was never raised; empty: it was
}

// listen hears the events of a source until ctx ends. What is missing among
// them leaves user events at what Asterisk answered.
func (d *driver) listen(ctx context.Context, source EventSource) {
	for {
		m, err := source.Next(ctx)
		switch {
		case err == nil:
			d.hear(amievent.Parse(m))
		case !errors.As(err, new(*amiclient.MissedError)):
			return
		}
	}
}

// hear reports events that confirm user events. It may be called from any
// goroutine.
func (d *driver) hear(e amievent.Event) {
	c, ok := amievent.ConfirmationOf(e)
	if !ok || !ownAction.MatchString(c.ActionID) {
		return
	}
	back := &echo{id: c.ActionID}
	if !c.Raised {
		back.failed = fmt.Sprintf("the channel was not answered (Reason %d), so that the dialplan raised no event", c.Reason)
	}
	d.report(event{echo: back})
}

// expect waits for the event of a user event that is about to be sent.
func (d *driver) expect(id string, it *item) {
	if it.work.Job.Type == schema.UserEvent && d.listens.Load() {
		d.expected[id] = &expectation{it: it}
	}
}

// answeredEvent takes Asterisk's answer to a user event; it returns false if
// nobody waits for more than that.
func (d *driver) answeredEvent(a answer, v verdict) bool {
	id := ActionID(a.it.work.ID, a.it.seq, a.it.n())
	x := d.expected[id]
	if x == nil {
		return false
	}
	if v.outcome == Unknown && x.echo != nil && x.echo.failed == "" { // what came back was raised, whatever became of the answer
		x.text = v.text
		d.confirm(id, x, a.at)
		return true
	}
	if v.outcome != Accepted {
		delete(d.expected, id)
		return false
	}
	x.answered, x.text, x.due = true, v.text, a.at.Add(echoWait)
	if a.it.action.Name == "Originate" {
		x.due = a.at.Add(callWait)
	}
	if x.echo != nil {
		d.confirm(id, x, a.at)
	}
	return true
}

// echoed takes an event that confirms a user event.
func (d *driver) echoed(e echo, now time.Time) {
	x := d.expected[e.id]
	if x == nil {
		return
	}
	x.echo = &e
	if x.answered {
		d.confirm(e.id, x, now)
	}
}

func (d *driver) confirm(id string, x *expectation, at time.Time) {
	delete(d.expected, id)
	if x.echo.failed != "" {
		d.end(x.it, x.it.n(), Rejected, x.echo.failed, at)
		return
	}
	d.end(x.it, x.it.n(), Answered, x.text+"; it came back as an event", at)
}

// unheard ends what has been waited for long enough: where the lane stops, a
// second.
func (d *driver) unheard(now time.Time, stopping bool) (wake time.Time) {
	for id, x := range d.expected {
		if stopping && x.answered {
			if d.stopped.IsZero() {
				d.stopped = now
			}
			if last := d.stopped.Add(lastWait); last.Before(x.due) {
				x.due = last
			}
		}
		switch {
		case !x.answered:
		case !x.due.After(now):
			delete(d.expected, id)
			d.end(x.it, x.it.n(), Accepted, x.text+"; it was not seen as an event", now)
		case wake.IsZero() || x.due.Before(wake):
			wake = x.due
		}
	}
	return wake
}

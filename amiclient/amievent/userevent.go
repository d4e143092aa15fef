package amievent

import (
	"iter"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
)

// A UserEvent was raised by a client of AMI (main/manager.c: action_userevent),
// by the dialplan application UserEvent (apps/app_userevent.c), or by ARI with a
// channel as source (main/stasis.c: multi_user_event_to_ami). Class user.
//
// Get, Values, All and Headers know its own headers only, those that its sender
// wrote: in order, repeats and lines without a colon kept, whatever their names.
// The whole event is in Message. So
//
//	e.Get("Exten") // what the sender says
//	e.Channel.Exten // where in the dialplan the channel was
//
// are never mistaken for each other, and a header Event, Privilege or ActionID
// among its own changes nothing about the event.
//
// Who raises one by AMI has write=user. But neither the name nor FromAMI proves that
// it came so: text of callers, and of anybody who sends SIP, can forge whole events.
// See the package's documentation.
type UserEvent struct {
	Envelope

	// Name is the first argument of the application, the header UserEvent of the
	// action: "" if that had none. Compare it with regard to case, and whole.
	Name string

	// ActionID is that of the action, if a client of AMI raised the event and gave
	// one. It is equal to that of the answer, which comes before the event: so a
	// client knows its own events, and does not act on what it raised itself.
	ActionID string

	// Channel is the one that ran the application, or that ARI named. It is empty
	// if a client of AMI raised the event.
	Channel Channel

	before int // headers up to UserEvent, itself counted
}

func newUserEvent(m *amiclient.Message) *UserEvent {
	e := &UserEvent{Envelope: Envelope{m}}
	e.Channel, e.Name, e.before = newChannel(m, "UserEvent")
	if e.FromAMI() {
		for name, value := range e.after() {
			if strings.EqualFold(name, "ActionID") {
				e.ActionID = value
				break
			}
		}
	}
	return e
}

// FromAMI tells that a client of AMI raised the event: no channel stands before
// the event's name. Headers after it, which a sender can choose, do not count.
//
// Asterisk before 12 writes no channel before the name, also for the dialplan:
// there the two cannot be told apart.
func (e *UserEvent) FromAMI() bool { return e.Channel.Name == "" && e.Channel.Uniqueid == "" }

// Origin returns what tells a client that it raised the event itself: the
// ActionID if it came by the action UserEvent, and if the dialplan raised it the
// Uniqueid of the channel, which is the ID of an amiclient.DialplanUserEvent.
func (e *UserEvent) Origin() string {
	if e.FromAMI() {
		return e.ActionID
	}
	return e.Channel.Uniqueid
}

// Get returns the value of the first of the event's own headers of that name,
// compared without regard to case, or "".
func (e *UserEvent) Get(name string) string {
	for header, value := range e.All() {
		if strings.EqualFold(header, name) {
			return value
		}
	}
	return ""
}

// Values returns the values of all of the event's own headers of that name, in
// order. By AMI a sender may repeat headers; of the dialplan's, Asterisk 12 and
// later keep the last of each name.
func (e *UserEvent) Values(name string) []string {
	var values []string
	for header, value := range e.All() {
		if strings.EqualFold(header, name) {
			values = append(values, value)
		}
	}
	return values
}

// Headers returns the event's own headers in order: of an event by AMI, those of
// the action.
func (e *UserEvent) Headers() []amiclient.Header {
	var headers []amiclient.Header
	for name, value := range e.All() {
		headers = append(headers, amiclient.Header{Name: name, Value: value})
	}
	return headers
}

// All yields name and value of each of the event's own headers, in order. A line
// without a colon has no name. The action's ActionID is not among them, nor the
// header Action, which Asterisk before 13 copies into the event as well.
func (e *UserEvent) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		action, id := e.FromAMI(), e.FromAMI()
		for name, value := range e.after() {
			switch {
			case id && strings.EqualFold(name, "ActionID"):
				id = false
				continue
			case action && strings.EqualFold(name, "Action") && strings.EqualFold(value, "UserEvent"):
				action = false
				continue
			}
			if !yield(name, value) {
				return
			}
		}
	}
}

// after yields the headers after the event's name.
func (e *UserEvent) after() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		n := 0
		for name, value := range e.Message.All() {
			if n++; n > e.before && !yield(name, value) {
				return
			}
		}
	}
}

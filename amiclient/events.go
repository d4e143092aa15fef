package amiclient

import (
	"context"
	"fmt"
	"strings"
)

// Events says which classes of events the server sends on this connection
// (main/manager.c: action_events). Every user may send it, but gets only events
// of the classes in manager.conf's read.
//
// Subscriptions send it themselves, with the classes that they want together, and
// count on what it said: on a Conn or Client that has any, leave it to them.
type Events struct {
	Classes []string // as manager.conf names them; none: no events
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the field as it is. All classes are never written as "on", to which a
// server with brokeneventsaction gives no answer.
func (e Events) Action() Action {
	return Action{Name: "Events", Headers: []Header{{"EventMask", e.mask()}}}
}

func (e Events) mask() string {
	if len(e.Classes) == 0 {
		return "off"
	}
	return strings.Join(e.Classes, ",")
}

// Do verifies that the server took the classes: its answer to a mask that
// matches nothing is Success, with all events off.
func (e Events) Do(ctx context.Context, on Doer) error {
	if err := checkClasses(e.Classes); err != nil {
		return err
	}
	m, err := on.Do(ctx, e.Action())
	if err != nil {
		return err
	}
	return e.check(m)
}

// check tells whether the answer says that the mask was taken.
func (e Events) check(m *Message) error {
	if got := m.Get("Events"); len(e.Classes) > 0 && !is(got, "On") {
		return fmt.Errorf("set event mask %q: Asterisk made it %s; check that it knows these classes", e.mask(), quote(clean(got)))
	}
	return nil
}

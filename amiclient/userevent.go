package amiclient

import "context"

// UserEvent raises an event of that name for every manager session that reads
// class user, the sender's too. Stasis and ARI never see it
// (main/manager.c: action_userevent). Class user.
type UserEvent struct {
	Name    string
	Headers []Header // in order, repeats kept
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the fields as they are.
func (e UserEvent) Action() Action {
	headers := make([]Header, 0, 1+len(e.Headers))
	headers = append(headers, Header{"UserEvent", e.Name})
	return Action{Name: "UserEvent", Headers: append(headers, e.Headers...)}
}

// Do returns the answer, which comes before the event. The event has the answer's
// ActionID among its headers.
func (e UserEvent) Do(ctx context.Context, on Doer) (*Message, error) { return on.Do(ctx, e.Action()) }

// userEvent holds the rules of action UserEvent. Asterisk copies every line
// but the name's into the event, so a header that means something in an event,
// or to the manager itself, would mislead whoever reads it.
func (c *checker) userEvent(headers []Header) {
	names := 0
	for _, h := range headers {
		if is(h.Name, "UserEvent") {
			if names++; names == 1 && h.Value == "" {
				c.refuse(FieldName, "", "it is empty; Asterisk would raise an event without a name", "Name the event.")
			}
			if names == 2 {
				c.refuse(FieldBody, h.Name, "this header holds the event's name; Asterisk drops a second one from the event", "Choose another name.")
			}
			continue
		}
		for _, own := range []string{"Event", "Response", "Privilege", "EventList", "SuppressEvents"} {
			if is(h.Name, own) {
				c.refuse(FieldBody, h.Name, "this header has a meaning of its own in AMI and would mislead the receivers or the server", "Choose another name.")
			}
		}
	}
	if names == 0 {
		c.refuse(FieldName, "", "the event has no name", "Name the event.")
	}
}

package amiclient

import (
	"context"
	"strings"
)

// AddFilter has the server hold events back from this connection (action Filter,
// main/manager.c: action_filter, manager_add_filter). Class system. The server
// forgets it with the connection; nothing takes it off before.
//
// With filters that include, an event must match one of them; it must match none
// that excludes. They go for all events, those that this package listens to
// itself as well: hold FullyBooted and Shutdown back, and a planned restart looks
// like a lost connection. Answers and lists are never held back. A Client's next
// connection has none: there, Subscriptions are the way to choose events, with
// Config.FilterEvents at the server too.
type AddFilter struct {
	// Match says what to compare the Filter with, and how: a list without blanks of
	// action(include) or action(exclude), name(the event's), header(the header's)
	// and method(regex, exact, starts_with, ends_with, contains or none; default
	// none, which wants no Filter). Asterisk 18.26, 20.11, 21.6, 22.1 or later;
	// older ones, to which it would be nothing, are not sent it.
	Match string
	// Filter is what to look for. Without Match it is a regular expression of POSIX
	// for the whole text of the event, with ! before it one that excludes.
	Filter string
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the fields as they are.
func (f AddFilter) Action() Action {
	a := Action{Name: "Filter", Headers: []Header{{"Operation", "Add"}}}
	a.add("MatchCriteria", f.Match)
	a.add("Filter", f.Filter)
	return a
}

// Do adds the filter. It is not sent, with a *FieldError, if it holds nothing,
// which older servers take for one that includes everything, or if the server
// does not know MatchCriteria, which it is asked first.
func (f AddFilter) Do(ctx context.Context, on Doer) error {
	_, err := on.Do(ctx, f.Action())
	return err
}

// filter holds the rule of a Filter that older servers do not.
func (c *checker) filter(headers []Header) {
	for _, h := range headers {
		if (is(h.Name, "Filter") || is(h.Name, "MatchCriteria")) && strings.TrimPrefix(h.Value, "!") != "" {
			return
		}
	}
	c.refuse(FieldHeader, "Filter", "it is empty; some versions would take it for one that matches every event", "Say what to look for.")
}

package amievent

import (
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
)

// HeadersOf returns the headers of any event in order, as one list to look names
// up in: for rules that tell of an event by its headers, whatever it is. They are
// those of the message, but for a user event:
//
//   - Its own headers, those that its sender wrote, take the place of what else
//     has their name, without regard to case: a dialplan that raises
//     UserEvent(Moved,Exten:5) has Exten 5, not the extension that its channel is in.
//     Headers of the channel that it does not write itself are there too.
//   - Headers of its own named Event, Privilege or UserEvent are left out: what
//     event it is, and of what name, the server says.
//
// A line without a colon has no name, and is left out of all.
func HeadersOf(e Event) []amiclient.Header {
	headers := e.message().Headers()
	own := len(headers) // where those of the sender begin
	if e, ok := e.(*UserEvent); ok {
		own = e.before
	}
	kept := make([]amiclient.Header, 0, len(headers))
	for i, h := range headers {
		switch {
		case h.Name == "":
		case i < own && !isServers(h.Name) && has(headers[own:], h.Name):
		case i >= own && isServers(h.Name):
		default:
			kept = append(kept, h)
		}
	}
	return kept
}

// isServers tells whether a header of a user event is the server's alone.
func isServers(name string) bool {
	return strings.EqualFold(name, "Event") || strings.EqualFold(name, "Privilege") || strings.EqualFold(name, "UserEvent")
}

func has(headers []amiclient.Header, name string) bool {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return true
		}
	}
	return false
}

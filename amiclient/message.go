package amiclient

import "strings"

// A Header is one "Name: Value" line of AMI. The value stands as it was
// received or will be sent: AMI has no quoting and no continuation lines.
type Header struct{ Name, Value string }

// A Message is a response or an event as it was received: the headers in
// order, repeated ones kept. A received line without a colon is a Header
// without a name.
//
// Everything in it comes from the server, and through user events from
// anybody's dialplan data: show it only through something that neutralises
// control characters.
type Message struct{ Headers []Header }

// Get returns the value of the first header of that name, compared without
// regard to case, or "".
func (m *Message) Get(name string) string {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value
		}
	}
	return ""
}

// Values returns the values of all headers of that name, in order.
func (m *Message) Values(name string) []string {
	var values []string
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			values = append(values, m.Headers[i].Value)
		}
	}
	return values
}

// size is about how much memory the message takes.
func (m *Message) size() int {
	n := 64
	for i := range m.Headers {
		n += len(m.Headers[i].Name) + len(m.Headers[i].Value) + 32
	}
	return n
}

package amiclient

import (
	"iter"
	"log/slog"
	"strings"
)

// A Header is one "Name: Value" line of AMI. The value stands as it was
// received or will be sent: AMI has no quoting and no continuation lines.
type Header struct{ Name, Value string }

// A Message is a response or an event as it was received: the headers in
// order, repeated ones kept. A received line without a colon is a header
// without a name. A Message never changes, so it may be shared and kept; it
// holds its text alone and finds headers in it when asked.
//
// Everything in it comes from the server, and through user events from
// anybody's dialplan data: show it only through something that neutralises
// control characters.
type Message struct {
	text string // the lines, each with its end
}

// NewMessage returns a message with these headers, for fakes of a server. What
// ends a line, CR, LF or NUL, becomes a blank.
func NewMessage(headers ...Header) *Message {
	var b strings.Builder
	plain := strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")
	for _, h := range headers {
		plain.WriteString(&b, h.Name)
		if h.Name != "" {
			b.WriteString(": ")
		}
		plain.WriteString(&b, h.Value)
		b.WriteString("\r\n")
	}
	return &Message{b.String()}
}

// Get returns the value of the first header of that name, compared without
// regard to case, or "".
func (m *Message) Get(name string) string {
	value, _, _ := find(m.text, name)
	return value
}

// Values returns the values of all headers of that name, in order.
func (m *Message) Values(name string) []string {
	var values []string
	for text := m.text; ; {
		value, rest, ok := find(text, name)
		if !ok {
			return values
		}
		values, text = append(values, value), rest
	}
}

// All yields name and value of each header, in order.
func (m *Message) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for text := m.text; text != ""; {
			var line string
			line, text = cutLine(text)
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				name, value = "", line
			}
			// One blank after the colon is part of the form; more are the value's.
			if !yield(name, strings.TrimPrefix(value, " ")) {
				return
			}
		}
	}
}

// Headers returns the headers in order.
func (m *Message) Headers() []Header {
	headers := make([]Header, 0, strings.Count(m.text, "\n"))
	for name, value := range m.All() {
		headers = append(headers, Header{name, value})
	}
	return headers
}

// Event returns the name of the event, or "" if the message is a response. The
// first Response or Event decides: a user event may hold further ones.
func (m *Message) Event() string {
	if kind, name := m.kind(); kind == kindEvent {
		return name
	}
	return ""
}

// messageKind is what a message is.
type messageKind int

const (
	kindNeither messageKind = iota
	kindResponse
	kindEvent
)

// String says what the message is, and shows no value of its other headers: some
// answers hold passwords.
func (m *Message) String() string {
	if m == nil { // as in a typed result that came with an error
		return "no AMI message"
	}
	switch kind, name := m.kind(); kind {
	case kindResponse:
		return "AMI response " + clean(name)
	case kindEvent:
		return "AMI event " + clean(name)
	}
	return "AMI message"
}

// GoString is String.
func (m *Message) GoString() string { return m.String() }

// LogValue is String.
func (m *Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// kind returns what the message is, and of what response or event.
func (m *Message) kind() (messageKind, string) {
	for text := m.text; text != ""; {
		var line string
		line, text = cutLine(text)
		if value, ok := valueOf(line, "Event"); ok {
			return kindEvent, value
		}
		if value, ok := valueOf(line, "Response"); ok {
			return kindResponse, value
		}
	}
	return kindNeither, ""
}

// size is about how much memory the message takes.
func (m *Message) size() int { return 64 + len(m.text) }

// find returns the value of the first header of that name and the lines after it.
func find(text, name string) (value, rest string, ok bool) {
	for text != "" {
		var line string
		line, text = cutLine(text)
		if value, ok := valueOf(line, name); ok {
			return value, text, true
		}
	}
	return "", "", false
}

// cutLine returns the first line without its end, and the lines after it.
func cutLine(text string) (line, rest string) {
	i := strings.IndexByte(text, '\n')
	if i < 0 {
		return text, ""
	}
	line, rest = text[:i], text[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

// valueOf returns the value of the line if it is a header of that name, which
// holds no colon.
func valueOf(line, name string) (string, bool) {
	n := len(name)
	if len(line) <= n || line[n] != ':' || !strings.EqualFold(line[:n], name) {
		return "", false
	}
	return strings.TrimPrefix(line[n+1:], " "), true
}

package schema

import (
	"encoding/json"
	"log/slog"
)

// Redacted stands wherever a sensitive value would be shown.
const Redacted = "(sensitive value)"

// Text is a string that knows whether it may be shown. Every way of printing
// it shows Redacted where it may not; only Reveal gives the value, for the wire.
type Text struct {
	value     string
	sensitive bool
}

// Plain returns a text that may be shown.
func Plain(s string) Text { return Text{value: s} }

// Sensitive returns a text that may be sent but not shown.
func Sensitive(s string) Text { return Text{value: s, sensitive: true} }

// Reveal returns the value itself, to be sent and never to be shown.
func (t Text) Reveal() string { return t.value }

// IsSensitive tells whether the value must not be shown.
func (t Text) IsSensitive() bool { return t.sensitive }

// IsEmpty tells whether there is nothing to send.
func (t Text) IsEmpty() bool { return t.value == "" }

func (t Text) String() string {
	if t.sensitive {
		return Redacted
	}
	return t.value
}

// GoString keeps %#v from showing the value.
func (t Text) GoString() string { return "schema.Text(" + t.String() + ")" }

// LogValue keeps log/slog from showing the value.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalJSON keeps encoding/json from showing the value.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

package schema

import (
	"encoding/json"
	"log/slog"
)

// Redacted stands wherever a sensitive value would be shown.
const Redacted = "(sensitive value)"

// KnownLater stands wherever a value depends on what fires the job.
const KnownLater = "(known when triggered)"

// Text is a string that knows whether it may be shown. Every way of printing
// it shows Redacted where it may not; only Reveal gives the value, for the wire.
//
// A text may also be unknown: it depends on what fires the job, and has no
// value before.
type Text struct {
	value     string
	sensitive bool
	unknown   bool
}

// Plain returns a text that may be shown.
func Plain(s string) Text { return Text{value: s} }

// Sensitive returns a text that may be sent but not shown.
func Sensitive(s string) Text { return Text{value: s, sensitive: true} }

// Unknown returns a text that has no value before its job fires.
func Unknown() Text { return Text{unknown: true} }

// Reveal returns the value itself, to be sent and never to be shown.
func (t Text) Reveal() string { return t.value }

// IsSensitive tells whether the value must not be shown.
func (t Text) IsSensitive() bool { return t.sensitive }

// IsUnknown tells whether the value is known only when the job fires.
func (t Text) IsUnknown() bool { return t.unknown }

// IsEmpty tells whether there is nothing to send.
func (t Text) IsEmpty() bool { return t.value == "" && !t.unknown }

func (t Text) String() string {
	switch {
	case t.sensitive:
		return Redacted
	case t.unknown:
		return KnownLater
	}
	return t.value
}

// GoString keeps %#v from showing the value.
func (t Text) GoString() string { return "schema.Text(" + t.String() + ")" }

// LogValue keeps log/slog from showing the value.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalJSON keeps encoding/json from showing the value.
func (t Text) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

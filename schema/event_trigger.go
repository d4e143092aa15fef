package schema

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// EventTrigger fires a job when an AMI event comes.
type EventTrigger struct {
	PBX         *PBX          // whose events; the job's own unless given
	Name        string        // of the event, as Asterisk writes it
	Where       string        // the condition as written; empty: every event of the name
	Debounce    time.Duration // how long it must be quiet before the last event of a key fires; 0: each fires at once
	Throttle    Rate          // firings of one key; 0: unlimited
	OwnEvents   OwnEvents     // whether what notifyrun itself has caused fires
	OnReconnect bool          // fires once, without an event, when events may have been missed
	DeclRange   hcl.Range
}

// OwnEvents says what becomes of events that our own actions have caused.
type OwnEvents string

const (
	OwnIgnore OwnEvents = "ignore" // the default
	OwnFire   OwnEvents = "fire"   // up to a chain of MaxDepth runs
)

// EventHeaders are the headers of an event: what event.* and trigger.event.*
// are. They come from outside and are not to be trusted.
type EventHeaders []EventHeader

// EventHeader is one header of an event.
type EventHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Matches tells whether an event of the trigger's name fires it.
func (t *EventTrigger) Matches(h EventHeaders) (bool, hcl.Diagnostics) { return true, nil }

// Key tells events of one trigger apart for debounce and throttle. It is empty
// where the trigger has no key.
func (t *EventTrigger) Key(h EventHeaders) (string, hcl.Diagnostics) { return "", nil }

package amievent

import (
	"iter"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// An Event is a *ContactStatus, *PeerStatus, *DeviceStateChange,
// *ExtensionStatus, *SuccessfulAuth, *FailedAuth, *Security, *UserEvent,
// *OriginateResponse, *MessageWaiting, *Registry, *FullyBooted, *Shutdown,
// *Reload or *TestEvent, and *Other for any other message.
type Event interface {
	// Event returns the event's name, such as "PeerStatus".
	Event() string
	// Privilege returns the event's classes and "all"; none for an item of a list.
	Privilege() []string
	// Timestamp returns when the server raised the event, if it says so.
	Timestamp() time.Time
	// SystemName returns the name of the server, if it has one.
	SystemName() string

	// Get, Values, All and Headers are those of amiclient.Message; of a
	// UserEvent they know only its own headers.
	Get(name string) string
	Values(name string) []string
	All() iter.Seq2[string, string]
	Headers() []amiclient.Header

	message() *amiclient.Message
}

// Parse returns the message as a typed event. It keeps the message and copies no
// text. Items of lists are events too: DeviceStateList gives DeviceStateChange,
// ExtensionStateList gives ExtensionStatus.
func Parse(m *amiclient.Message) Event {
	switch m.Event() {
	case "ContactStatus":
		return newContactStatus(m)
	case "PeerStatus":
		return newPeerStatus(m)
	case "DeviceStateChange":
		return newDeviceStateChange(m)
	case "ExtensionStatus":
		return newExtensionStatus(m)
	case "SuccessfulAuth":
		return newSuccessfulAuth(m)
	case "ChallengeResponseFailed", "InvalidPassword", "InvalidAccountID":
		return &FailedAuth{newSecurity(m)}
	case "ChallengeSent", "FailedACL", "UnexpectedAddress", "InvalidTransport", "AuthMethodNotAllowed", "RequestBadFormat",
		"RequestNotAllowed", "RequestNotSupported", "SessionLimit", "MemoryLimit", "LoadAverageLimit":
		security := newSecurity(m)
		return &security
	case "UserEvent":
		return newUserEvent(m)
	case "OriginateResponse":
		return newOriginateResponse(m)
	case "MessageWaiting":
		return newMessageWaiting(m)
	case "Registry":
		return newRegistry(m)
	case "FullyBooted":
		return newFullyBooted(m)
	case "Shutdown":
		return newShutdown(m)
	case "Reload":
		return newReload(m)
	case "TestEvent":
		return newTestEvent(m)
	}
	return &Other{Envelope{m}}
}

// Other is a message that has no type of its own.
type Other struct{ Envelope }

// An Envelope is the message of an event, and what the server writes into every
// event before its body (main/manager.c: __ast_manager_event_multichan).
type Envelope struct{ *amiclient.Message }

func (e Envelope) message() *amiclient.Message { return e.Message }

// Privilege returns the event's classes as the server names them, "all" among
// them, such as system and all. The items of a list have none.
func (e Envelope) Privilege() []string {
	if classes := e.line("Privilege"); classes != "" {
		return strings.Split(classes, ",")
	}
	return nil
}

// Timestamp returns when the server raised the event, to the microsecond: zero
// unless manager.conf has timestampevents=yes.
func (e Envelope) Timestamp() time.Time {
	text := e.line("Timestamp")
	if _, fraction, _ := strings.Cut(text, "."); len(fraction) != len("000000") {
		return time.Time{}
	}
	return value.Time(text)
}

// SystemName returns the server's systemname of asterisk.conf, "" if it has none.
func (e Envelope) SystemName() string { return e.line("SystemName") }

// line returns the value of a line that the server itself writes. The body
// begins with the first line of another name, and may hold any.
func (e Envelope) line(name string) string {
	for header, text := range e.Message.All() {
		switch header {
		case name:
			return text
		case "Event", "Privilege", "SequenceNumber", "File", "Line", "Func", "Timestamp", "SystemName":
		default:
			return ""
		}
	}
	return ""
}

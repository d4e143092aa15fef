package amievent

import (
	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// A DeviceState is the state of a device.
type DeviceState string

// The states (main/devicestate.c: devstatestring).
const (
	DeviceUnknown     DeviceState = "UNKNOWN"
	DeviceNotInUse    DeviceState = "NOT_INUSE"
	DeviceInUse       DeviceState = "INUSE"
	DeviceBusy        DeviceState = "BUSY"
	DeviceInvalid     DeviceState = "INVALID"
	DeviceUnavailable DeviceState = "UNAVAILABLE" // no contact
	DeviceRinging     DeviceState = "RINGING"
	DeviceRingInUse   DeviceState = "RINGINUSE" // rings while in use
	DeviceOnHold      DeviceState = "ONHOLD"
)

// DeviceStateChange tells the new state of a device (main/devicestate.c:
// devstate_to_ami); the items of DeviceStateList are the same. Class call. A
// chan_sip peer is in use for Asterisk only if sip.conf has callcounter=yes.
type DeviceStateChange struct {
	Envelope
	Device string // "PJSIP/101", "Custom:night", "Local/100@default"
	State  DeviceState
}

func newDeviceStateChange(m *amiclient.Message) *DeviceStateChange {
	return &DeviceStateChange{Envelope{m}, m.Get("Device"), DeviceState(m.Get("State"))}
}

// An ExtensionState is the state of an extension with a hint: a sum of the
// constants, or one of the negative ones.
type ExtensionState int

// The states (include/asterisk/pbx.h: enum ast_extension_states).
const (
	ExtensionRemoved     ExtensionState = -2
	ExtensionDeactivated ExtensionState = -1 // also where the event has no such number
	ExtensionNotInUse    ExtensionState = 0
	ExtensionInUse       ExtensionState = 1
	ExtensionBusy        ExtensionState = 2
	ExtensionUnavailable ExtensionState = 4
	ExtensionRinging     ExtensionState = 8
	ExtensionOnHold      ExtensionState = 16
)

// ExtensionStatus tells the new state of an extension that has a hint
// (main/manager.c: manager_state_cb); the items of ExtensionStateList are the
// same. Class call.
type ExtensionStatus struct {
	Envelope
	Exten, Context string
	Hint           string // the devices, such as "PJSIP/101&PJSIP/102"
	Status         ExtensionState
	StatusText     string // such as "Idle" and "InUse&Ringing" (main/pbx.c: extension_states); Asterisk 12 or later
}

func newExtensionStatus(m *amiclient.Message) *ExtensionStatus {
	return &ExtensionStatus{
		Envelope:   Envelope{m},
		Exten:      m.Get("Exten"),
		Context:    m.Get("Context"),
		Hint:       m.Get("Hint"),
		Status:     ExtensionState(value.NumberOr(m.Get("Status"), int(ExtensionDeactivated))),
		StatusText: m.Get("StatusText"),
	}
}

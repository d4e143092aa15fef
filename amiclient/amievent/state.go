package amievent

import (
	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// DeviceStateChange tells the new state of a device (main/devicestate.c:
// devstate_to_ami); the items of DeviceStateList are the same. Class call. A
// chan_sip peer is in use for Asterisk only if sip.conf has callcounter=yes.
type DeviceStateChange struct {
	Envelope
	Device string // "PJSIP/101", "Custom:night", "Local/100@default"
	State  amiclient.DeviceState
}

func newDeviceStateChange(m *amiclient.Message) *DeviceStateChange {
	return &DeviceStateChange{Envelope{m}, m.Get("Device"), amiclient.DeviceState(m.Get("State"))}
}

// ExtensionStatus tells the new state of an extension that has a hint
// (main/manager.c: manager_state_cb); the items of ExtensionStateList are the
// same. Class call.
type ExtensionStatus struct {
	Envelope
	Exten, Context string
	Hint           string // the devices, such as "PJSIP/101&PJSIP/102"
	Status         amiclient.ExtensionState
	StatusText     string // such as "Idle" and "InUse&Ringing" (main/pbx.c: extension_states); Asterisk 12 or later
}

func newExtensionStatus(m *amiclient.Message) *ExtensionStatus {
	return &ExtensionStatus{
		Envelope:   Envelope{m},
		Exten:      m.Get("Exten"),
		Context:    m.Get("Context"),
		Hint:       m.Get("Hint"),
		Status:     amiclient.ExtensionState(value.NumberOr(m.Get("Status"), int(amiclient.ExtensionDeactivated))),
		StatusText: m.Get("StatusText"),
	}
}

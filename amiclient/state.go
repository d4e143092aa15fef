package amiclient

import (
	"context"
	"iter"

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

// DeviceStateList lists the states of devices, those of each PJSIP endpoint and
// each chan_sip peer among them, as far as a state of theirs was ever announced
// (res/res_manager_devicestate.c). Asterisk 13 or later; class call or reporting.
type DeviceStateList struct{}

// A Device is a device with its state.
type Device struct {
	*Message
	Device string // PJSIP/1001
	State  DeviceState
}

// Action returns the action in AMI's form.
func (DeviceStateList) Action() Action { return Action{Name: "DeviceStateList"} }

// List yields the states, in no order.
func (a DeviceStateList) List(ctx context.Context, on Doer) iter.Seq2[Device, error] {
	return listOf(ctx, on, a.Action(), "DeviceStateChange", "", func(m *Message) Device {
		return Device{m, m.Get("Device"), DeviceState(m.Get("State"))}
	})
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

// ExtensionStateList lists the states of the extensions that have a hint in the
// dialplan (main/pbx.c: action_extensionstatelist). Asterisk 13 or later;
// class call or reporting.
type ExtensionStateList struct{}

// An Extension is an extension with its state.
type Extension struct {
	*Message
	Exten      string
	Context    string
	Hint       string // the devices it stands for: PJSIP/1001&PJSIP/1002
	Status     ExtensionState
	StatusText string // Idle, InUse, Busy, Unavailable, Ringing, InUse&Ringing, Hold, InUse&Hold
}

// Action returns the action in AMI's form.
func (ExtensionStateList) Action() Action { return Action{Name: "ExtensionStateList"} }

// List yields the states; none if there are no hints.
func (a ExtensionStateList) List(ctx context.Context, on Doer) iter.Seq2[Extension, error] {
	return listOf(ctx, on, a.Action(), "ExtensionStatus", "No dialplan hints are available", func(m *Message) Extension {
		status := ExtensionState(value.NumberOr(m.Get("Status"), int(ExtensionDeactivated)))
		return Extension{m, m.Get("Exten"), m.Get("Context"), m.Get("Hint"), status, m.Get("StatusText")}
	})
}

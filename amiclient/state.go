package amiclient

import (
	"context"
	"iter"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// DeviceStateList lists the states of devices, those of each PJSIP endpoint and
// each chan_sip peer among them, as far as a state of theirs was ever announced
// (res/res_manager_devicestate.c). Asterisk 13 or later; class call or reporting.
type DeviceStateList struct{}

// A DeviceState is the state of one device.
type DeviceState struct {
	*Message
	Device string // PJSIP/1001
	State  string // UNKNOWN, NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING, RINGINUSE or ONHOLD
}

// Action returns the action in AMI's form.
func (DeviceStateList) Action() Action { return Action{Name: "DeviceStateList"} }

// List yields the states, in no order.
func (a DeviceStateList) List(ctx context.Context, on Doer) iter.Seq2[DeviceState, error] {
	return listOf(ctx, on, a.Action(), "DeviceStateChange", "", func(m *Message) DeviceState {
		return DeviceState{m, m.Get("Device"), m.Get("State")}
	})
}

// ExtensionStateList lists the states of the extensions that have a hint in the
// dialplan (main/pbx.c: action_extensionstatelist). Asterisk 13 or later;
// class call or reporting.
type ExtensionStateList struct{}

// An ExtensionState is the state of one extension.
type ExtensionState struct {
	*Message
	Exten      string
	Context    string
	Hint       string // the devices it stands for: PJSIP/1001&PJSIP/1002
	Status     int    // bits: 1 in use, 2 busy, 4 unavailable, 8 ringing, 16 on hold; 0 idle; below 0 there is no such extension any more
	StatusText string // Idle, InUse, Busy, Unavailable, Ringing, InUse&Ringing, Hold, InUse&Hold
}

// Action returns the action in AMI's form.
func (ExtensionStateList) Action() Action { return Action{Name: "ExtensionStateList"} }

// List yields the states; none if there are no hints.
func (a ExtensionStateList) List(ctx context.Context, on Doer) iter.Seq2[ExtensionState, error] {
	return listOf(ctx, on, a.Action(), "ExtensionStatus", "No dialplan hints are available", func(m *Message) ExtensionState {
		return ExtensionState{m, m.Get("Exten"), m.Get("Context"), m.Get("Hint"), value.Number(m.Get("Status")), m.Get("StatusText")}
	})
}

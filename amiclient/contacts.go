package amiclient

import (
	"context"
	"strings"
)

// Contacts returns how many contacts a PJSIP endpoint has, static ones counted:
// a NOTIFY to it goes to each of them, and with none Asterisk answers Success
// and sends nothing. If there is no such endpoint the error is
// ErrUnknownEndpoint.
func Contacts(ctx context.Context, on Doer, endpoint string) (int, error) {
	d, err := PJSIPShowEndpoint{endpoint}.Do(ctx, on)
	return len(d.Contacts), err
}

// AllContacts returns the number of contacts of every PJSIP endpoint.
func AllContacts(ctx context.Context, on Doer) (map[string]int, error) {
	contacts := make(map[string]int)
	for e, err := range (PJSIPShowEndpoints{}).List(ctx, on) {
		if err != nil {
			return nil, err
		}
		contacts[strings.Clone(e.Name)] = len(e.Contacts) // not the message with it
	}
	return contacts, nil
}

// Reachable returns the PJSIP endpoints whose device state says that a contact
// of theirs can be reached. It costs the server a small part of AllContacts; an
// endpoint that is not in it may have contacts all the same, such as one that
// qualify finds unreachable (res/res_pjsip/pjsip_configuration.c:
// persistent_endpoint_update_state). It needs the class call or reporting.
func Reachable(ctx context.Context, on Doer) (map[string]bool, error) {
	reachable := make(map[string]bool)
	for d, err := range (DeviceStateList{}).List(ctx, on) {
		if err != nil {
			return nil, err
		}
		name, pjsip := strings.CutPrefix(d.Device, "PJSIP/")
		if !pjsip {
			continue
		}
		switch d.State {
		case DeviceNotInUse, DeviceInUse, DeviceBusy, DeviceRinging, DeviceRingInUse, DeviceOnHold:
			reachable[strings.Clone(name)] = true
		}
	}
	return reachable, nil
}

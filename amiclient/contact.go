package amiclient

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// A ContactStatus is what Asterisk knows of a contact's reachability. Other words
// than these stay as they came.
type ContactStatus string

// The words of res/res_pjsip/location.c and pjsip_options.c. A NOTIFY goes to a
// contact whatever its status.
const (
	ContactReachable    ContactStatus = "Reachable"    // it answered when last qualified
	ContactUnreachable  ContactStatus = "Unreachable"  // it did not
	ContactNonQualified ContactStatus = "NonQualified" // nobody asks it: qualify_frequency is 0; Asterisk 16 or later
	ContactUnknown      ContactStatus = "Unknown"      // it is to be asked and was not yet
	ContactCreated      ContactStatus = "Created"      // it has just registered; before Asterisk 16
	ContactRemoved      ContactStatus = "Removed"      // it has just gone
)

// A Contact is an address at which an endpoint of PJSIP is to be found. The phone
// chose its URI, UserAgent, CallID and Path.
type Contact struct {
	*Message         // an event ContactList or ContactStatusDetail
	ID        string // Asterisk's own name of it; "" before 13.18
	AOR       string
	Endpoint  string
	URI       string
	UserAgent string
	Static    bool      // it is written in pjsip.conf; false also if the server does not say so, before 13.18
	Expires   time.Time // when its registration ends; zero if it is static
	Via       string    // host:port from which it registered first; a later registration of the same URI does not change it
	CallID    string    // of its first registration, likewise
	Status    ContactStatus
	RoundTrip time.Duration // of the last OPTIONS; 0 if it was not answered

	// How often it is asked, and how long it may take. Of a static contact Asterisk
	// shows defaults in place of what its AOR has.
	QualifyFrequency, QualifyTimeout time.Duration

	OutboundProxy, Path string
}

// newContact reads both events, which differ in some names.
func newContact(m *Message) Contact {
	c := Contact{
		Message: m, UserAgent: m.Get("UserAgent"), Status: ContactStatus(m.Get("Status")), RoundTrip: value.Duration(m.Get("RoundtripUsec"), time.Microsecond),
		QualifyFrequency: value.Duration(m.Get("QualifyFrequency"), time.Second), QualifyTimeout: seconds(m.Get("QualifyTimeout")),
		OutboundProxy: m.Get("OutboundProxy"), Path: m.Get("Path"),
	}
	// The sign is before the MD5 of the URI: ";@" in a registered contact's ID, "@@" in
	// a static one's (res/res_pjsip/location.c, res_pjsip_registrar.c).
	var aor string
	if m.Event() == "ContactList" {
		c.ID, c.Endpoint, c.URI, c.CallID = m.Get("ObjectName"), m.Get("Endpoint"), m.Get("Uri"), m.Get("CallId")
		c.Expires, c.Via = value.Time(m.Get("ExpirationTime")), hostPort(m.Get("ViaAddr"), m.Get("ViaPort"))
	} else {
		c.ID, c.Endpoint, c.URI, c.CallID = m.Get("ID"), m.Get("EndpointName"), m.Get("URI"), m.Get("CallID")
		c.Expires, c.Via, aor = value.Time(m.Get("RegExpire")), m.Get("ViaAddress"), m.Get("AOR")
	}
	c.AOR = aor
	if at := strings.LastIndexByte(c.ID, '@'); at > 0 {
		c.Static = c.ID[at-1] == '@'
		if aor == "" {
			c.AOR = c.ID[:at-1]
		}
	}
	return c
}

// PJSIPShowContacts lists the contacts that phones registered; static ones are
// missing (res/res_pjsip/pjsip_options.c: format_ami_contactlist_handler).
// Asterisk 16 or later; class system.
type PJSIPShowContacts struct{}

// Action returns the action in AMI's form.
func (PJSIPShowContacts) Action() Action { return Action{Name: "PJSIPShowContacts"} }

// List does the action. No contacts are an empty list.
func (a PJSIPShowContacts) List(ctx context.Context, on Doer) iter.Seq2[Contact, error] {
	return listOf(ctx, on, a.Action(), "ContactList", "No Contacts found", newContact)
}

// PJSIPShowRegistrationInboundContactStatuses lists the contacts that phones
// registered (res/res_pjsip_registrar.c: ami_show_registration_contact_statuses).
// It says the same as PJSIPShowContacts, in versions that lack that too:
// Asterisk 13.17, 14.6 or later; class system.
type PJSIPShowRegistrationInboundContactStatuses struct{}

// Action returns the action in AMI's form.
func (PJSIPShowRegistrationInboundContactStatuses) Action() Action {
	return Action{Name: "PJSIPShowRegistrationInboundContactStatuses"}
}

// List does the action. No contacts are an empty list.
func (a PJSIPShowRegistrationInboundContactStatuses) List(ctx context.Context, on Doer) iter.Seq2[Contact, error] {
	return listOf(ctx, on, a.Action(), "ContactStatusDetail", "", newContact)
}

// PJSIPQualify sends an OPTIONS to every contact of an endpoint
// (res/res_pjsip/pjsip_options.c: ami_sip_qualify). Asterisk 12 or later; class
// system or reporting.
type PJSIPQualify struct{ Endpoint string }

// Action returns the action in AMI's form.
func (a PJSIPQualify) Action() Action {
	action := Action{Name: "PJSIPQualify"}
	action.add("Endpoint", a.Endpoint)
	return action
}

// Do does the action. Success says that the endpoint has an AOR, not that there
// is a contact: what the contacts answer shows later, in their Status and in
// events ContactStatus if it changes. Without an AOR the error is ErrNoContact,
// without such an endpoint ErrUnknownEndpoint.
func (a PJSIPQualify) Do(ctx context.Context, on Doer) error {
	_, err := on.Do(ctx, a.Action())
	return err
}

package amievent

import (
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// A ContactState is what became of a contact.
type ContactState string

// The states (main/stasis_endpoints.c; res/res_pjsip/pjsip_options.c). A phone
// that registers anew with a known URI gives no event, or repeats the state if
// pjsip.conf has send_contact_status_on_update_registration.
const (
	ContactCreated      ContactState = "Created"      // registered; Asterisk 13 to 15
	ContactNonQualified ContactState = "NonQualified" // registered, and not asked by OPTIONS yet, perhaps never; Asterisk 16 and later
	ContactReachable    ContactState = "Reachable"    // answered OPTIONS
	ContactUnreachable  ContactState = "Unreachable"  // did not
	ContactUnknown      ContactState = "Unknown"      // between the two
	ContactUpdated      ContactState = "Updated"      // documented; no version was seen to send it
	ContactRemoved      ContactState = "Removed"      // unregistered, replaced, its connection closed, or expired (noticed up to 30 s late)
)

// ContactStatus tells of a contact of a PJSIP endpoint that it came, went,
// answers OPTIONS or no longer does (main/stasis_endpoints.c:
// contactstatus_to_ami). Asterisk 13.5 or later; class system. Endpoints that
// share an AOR have one event each. At a restart of the server only contacts that
// registered have events, static ones have none.
type ContactStatus struct {
	Envelope
	URI          string // "sip:101@192.0.2.7:5060"
	Status       ContactState
	AOR          string
	EndpointName string
	Roundtrip    time.Duration // of the last OPTIONS; 0 if there was none, or no answer
}

func newContactStatus(m *amiclient.Message) *ContactStatus {
	return &ContactStatus{
		Envelope:     Envelope{m},
		URI:          m.Get("URI"),
		Status:       ContactState(m.Get("ContactStatus")),
		AOR:          m.Get("AOR"),
		EndpointName: m.Get("EndpointName"),
		Roundtrip:    duration(m.Get("RoundtripUsec"), time.Microsecond),
	}
}

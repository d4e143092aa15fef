package amievent

import (
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// ContactStatus tells of a contact of a PJSIP endpoint that it came, went,
// answers OPTIONS or no longer does (main/stasis_endpoints.c:
// contactstatus_to_ami). Asterisk 13.5 or later; class system.
//
// A phone that registers has one event, NonQualified (Created before Asterisk
// 16), and Reachable or Unreachable once it was asked. A phone that registers
// anew with the same URI has none, unless pjsip.conf has
// send_contact_status_on_update_registration: then the status is repeated.
// Removed comes when it unregisters, is replaced or loses its connection, and up
// to 30 s late when it expires. Endpoints that share an AOR have one event each.
// When the server starts, only contacts that registered have events; static ones
// have none.
type ContactStatus struct {
	Envelope
	URI          string // "sip:101@192.0.2.7:5060"
	Status       amiclient.ContactStatus
	AOR          string
	EndpointName string
	RoundTrip    time.Duration // of the last OPTIONS; 0 if there was none, or no answer
}

func newContactStatus(m *amiclient.Message) *ContactStatus {
	return &ContactStatus{
		Envelope:     Envelope{m},
		URI:          m.Get("URI"),
		Status:       amiclient.ContactStatus(m.Get("ContactStatus")),
		AOR:          m.Get("AOR"),
		EndpointName: m.Get("EndpointName"),
		RoundTrip:    value.Duration(m.Get("RoundtripUsec"), time.Microsecond),
	}
}

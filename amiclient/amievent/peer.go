package amievent

import (
	"net/netip"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// A PeerState is what became of a peer.
type PeerState string

// The states. PJSIP has Reachable and Unreachable alone, of the endpoint as a
// whole (res/res_pjsip/pjsip_configuration.c); chan_sip has all but Unknown
// (channels/chan_sip.c: parse_register_contact, expire_register,
// handle_response_peerpoke, sip_poke_noanswer).
const (
	PeerReachable    PeerState = "Reachable"    // PJSIP: has a contact that is not unreachable; chan_sip: answered OPTIONS
	PeerUnreachable  PeerState = "Unreachable"  // PJSIP: has none; chan_sip: did not answer
	PeerLagged       PeerState = "Lagged"       // answered, but late
	PeerRegistered   PeerState = "Registered"   // at every REGISTER, refreshes too
	PeerUnregistered PeerState = "Unregistered" // or expired: the Cause is the same
	PeerRejected     PeerState = "Rejected"     // needs authfailureevents=yes in sip.conf
	PeerUnknown      PeerState = "Unknown"
)

// PeerStatus tells of the peer of a channel driver, such as a PJSIP endpoint
// (main/stasis_endpoints.c: peerstatus_to_ami). Class system. At a restart every
// PJSIP endpoint with a static contact becomes Reachable, whether or not a phone
// is there.
type PeerStatus struct {
	Envelope
	ChannelType string // "PJSIP", "SIP", "IAX2"
	Peer        string // "PJSIP/101"
	Name        string // "101"
	Status      PeerState
	Cause       string // why, such as "Expired" and "AUTH_SECRET_FAILED"; PJSIP has none

	// Address is where the peer is, or where the REGISTER came from that was
	// rejected, which is written in another form. PJSIP has none.
	Address netip.AddrPort
	// RoundTrip is how long the answer to OPTIONS took, in milliseconds; 0 if it is
	// not known, or if there was none.
	RoundTrip time.Duration
}

func newPeerStatus(m *amiclient.Message) *PeerStatus {
	e := &PeerStatus{
		Envelope:    Envelope{m},
		ChannelType: m.Get("ChannelType"),
		Peer:        m.Get("Peer"),
		Status:      PeerState(m.Get("PeerStatus")),
		Cause:       m.Get("Cause"),
		Address:     value.AddrPort(m.Get("Address"), m.Get("Port")),
		RoundTrip:   value.Duration(m.Get("Time"), time.Millisecond),
	}
	_, e.Name, _ = strings.Cut(e.Peer, "/")
	return e
}

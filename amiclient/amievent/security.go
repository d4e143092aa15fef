package amievent

import (
	"net/netip"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// An Address is one end of a connection, as security events have it
// (main/json.c: ast_json_ipaddr).
type Address struct {
	AddrPort  netip.AddrPort
	Transport string // "UDP", "TCP", "TLS", "WS", "WSS"; "" if the server does not say
}

// parseAddress reads "IPV4/UDP/192.0.2.7/5060", of which the transport may be
// missing. An IPv6 address has no brackets.
func parseAddress(s string) Address {
	rest, port, _ := cutLast(s, "/")
	rest, ip, _ := cutLast(rest, "/")
	address := value.AddrPort(ip, port)
	if !address.IsValid() {
		return Address{}
	}
	_, transport, _ := strings.Cut(rest, "/")
	return Address{address, transport}
}

// Security is a security event, and what every one of them has
// (main/security_events.c: sec_events). Class security; Asterisk 12 or later. As
// an event of its own it stands for all that are neither SuccessfulAuth nor
// FailedAuth, such as ChallengeSent, FailedACL and RequestBadFormat.
type Security struct {
	Envelope
	EventTV  time.Time // when it happened, to the millisecond
	Severity string    // "Informational" or "Error"
	Service  string    // "PJSIP", "SIP", "AMI"

	// AccountID is the endpoint, peer or user that the other side claims to be:
	// proven by a SuccessfulAuth alone.
	AccountID string

	// SessionID is, with PJSIP, the Call-ID of the request. A phone keeps one for
	// all its REGISTERs until it boots anew (RFC 3261, section 10.2.4). Elsewhere it
	// is an address in Asterisk's memory, which is used again.
	SessionID string

	LocalAddress, RemoteAddress Address
}

func newSecurity(m *amiclient.Message) Security {
	at, err := time.Parse("2006-01-02T15:04:05.000-0700", m.Get("EventTV")) // include/asterisk/localtime.h: AST_ISO8601_FORMAT
	if err != nil {
		at = time.Time{}
	}
	return Security{
		Envelope:      Envelope{m},
		EventTV:       at,
		Severity:      m.Get("Severity"),
		Service:       m.Get("Service"),
		AccountID:     m.Get("AccountID"),
		SessionID:     m.Get("SessionID"),
		LocalAddress:  parseAddress(m.Get("LocalAddress")),
		RemoteAddress: parseAddress(m.Get("RemoteAddress")),
	}
}

// SuccessfulAuth tells that a request was authenticated: a login by AMI, or any
// SIP request of an endpoint that has auth, REGISTER and INVITE alike. It comes
// before the ContactStatus or PeerStatus of the same REGISTER.
type SuccessfulAuth struct {
	Security
	UsingPassword bool // no meaning that all services share: a login by AMI has false
}

func newSuccessfulAuth(m *amiclient.Message) *SuccessfulAuth {
	return &SuccessfulAuth{newSecurity(m), m.Get("UsingPassword") == "1"}
}

// FailedAuth tells that a request was not authenticated. Its name says why, as
// far as the service tells it: ChallengeResponseFailed (PJSIP: wrong password, and
// AMI's MD5 login), InvalidPassword (chan_sip, AMI) or InvalidAccountID.
//
// The headers Challenge, Response, ExpectedResponse and ReceivedHash help to guess
// the password: do not log them.
type FailedAuth struct{ Security }

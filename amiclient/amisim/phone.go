package amisim

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Phone is a virtual phone. PJSIP knows it as an endpoint, and chan_sip, where there is one, as a peer of the same name.
type Phone struct {
	Name         string
	Contacts     []string // SIP URIs it is registered with; default one at an address of its own
	Unregistered bool     // has no contact: NOTIFYs to it go nowhere
	Static       bool     // its contacts stand in pjsip.conf: PJSIPShowContacts leaves them out, as real servers do
	UserAgent    string   // default "Simulated Phone 1.0"
	NoAOR        bool     // its endpoint has no AOR, so no contact either
	Password     string   // of its auth section: PJSIPShowEndpoint shows it to AMI users in clear, as real servers do
	NoAuth       bool     // registers without authentication: no SuccessfulAuth tells of it
	State        string   // device state; default NOT_INUSE, or UNAVAILABLE while no contact can be reached; INUSE is a phone in a call
	Status       int      // SIP status of its answers to NOTIFY; default 200; a negative number is silence

	// QualifyFrequency and QualifyTimeout (default 3 s) are those of its AOR. With a frequency of 0 its contacts stay
	// NonQualified for ever. The server qualifies a contact when it registers, by PJSIPQualify and as a Reboot has it,
	// but not at intervals by itself.
	QualifyFrequency, QualifyTimeout time.Duration

	// Reboot is what it does on a NOTIFY whose event asks for a reboot, and RebootTime how long it is away.
	Reboot     Reboot
	RebootTime time.Duration // default 2 s
}

// Phones returns n registered phones named 1001 and up that reboot cleanly when asked to, in two seconds.
func Phones(n int) []Phone {
	list := make([]Phone, n)
	for i := range list {
		list[i] = Phone{Name: strconv.Itoa(1001 + i), Reboot: RebootClean}
	}
	return list
}

// phone is a Phone and its present condition, guarded by Server.mu.
type phone struct {
	Phone
	index    int
	contacts []contact // replaced as a whole, never changed
	boots    int       // how often it has started; in its Call-IDs and ports
	away     bool      // rebooting: does not answer
	deaf     bool      // does not answer, see Server.SetReachable
	causes   uint64    // of events, so far
	last     string    // what qualify had found when the peer of chan_sip unregistered
	calls    [2]int    // up, by line
	held     *Notify
}

func newPhone(p Phone, index int) *phone {
	p.UserAgent = orDefault(p.UserAgent, "Simulated Phone 1.0")
	p.Status = orDefault(p.Status, 200)
	p.RebootTime = orDefault(p.RebootTime, 2*time.Second)
	p.QualifyTimeout = orDefault(p.QualifyTimeout, 3*time.Second)
	if p.Reboot == RebootLost || p.Reboot == RebootDead {
		p.QualifyFrequency = orDefault(p.QualifyFrequency, time.Minute)
	}
	v := &phone{Phone: p, index: index}
	uris := p.Contacts
	switch {
	case p.Unregistered, p.NoAOR:
		return v
	case len(uris) == 0:
		uris = []string{v.madeUp()}
	}
	for _, uri := range uris {
		n := v.newContact(uri)
		if p.QualifyFrequency > 0 {
			n.status = reachable
		}
		v.contacts = append(v.contacts, n)
	}
	return v
}

// newContact is a contact as a registration makes it.
func (p *phone) newContact(uri string) contact {
	n := contact{uri: uri, status: nonQualified, usec: p.usec()}
	if !p.Static {
		n.callID, n.expires = p.callID(), time.Now().Add(time.Hour)
	}
	return n
}

// usec is how long a phone takes to answer an OPTIONS, in microseconds.
func (p *phone) usec() int { return 250 + p.index%500 }

// callID is that of all REGISTERs of one life of the phone (RFC 3261 section 10.2.4).
func (p *phone) callID() string { return fmt.Sprintf("%s-boot-%d@phone.invalid", p.Name, p.boots) }

// available tells whether an endpoint counts as reachable: it has a contact that is, or that nobody asks (res/res_pjsip/
// pjsip_options.c).
func (p *phone) available() bool {
	return slices.ContainsFunc(p.contacts, func(n contact) bool {
		return n.status == reachable || n.status == nonQualified && p.QualifyFrequency == 0
	})
}

// has tells whether a URI is among the phone's contacts.
func (p *phone) has(uri string) bool {
	return slices.ContainsFunc(p.contacts, func(n contact) bool { return n.uri == uri })
}

// madeUp returns a contact in 198.18.0.0/15, the range set aside for tests of networks (RFC 2544).
func (p *phone) madeUp() string {
	n := p.index + 1
	ip := netip.AddrFrom4([4]byte{198, 18 + byte(n>>16)&1, byte(n >> 8), byte(n)})
	return fmt.Sprintf("sip:%s@%s:%d", p.Name, ip, 5060+p.boots%1000)
}

// state is the state of its PJSIP device as events and DeviceStateList have it.
func (p *phone) state() string { return p.stateOf("PJSIP") }

// stateOf is the state of its device of a channel driver.
func (p *phone) stateOf(driver string) string {
	switch {
	case !p.available():
		return "UNAVAILABLE"
	case p.State != "":
		return p.State
	case p.calls[line(driver)] > 0:
		return "INUSE"
	}
	return "NOT_INUSE"
}

// peerURI is where chan_sip's requests to it go: to its one contact, and if that is a fixed address without a user.
func (p *phone) peerURI() string {
	uri := p.contacts[0].uri
	if _, host, found := strings.Cut(uri, "@"); found && p.Static {
		return "sip:" + host
	}
	return uri
}

// stateWords is the device state as the PJSIP lists have it.
func (p *phone) stateWords() string {
	words := map[string]string{"NOT_INUSE": "Not in use", "INUSE": "In use", "BUSY": "Busy", "UNAVAILABLE": "Unavailable",
		"RINGING": "Ringing", "RINGINUSE": "Ring+Inuse", "ONHOLD": "On Hold", "INVALID": "Invalid"}
	if w, ok := words[p.state()]; ok {
		return w
	}
	return "Unknown"
}

// phone finds a phone by its name, nil if there is none.
func (s *Server) phone(name string) *phone {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phones[name]
}

// SetState sets a phone's device state, such as INUSE, and tells the listening sessions. Unknown names do nothing.
func (s *Server) SetState(name, state string) {
	s.mu.Lock()
	p := s.phones[name]
	if p != nil {
		p.State = state
	}
	s.mu.Unlock()
	if p != nil {
		s.change(p, "PJSIP", func() []event { return []event{p.deviceState("PJSIP")} })
	}
}

// SetStatus sets the SIP status with which a phone answers NOTIFYs, a negative number for silence. Unknown names do nothing.
func (s *Server) SetStatus(name string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.phones[name]; p != nil {
		p.Status = status
	}
}

// SetReachable decides whether a phone answers anything at all. The server learns of it when it qualifies the phone, by
// PJSIPQualify or at its registration. Unknown names do nothing.
func (s *Server) SetReachable(name string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.phones[name]; p != nil {
		p.deaf = !on
	}
}

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
	Password     string   // of its auth section: PJSIPShowEndpoint shows it to AMI users in clear, as real servers do
	State        string   // device state; default NOT_INUSE, or UNAVAILABLE without contact; INUSE is a phone in a call
	Status       int      // SIP status of its answers to NOTIFY; default 200; a negative number is silence

	// Reboot is what it does on a NOTIFY whose event asks for a reboot, and RebootTime how long it is away.
	Reboot     Reboot
	RebootTime time.Duration // default 2 s
}

// Reboot is how a phone reboots, which decides what the server's events show of it.
type Reboot int

const (
	RebootNever  Reboot = iota // answers the NOTIFY and carries on
	RebootClean                // unregisters, and registers again from another port
	RebootSilent               // says nothing, and registers again as before, with a new Call-ID: seen by SuccessfulAuth alone
	RebootLost                 // qualify notices: Unreachable, and Reachable when it is back
	RebootGone                 // unregisters and never comes back
)

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
	contacts []string
	boots    int  // how often it has started; in its Call-IDs and ports
	away     bool // rebooting: does not answer
	held     *Notify
}

func newPhone(p Phone, index int) *phone {
	p.UserAgent = orDefault(p.UserAgent, "Simulated Phone 1.0")
	p.Status = orDefault(p.Status, 200)
	p.RebootTime = orDefault(p.RebootTime, 2*time.Second)
	v := &phone{Phone: p, index: index}
	switch {
	case p.Unregistered:
	case len(p.Contacts) > 0:
		v.contacts = slices.Clone(p.Contacts)
	default:
		v.contacts = []string{v.madeUp()}
	}
	return v
}

// madeUp returns a contact in 198.18.0.0/15, the range set aside for tests of networks (RFC 2544).
func (p *phone) madeUp() string {
	n := p.index + 1
	ip := netip.AddrFrom4([4]byte{198, 18 + byte(n>>16)&1, byte(n >> 8), byte(n)})
	return fmt.Sprintf("sip:%s@%s:%d", p.Name, ip, 5060+p.boots%1000)
}

// state is the device state as events and DeviceStateList have it.
func (p *phone) state() string {
	switch {
	case len(p.contacts) == 0:
		return "UNAVAILABLE"
	case p.State == "":
		return "NOT_INUSE"
	}
	return p.State
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

// asksReboot tells whether a NOTIFY with this event makes phones reboot.
func asksReboot(event string) bool {
	event = strings.ToLower(event)
	if strings.Contains(event, "reboot=false") {
		return false
	}
	for _, start := range []string{"check-sync", "reboot", "restart", "resync"} {
		if strings.HasPrefix(event, start) {
			return true
		}
	}
	return false
}

// reboot starts what a phone does on a NOTIFY that asks for it.
func (s *Server) reboot(name, driver string) {
	s.mu.Lock()
	p := s.phones[name]
	if p.Reboot == RebootNever || p.away {
		s.mu.Unlock()
		return
	}
	p.away = true
	how, contacts := p.Reboot, slices.Clone(p.contacts)
	s.mu.Unlock()
	switch how {
	case RebootClean, RebootGone:
		s.unregister(name, driver)
	case RebootLost:
		s.peerStatus(name, driver, "Unreachable")
		s.contactStatus(name, contacts, "Unreachable")
	}
	if how == RebootGone {
		return
	}
	s.after(p.RebootTime, func() {
		s.mu.Lock()
		p.away = false
		p.boots++
		moved := p.madeUp()
		s.mu.Unlock()
		switch how {
		case RebootClean:
			s.register(name, driver, []string{moved})
		case RebootSilent:
			s.phoneAuthenticated(name, driver)
		case RebootLost:
			s.peerStatus(name, driver, "Reachable")
			s.contactStatus(name, contacts, "Reachable")
		}
	})
}

// Register makes a phone register with these contacts in place of the present ones; with none given, with one at an
// address of its own. Unknown names do nothing.
func (s *Server) Register(name string, contacts ...string) {
	s.mu.Lock()
	p := s.phones[name]
	if p != nil && len(contacts) == 0 {
		contacts = []string{p.madeUp()}
	}
	s.mu.Unlock()
	if p != nil {
		s.register(name, "PJSIP", contacts)
	}
}

// Unregister makes a phone unregister. Unknown names do nothing.
func (s *Server) Unregister(name string) {
	s.mu.Lock()
	p := s.phones[name]
	s.mu.Unlock()
	if p != nil {
		s.unregister(name, "PJSIP")
	}
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
		s.deviceState(name, "PJSIP")
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

// The sequences of events below are those that real servers were seen to raise; real servers change the order of
// PeerStatus, ContactStatus and DeviceStateChange of one cause.

func (s *Server) register(name, driver string, contacts []string) {
	s.mu.Lock()
	p := s.phones[name]
	was := p.contacts
	p.contacts = slices.Clone(contacts)
	s.mu.Unlock()
	if driver == "SIP" {
		s.peerStatus(name, driver, "Registered")
		s.phoneAuthenticated(name, driver)
		s.deviceState(name, driver)
		return
	}
	s.phoneAuthenticated(name, driver)
	fresh := slices.DeleteFunc(slices.Clone(contacts), func(c string) bool { return slices.Contains(was, c) })
	s.contactStatus(name, fresh, "NonQualified")
	if len(was) == 0 {
		s.peerStatus(name, driver, "Reachable")
		s.deviceState(name, driver)
	}
}

func (s *Server) unregister(name, driver string) {
	s.mu.Lock()
	p := s.phones[name]
	was := p.contacts
	p.contacts = nil
	s.mu.Unlock()
	if driver == "SIP" {
		s.peerStatus(name, driver, "Unregistered")
		s.deviceState(name, driver)
		return
	}
	s.phoneAuthenticated(name, driver)
	s.peerStatus(name, driver, "Unreachable")
	s.deviceState(name, driver)
	s.contactStatus(name, was, "Removed")
}

func (s *Server) peerStatus(name, driver, status string) {
	headers := []Header{{"ChannelType", driver}, {"Peer", driver + "/" + name}, {"PeerStatus", status}}
	if status == "Unregistered" {
		headers = append(headers, Header{"Cause", "Expired"})
	}
	s.emit("PeerStatus", classSystem, headers)
}

func (s *Server) contactStatus(name string, contacts []string, status string) {
	for _, uri := range contacts {
		s.emit("ContactStatus", classSystem, []Header{{"URI", uri}, {"ContactStatus", status}, {"AOR", name}, {"EndpointName", name}, {"RoundtripUsec", "0"}})
	}
}

func (s *Server) deviceState(name, driver string) {
	s.mu.Lock()
	state := s.phones[name].state()
	s.mu.Unlock()
	s.emit("DeviceStateChange", classCall, []Header{{"Device", driver + "/" + name}, {"State", state}})
}

// phoneAuthenticated raises the security event of a REGISTER. With PJSIP its SessionID is the phone's Call-ID, new after
// each boot; with chan_sip it is an address in memory.
func (s *Server) phoneAuthenticated(name, driver string) {
	s.mu.Lock()
	p := s.phones[name]
	session := fmt.Sprintf("%s-boot-%d@%s", name, p.boots, "phone.invalid")
	if driver == "SIP" {
		session = fmt.Sprintf("0x7f%010x", p.index<<8|p.boots&0xff)
	}
	s.mu.Unlock()
	now := time.Now().Format("2006-01-02T15:04:05.000-0700")
	s.emit("SuccessfulAuth", classSecurity, []Header{
		{"EventTV", now}, {"Severity", "Informational"}, {"Service", driver}, {"EventVersion", "1"}, {"AccountID", name},
		{"SessionID", session}, {"LocalAddress", "IPV4/UDP/127.0.0.1/5060"}, {"RemoteAddress", "IPV4/UDP/127.0.0.1/5060"}, {"UsingPassword", "1"},
	})
}

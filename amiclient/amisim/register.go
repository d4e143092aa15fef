package amisim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Register makes a phone register by PJSIP with these contacts in place of the present ones; with none given, with one at
// an address of its own. Unknown names, and phones without AOR, do nothing.
func (s *Server) Register(name string, contacts ...string) { s.registerBy("PJSIP", name, contacts) }

// RegisterSIP is Register with chan_sip.
func (s *Server) RegisterSIP(name string, contacts ...string) { s.registerBy("SIP", name, contacts) }

func (s *Server) registerBy(driver, name string, uris []string) {
	p := s.phone(name)
	if p == nil || p.NoAOR {
		return
	}
	if len(uris) == 0 {
		s.mu.Lock()
		uris = []string{p.madeUp()}
		s.mu.Unlock()
	}
	s.register(p, driver, uris, false)
}

// Unregister makes a phone unregister by PJSIP. Unknown names do nothing.
func (s *Server) Unregister(name string) {
	if p := s.phone(name); p != nil {
		s.unregister(p, "PJSIP")
	}
}

// UnregisterSIP is Unregister with chan_sip.
func (s *Server) UnregisterSIP(name string) {
	if p := s.phone(name); p != nil {
		s.unregister(p, "SIP")
	}
}

// event is one that a session may get.
type event struct {
	name    string
	of      class
	headers []Header
}

// change does something to a phone, and raises the events that f returns, those of one cause, and those of the phone's
// becoming reachable, or ceasing to be. f runs with Server.mu held.
//
// Which events there are is what real servers were seen to raise. Their order, with real servers not the same each time,
// is fixed here, and another for each Config.Seed.
func (s *Server) change(p *phone, driver string, f func() []event) {
	s.mu.Lock()
	was := p.available()
	events := f()
	switch now := p.available(); {
	case now == was:
	case driver == "SIP": // where PeerStatus tells of registrations and of what qualify finds
		events = append(events, p.deviceState(driver))
	case now:
		events = slices.Concat([]event{p.peerStatus(driver, reachable), p.deviceState(driver)}, events)
	default:
		events = slices.Concat([]event{p.peerStatus(driver, unreachable), p.deviceState(driver)}, events)
	}
	if slices.ContainsFunc(events, func(e event) bool { return e.name == "DeviceStateChange" }) {
		events = append(events, s.hinted(driver+"/"+p.Name)...)
	}
	p.causes++
	if seed := s.config.Seed; seed != 0 {
		p.dice(seed).Shuffle(len(events), func(i, k int) { events[i], events[k] = events[k], events[i] })
	}
	s.mu.Unlock()
	for _, e := range events {
		s.emit(e.name, e.of, e.headers)
	}
}

func (p *phone) deviceState(driver string) event {
	return event{"DeviceStateChange", classCall, []Header{{"Device", driver + "/" + p.Name}, {"State", p.stateOf(driver)}}}
}

func (p *phone) peerStatus(driver, status string, more ...Header) event {
	return event{"PeerStatus", classSystem, append([]Header{{"ChannelType", driver}, {"Peer", driver + "/" + p.Name}, {"PeerStatus", status}}, more...)}
}

func (p *phone) contactStatus(n contact, status string) event {
	usec := "0"
	if status == reachable {
		usec = n.roundTrip()
	}
	return event{"ContactStatus", classSystem, []Header{{"URI", n.uri}, {"ContactStatus", status}, {"AOR", p.Name}, {"EndpointName", p.Name}, {"RoundtripUsec", usec}}}
}

// authenticated is the security event of a REGISTER, none if the phone has not to authenticate. With PJSIP its SessionID
// is the Call-ID, new after each boot; with chan_sip it is an address in memory.
func (p *phone) authenticated(driver, uri string) []event {
	if p.NoAuth {
		return nil
	}
	session := p.callID()
	if driver == "SIP" {
		session = fmt.Sprintf("0x7f%010x", p.index<<8|p.boots&0xff)
	}
	host, port := address(uri)
	if _, err := netip.ParseAddr(host); err != nil {
		host = "127.0.0.1"
	}
	return []event{{"SuccessfulAuth", classSecurity, []Header{
		{"EventTV", time.Now().Format("2006-01-02T15:04:05.000-0700")}, {"Severity", "Informational"}, {"Service", driver}, {"EventVersion", "1"}, {"AccountID", p.Name},
		{"SessionID", session}, {"LocalAddress", "IPV4/UDP/127.0.0.1/5060"}, {"RemoteAddress", "IPV4/UDP/" + host + "/" + port}, {"UsingPassword", "1"},
	}}}
}

func (p *phone) uris() []string {
	list := make([]string, len(p.contacts))
	for i, n := range p.contacts {
		list[i] = n.uri
	}
	return list
}

// register has a phone registered with these contacts, beside those it has or in their place. A contact that is known is
// refreshed, of which SuccessfulAuth alone tells (res/res_pjsip_registrar.c).
func (s *Server) register(p *phone, driver string, uris []string, beside bool) {
	if driver == "SIP" {
		s.registerPeer(p, uris)
		return
	}
	s.change(p, driver, func() []event { return p.authenticated(driver, uris[0]) })
	var fresh []string
	s.change(p, driver, func() []event {
		var events []event
		list := slices.Clone(p.contacts)
		for i, n := range list {
			if slices.Contains(uris, n.uri) {
				list[i].expires = time.Now().Add(time.Hour)
			}
		}
		for _, uri := range uris {
			if !p.has(uri) {
				n := p.newContact(uri)
				list, fresh = append(list, n), append(fresh, uri)
				events = append(events, p.contactStatus(n, nonQualified))
			}
		}
		p.contacts = list
		return events
	})
	// The new contacts are asked and the old ones removed by two threads: mostly the phone as a whole is unreachable for a
	// moment, but the answer may be quicker.
	first := s.quick(p)
	if first {
		s.ask(p, driver, fresh)
	}
	if !beside {
		s.change(p, driver, func() []event { return p.keep(uris) })
	}
	if !first {
		s.ask(p, driver, fresh)
	}
}

// quick tells whether the answer to OPTIONS is quicker than the removal of old contacts: never without a Seed.
func (s *Server) quick(p *phone) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config.Seed != 0 && p.dice(s.config.Seed).IntN(3) == 0
}

// dice are as the seed has thrown them for what comes next of a phone. Server.mu is held.
func (p *phone) dice(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(p.index)<<32|p.causes))
}

// keep removes all contacts but these.
func (p *phone) keep(uris []string) []event {
	var events []event
	var list []contact
	for _, n := range p.contacts {
		if slices.Contains(uris, n.uri) {
			list = append(list, n)
		} else {
			events = append(events, p.contactStatus(n, removed))
		}
	}
	p.contacts = list
	return events
}

// registerPeer is register with chan_sip, which knows one contact of a peer and tells of each REGISTER, refreshes too
// (channels/chan_sip.c: parse_register_contact).
func (s *Server) registerPeer(p *phone, uris []string) {
	s.change(p, "SIP", func() []event {
		host, port := address(uris[0])
		return append([]event{p.peerStatus("SIP", "Registered", Header{"Address", host + ":" + port})}, p.authenticated("SIP", uris[0])...)
	})
	s.change(p, "SIP", func() []event {
		was := p.available()
		p.contacts = nil
		for _, uri := range uris {
			n := p.newContact(uri)
			if p.QualifyFrequency > 0 {
				n.status = reachable
			}
			p.contacts = append(p.contacts, n)
		}
		if p.QualifyFrequency > 0 && !was {
			return []event{p.peerStatus("SIP", reachable)}
		}
		return nil
	})
}

func (s *Server) unregister(p *phone, driver string) {
	s.mu.Lock()
	was := append(p.uris(), p.madeUp())
	s.mu.Unlock()
	if driver == "SIP" {
		s.change(p, driver, func() []event {
			if len(p.contacts) > 0 {
				p.last = p.contacts[0].status
			}
			p.contacts = nil
			return append([]event{p.peerStatus(driver, "Unregistered", Header{"Cause", "Expired"})}, p.authenticated(driver, was[0])...)
		})
		return
	}
	s.change(p, driver, func() []event { return p.authenticated(driver, was[0]) })
	s.change(p, driver, func() []event { return p.keep(nil) })
}

// qualify does what PJSIPQualify does: it asks all contacts of a phone.
func (s *Server) qualify(p *phone) {
	s.mu.Lock()
	uris := p.uris()
	s.mu.Unlock()
	s.ask(p, "PJSIP", uris)
}

// ask sends OPTIONS to contacts. Who does not answer in time is unreachable. Where the AOR has no qualify_frequency they are
// sent all the same, and nothing comes of it.
func (s *Server) ask(p *phone, driver string, uris []string) {
	s.mu.Lock()
	answers := !p.deaf && !p.away
	s.mu.Unlock()
	switch {
	case p.QualifyFrequency == 0 || len(uris) == 0:
	case answers:
		s.found(p, driver, uris, reachable)
	default:
		s.after(p.QualifyTimeout, func() { s.found(p, driver, uris, unreachable) })
	}
}

// found is what comes of asking contacts, of which only news is told.
func (s *Server) found(p *phone, driver string, uris []string, status string) {
	s.change(p, driver, func() []event {
		var events []event
		list := slices.Clone(p.contacts)
		for i := range list {
			if n := &list[i]; slices.Contains(uris, n.uri) && n.status != status {
				n.status = status
				if driver == "PJSIP" {
					events = append(events, p.contactStatus(*n, status))
				} else if i == 0 {
					events = append(events, p.peerStatus(driver, status, map[string][]Header{unreachable: {{"Time", "-1"}}}[status]...))
				}
			}
		}
		p.contacts = list
		return events
	})
}

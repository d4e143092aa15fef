package amisim

import (
	"slices"
	"strings"
	"time"
)

// send delivers a NOTIFY to every contact of a phone.
func (s *Server) send(actionID, driver, name, from string, m *content) {
	s.deliver.Lock()
	defer s.deliver.Unlock()
	s.mu.Lock()
	p := s.phones[name]
	contacts := p.contacts // replaced as a whole, never changed
	if s.config.Keep < 0 && s.config.OnNotify == nil && p.Reboot == RebootNever && !s.config.SwapOrder {
		s.count += uint64(len(contacts))
		s.mu.Unlock()
		return
	}
	if len(contacts) == 0 {
		s.unsent = append(s.unsent, Unsent{actionID, driver + "/" + name, "no contact"})
	}
	s.mu.Unlock()
	if driver == "SIP" && len(contacts) > 0 {
		contacts = contacts[:1] // chan_sip has one contact for a peer
	}
	for _, n := range contacts {
		uri := n.uri
		if driver == "SIP" {
			uri = p.peerURI()
		}
		s.swap(p, &Notify{
			ActionID: actionID, Phone: name, Driver: driver, URI: uri, Body: m.body,
			given: m.headers, contentType: m.contentType, from: from, server: s.config.Version.Asterisk,
		})
	}
}

// sendInDialog delivers a NOTIFY inside a call.
func (s *Server) sendInDialog(actionID string, ch *channel, m *content) {
	s.deliver.Lock()
	defer s.deliver.Unlock()
	s.mu.Lock()
	d := *ch.dialog
	ch.dialog.cseq++
	p := s.phones[d.phone]
	s.mu.Unlock()
	s.arrive(p, &Notify{
		ActionID: actionID, Phone: d.phone, Driver: d.driver, Channel: ch.name, URI: d.uri, Body: m.body,
		given: m.headers, contentType: m.contentType, dialog: &d, server: s.config.Version.Asterisk,
	})
}

// sendURI delivers a NOTIFY to the phone that has this URI, if any has.
func (s *Server) sendURI(actionID, uri string, m *content) {
	bare := strings.TrimSuffix(strings.TrimPrefix(uri, "<"), ">")
	reason := ""
	switch scheme, _, found := strings.Cut(strings.ToLower(bare), ":"); {
	case s.config.DefaultOutbound == "":
		reason = "no default_outbound_endpoint"
	case !found || scheme != "sip" && scheme != "sips":
		reason = "not a SIP URI"
	}
	s.mu.Lock()
	name, found := s.phoneAt(bare)
	if reason == "" && !found {
		reason = "no phone there"
	}
	if reason != "" {
		s.unsent = append(s.unsent, Unsent{actionID, uri, reason})
		s.mu.Unlock()
		return
	}
	p := s.phones[name]
	s.mu.Unlock()
	s.deliver.Lock()
	defer s.deliver.Unlock()
	s.swap(p, &Notify{
		ActionID: actionID, Phone: name, Driver: "PJSIP", URI: bare, Body: m.body,
		given: m.headers, contentType: m.contentType, from: s.config.DefaultOutbound, server: s.config.Version.Asterisk,
	})
}

// phoneAt finds the phone that listens at a URI: one that has it as contact, else one of that user name.
func (s *Server) phoneAt(uri string) (string, bool) {
	_, rest, _ := strings.Cut(uri, ":")
	user, _, hasUser := strings.Cut(rest, "@")
	if p := s.phones[user]; hasUser && p != nil && len(p.contacts) > 0 {
		return user, true
	}
	for _, name := range s.names {
		if s.phones[name].has(uri) {
			return name, true
		}
	}
	return "", false
}

// swap passes a NOTIFY on, or keeps it back until the next one for that phone has overtaken it (Config.SwapOrder).
func (s *Server) swap(p *phone, n *Notify) {
	if !s.config.SwapOrder {
		s.arrive(p, n)
		return
	}
	s.mu.Lock()
	held := p.held
	p.held = nil
	if held == nil {
		p.held = n
	}
	s.mu.Unlock()
	if held != nil {
		s.arrive(p, n)
		s.arrive(p, held)
		return
	}
	s.after(20*time.Millisecond, func() {
		s.deliver.Lock()
		defer s.deliver.Unlock()
		s.mu.Lock()
		late := p.held == n
		if late {
			p.held = nil
		}
		s.mu.Unlock()
		if late {
			s.arrive(p, n)
		}
	})
}

// arrive is the moment at the phone: it is recorded, told, answered, and the phone may begin to reboot.
func (s *Server) arrive(p *phone, n *Notify) {
	n.Time = time.Now()
	s.mu.Lock()
	s.count++
	n.Seq = s.count
	if !p.away && !p.deaf && p.Status > 0 {
		n.Status = p.Status
	}
	n.Reboots = p.Reboot != RebootNever && n.Status/100 == 2 && asksReboot(n.Event())
	if keep := s.config.Keep; keep >= 0 {
		s.notifies = append(s.notifies, *n)
		if keep > 0 && len(s.notifies) >= 2*keep {
			s.notifies = append(s.notifies[:0], s.notifies[len(s.notifies)-keep:]...)
		}
	}
	s.mu.Unlock()
	if s.config.OnNotify != nil {
		s.config.OnNotify(*n)
	}
	if n.Reboots {
		s.reboot(n.Phone, n.Driver)
	}
}

// Notifies returns the NOTIFYs that phones got, in order of arrival, as far as they are kept (Config.Keep).
func (s *Server) Notifies() []Notify {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.notifies
	if keep := s.config.Keep; keep > 0 && len(list) > keep {
		list = list[len(list)-keep:]
	}
	return slices.Clone(list)
}

// Count returns how many NOTIFYs phones got since the start, kept or not.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.count)
}

// Unsent returns the NOTIFYs that were answered with Success and went nowhere, in order.
func (s *Server) Unsent() []Unsent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.unsent)
}

// Crashes returns the actions that would have harmed a real server. A test must fail if there is one.
func (s *Server) Crashes() []Crash {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.crashes)
}

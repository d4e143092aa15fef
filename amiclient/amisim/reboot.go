package amisim

import "strings"

// Reboot is how a phone reboots, which decides what the server's events show of it.
type Reboot int

const (
	RebootNever    Reboot = iota // answers the NOTIFY and carries on
	RebootClean                  // unregisters, and registers again from another port
	RebootSilent                 // says nothing, and registers again as before, with a new Call-ID: seen by SuccessfulAuth alone
	RebootLost                   // qualify finds it Unreachable, and Reachable when it is back, registered as before
	RebootGone                   // unregisters and never comes back
	RebootMoved                  // says nothing, and registers from another port; the old contact stays (max_contacts > 1), which qualify finds Unreachable as long again later
	RebootReplaced               // the same, but the new contact takes the place of the old one (remove_existing); mostly the phone as a whole is unreachable for a moment
	RebootDead                   // is never heard of again: qualify finds it Unreachable
)

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
	how, old := p.Reboot, p.uris()
	s.mu.Unlock()
	switch how {
	case RebootClean, RebootGone:
		s.unregister(p, driver)
	case RebootLost, RebootDead:
		s.found(p, driver, old, unreachable)
	}
	if how == RebootGone || how == RebootDead {
		return
	}
	s.after(p.RebootTime, func() {
		s.mu.Lock()
		p.away = false
		p.boots++
		moved := []string{p.madeUp()}
		s.mu.Unlock()
		switch how {
		case RebootSilent:
			s.register(p, driver, old, false)
		case RebootLost:
			s.register(p, driver, old, false)
			s.found(p, driver, old, reachable)
		case RebootClean, RebootReplaced:
			s.register(p, driver, moved, false)
		case RebootMoved:
			s.register(p, driver, moved, true)
			if p.QualifyFrequency > 0 && driver == "PJSIP" { // with chan_sip nothing of the old one is left
				s.after(p.RebootTime, func() { s.found(p, driver, old, unreachable) })
			}
		}
	})
}

package engine

import "time"

// refusals looks which PBXs refuse us.
func (l *loop) refusals() {
	for _, s := range l.lanes {
		if err := s.refusal(); err != nil {
			l.refused(s, s.link, err)
		} else if s.said != "" && s.link != nil {
			if sending, _ := s.link.Connected(); sending {
				s.said = ""
			}
		}
	}
}

// refusal is why the PBX refuses us; nil: it does not, as far as is known.
func (s *servedLane) refusal() error {
	if s.link == nil {
		return nil
	}
	return s.link.Refused()
}

// refused has a PBX that refuses us tried again later, with a new link. It says so
// once, for as long as the reason is the same.
func (l *loop) refused(s *servedLane, link Link, err error) {
	if s.link != link || s.later == link {
		return
	}
	s.later = link
	if text := err.Error(); s.said != text {
		s.said = text
		l.Log.Error("PBX refuses us; it is tried again after a reload, or later", "pbx", s.pbx.Address, "error", err, "later", refusedAgain.String())
	}
	l.later(refusedAgain, func(time.Time) {
		if s.link == link && l.lanes[s.pbx.Address] == s && !l.ending {
			l.restart(s, true)
		}
	})
}

package amisim

import (
	"slices"
	"strings"
	"time"
)

// Fault is one way to misbehave, for one or more actions to come. Given to Server.Inject.
type Fault struct {
	Kind   FaultKind
	Action string // the action it strikes, in any case; default any but Login, Challenge, Logoff
	Skip   int    // so many such actions pass unharmed first
	Times  int    // so many are struck then; default 1; negative: all
	// Lost makes the action itself not happen either. Otherwise it is run, and only its answer suffers.
	Lost  bool
	Delay time.Duration // of kind Late
	Text  string        // of kind Refuse
}

// FaultKind is what goes wrong.
type FaultKind int

const (
	Late      FaultKind = iota // the answer comes after Delay; nothing else on that connection does meanwhile
	Silent                     // no answer; the session goes on
	Stall                      // no answer, and the session neither reads nor answers any more; the connection stays open
	Cut                        // no answer, the connection is closed
	CutInside                  // half of the answer, then the connection is closed
	CutAfter                   // the answer, then the connection is closed
	Reset                      // no answer, the connection is reset
	Refuse                     // the answer is an error with Text, such as "Unable to push NOTIFY task"; the action is not run
)

type fault struct {
	Fault
	passed, struck int
}

// Inject adds a fault. Where several fit an action, the oldest that is due strikes.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{Fault: f})
}

// ClearFaults removes all faults. Sessions that are stalled stay so.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Struck returns how many actions of a name the faults that are there still have struck.
func (s *Server) Struck(action string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if strings.EqualFold(f.Action, action) {
			n += f.struck
		}
	}
	return n
}

// due returns the fault that strikes this action, nil if none does.
func (s *Server) due(name string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		switch {
		case f.Action == "" && (name == "Login" || name == "Challenge" || name == "Logoff"):
			continue
		case f.Action != "" && !strings.EqualFold(f.Action, name):
			continue
		case f.passed < f.Skip:
			f.passed++
			continue
		}
		f.struck++
		if f.Times >= 0 && f.struck >= max(f.Times, 1) {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return &f.Fault
	}
	return nil
}

// strike runs an action, or what a fault makes of it.
func (c *session) strike(a action, r *request) {
	f := c.server.due(a.name)
	if f == nil {
		a.run(c, r)
		return
	}
	if f.Kind == Refuse {
		c.fail(r, f.Text)
		return
	}
	if !f.Lost {
		a.run(c, r)
	}
	switch f.Kind {
	case Late:
		c.server.sleep(f.Delay)
	case Silent:
		c.reply = c.reply[:0]
	case Stall:
		c.reply = c.reply[:0]
		c.queue(nil)
		c.stall()
	case Cut:
		c.reply = c.reply[:0]
		c.goodbye = true
	case CutInside:
		c.reply = c.reply[:len(c.reply)/2]
		c.goodbye = true
	case CutAfter:
		c.goodbye = true
	case Reset:
		c.reply = c.reply[:0]
		c.goodbye = true
		c.reset()
	}
}

// stall blocks the session's goroutine until the connection is closed by Server.Cut or Close. What was answered before
// still goes out.
func (c *session) stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
	for !c.ended {
		c.changed.Wait()
	}
}

package amisim

import (
	"slices"
	"strings"
)

// UserEvent is a user event that a client sent by AMI.
type UserEvent struct {
	Name     string
	ActionID string
	Headers  []Header // all headers of the event after its name, ActionID included
}

// appendEvent appends an event as it goes over the wire.
func appendEvent(dst []byte, name string, of class, headers []Header) []byte {
	dst = append(dst, "Event: "+name+"\r\nPrivilege: "+of.String()+"\r\n"...)
	for _, h := range headers {
		dst = append(dst, h.Name+": "+h.Value+"\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// emit sends an event to every session that may and wants to read it.
func (s *Server) emit(name string, of class, headers []Header) {
	s.broadcast(of, appendEvent(nil, name, of, headers))
}

func (s *Server) broadcast(of class, text []byte) {
	for _, c := range s.connected() {
		c.event(of, text)
	}
}

// Emit raises any event, such as one that a dialplan would: headers go out as given, after Event and Privilege. privilege
// is a list of class names, such as "user".
func (s *Server) Emit(name, privilege string, headers []Header) {
	s.emit(name, parseClasses(privilege), headers)
}

// UserEvents returns the user events that clients have sent by AMI, in order.
func (s *Server) UserEvents() []UserEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.userEvents)
}

// main/manager.c: action_userevent. All lines of the request are copied, also those without a colon. The answer comes
// before the event.
func (c *session) runUserEvent(r *request) {
	e := UserEvent{Name: r.get("UserEvent"), ActionID: r.get("ActionID")}
	text := []byte("Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: " + e.Name + "\r\n")
	for _, line := range r.lines {
		_, isName := header(line, "UserEvent")
		_, isAction := header(line, "Action")
		if isName || isAction && !c.server.config.Version.CopyAction {
			continue
		}
		text = append(text, line+"\r\n"...)
		name, value, _ := strings.Cut(line, ":")
		e.Headers = append(e.Headers, Header{name, skipBlanks(value)})
	}
	text = append(text, "\r\n"...)
	c.ack(r, "Event Sent")
	c.server.mu.Lock()
	c.server.userEvents = append(c.server.userEvents, e)
	c.server.mu.Unlock()
	c.after = append(c.after, func() { c.server.broadcast(classUser, text) })
}

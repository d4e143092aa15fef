package amisim

import (
	"cmp"
	"strconv"
	"strings"
)

// Voicemail is a module that counts messages. A server has one at most: the second one refuses to load ("Voicemail
// provider already registered by …").
type Voicemail int

const (
	NoVoicemail  Voicemail = iota
	AppVoicemail           // app_voicemail: the actions Voicemail…; counts are of files, see Server.SetMessages
	MWIExternal            // res_mwi_external with res_mwi_external_ami: the actions MWI…, which set the counts
)

// Mailbox is a mailbox and the messages in it.
type Mailbox struct {
	Name             string // such as "101@default"; AppVoicemail adds "@default" where there is no context, MWIExternal takes any name
	FullName, Email  string
	Urgent, New, Old int // MWIExternal has no urgent ones
}

// mailbox is a Mailbox, guarded by Server.mu, and what was told of it last.
type mailbox struct {
	Mailbox
	told [2]int // new, old
}

// mailbox finds a mailbox by its name, nil if there is none. Server.mu is held.
func (s *Server) mailbox(name string) *mailbox {
	if s.config.Version.Voicemail == AppVoicemail && !strings.Contains(name, "@") {
		name += "@default"
	}
	for _, m := range s.mailboxes {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// addMailbox adds a mailbox, unless there is one of that name. Server.mu is held.
func (s *Server) addMailbox(m Mailbox) bool {
	if m.Name == "" || s.mailbox(m.Name) != nil {
		return false
	}
	if s.config.Version.Voicemail == AppVoicemail && !strings.Contains(m.Name, "@") {
		m.Name += "@default"
	}
	s.mailboxes = append(s.mailboxes, &mailbox{Mailbox: m})
	return true
}

// SetMessages changes what lies in a mailbox, as files that come and go do: nobody is told before VoicemailRefresh. Unknown
// mailboxes do nothing.
func (s *Server) SetMessages(name string, urgent, new, old int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.mailbox(name); m != nil {
		m.Urgent, m.New, m.Old = urgent, new, old
	}
}

// messageWaiting is the event of a mailbox's counts (main/manager_mwi.c). New ones include the urgent ones.
func messageWaiting(name string, new, old int) event {
	waiting := "0"
	if new > 0 {
		waiting = "1"
	}
	return event{"MessageWaiting", classCall, []Header{{"Mailbox", name}, {"Waiting", waiting}, {"New", strconv.Itoa(new)}, {"Old", strconv.Itoa(old)}}}
}

// raise sends events when the answer is out.
func (c *session) raise(events ...event) {
	c.after = append(c.after, func() {
		for _, e := range events {
			c.server.emit(e.name, e.of, e.headers)
		}
	})
}

// main/manager.c: action_mailboxstatus. A mailbox that does not exist has no messages.
func (c *session) runMailboxStatus(r *request) {
	list := r.get("Mailbox")
	if list == "" {
		c.fail(r, "Mailbox not specified")
		return
	}
	urgent, new, _ := c.server.messages(list)
	c.respond(r, "Success")
	c.put("Message", "Mailbox Status")
	c.put("Mailbox", list)
	c.put("Waiting", map[bool]string{true: "1", false: "0"}[urgent+new > 0])
	c.blank()
}

// main/manager.c: action_mailboxcount.
func (c *session) runMailboxCount(r *request) {
	list := r.get("Mailbox")
	if list == "" {
		c.fail(r, "Mailbox not specified")
		return
	}
	urgent, new, old := c.server.messages(list)
	c.respond(r, "Success")
	for _, h := range []Header{
		{"Message", "Mailbox Message Count"}, {"Mailbox", list}, {"UrgMessages", strconv.Itoa(urgent)}, {"NewMessages", strconv.Itoa(new)}, {"OldMessages", strconv.Itoa(old)},
	} {
		c.put(h.Name, h.Value)
	}
	c.blank()
}

// messages adds up what lies in a list of mailboxes.
func (s *Server) messages(list string) (urgent, new, old int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range strings.SplitSeq(list, ",") {
		if m := s.mailbox(name); m != nil && s.config.Version.Voicemail != NoVoicemail {
			urgent, new, old = urgent+m.Urgent, new+m.New, old+m.Old
		}
	}
	return urgent, new, old
}

// apps/app_voicemail.c: manager_list_voicemail_users. Without mailboxes the answer is no list.
func (c *session) runVoicemailUsersList(r *request) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mailboxes) == 0 {
		c.ack(r, "There are no voicemail users currently defined.")
		return
	}
	c.startList(r, "Voicemail user list will follow")
	for _, m := range s.mailboxes {
		c.voicemailUser(r, "VoicemailUserEntry", m)
	}
	c.endList(r, "VoicemailUserEntryComplete", len(s.mailboxes))
}

// apps/app_voicemail.c: manager_status_voicemail_user. A user who does not exist is no error.
func (c *session) runVoicemailUserStatus(r *request) {
	context, name := r.get("Context"), r.get("Mailbox")
	if context == "" || name == "" {
		c.fail(r, "Need 'Context' and 'Mailbox' parameters.")
		return
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mailbox(name + "@" + context)
	if m == nil {
		c.ack(r, "There is no voicemail user of the given info.")
		return
	}
	c.startList(r, "Voicemail user detail will follow")
	c.voicemailUser(r, "VoicemailUserDetail", m)
	c.endList(r, "VoicemailUserDetailComplete", 1)
}

// voicemailUser writes an item, with the buffer of 128 bytes for the ActionID line (append_vmu_info_astman).
func (c *session) voicemailUser(r *request, event string, m *mailbox) {
	c.put("Event", event)
	c.cutActionID(r, 117)
	name, context, _ := strings.Cut(m.Name, "@")
	for _, h := range c.server.details["voicemail"].headers(map[string]string{
		"context": context, "mailbox": name, "name": m.FullName, "email": cmp.Or(m.Email, "(null)"),
		"new": strconv.Itoa(m.Urgent + m.New), "old": strconv.Itoa(m.Old),
	}) {
		c.put(h.Name, h.Value)
	}
	c.blank()
}

// runVoicemailRefresh has the files counted, and tells of the mailboxes where the count is another than last time. Of those
// with urgent messages it was seen to tell each time (apps/app_voicemail.c: poll_subscribed_mailbox).
func (c *session) runVoicemailRefresh(r *request) {
	context, name := r.get("Context"), r.get("Mailbox")
	c.ack(r, "Refresh sent")
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	for _, m := range c.server.mailboxes {
		ownName, ownContext, _ := strings.Cut(m.Name, "@")
		if context != "" && context != ownContext || name != "" && name != ownName {
			continue
		}
		if counts := [2]int{m.Urgent + m.New, m.Old}; counts != m.told || m.Urgent > 0 {
			m.told = counts
			c.raise(messageWaiting(m.Name, counts[0], counts[1]))
		}
	}
}

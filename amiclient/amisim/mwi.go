package amisim

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The actions of res/res_mwi_external_ami.c. No build at hand has that module: what is here is from its source alone.

// runMWIUpdate tells of the counts each time, whether they are others than before or not.
func (c *session) runMWIUpdate(r *request) {
	name := r.get("Mailbox")
	if name == "" {
		c.fail(r, "Missing mailbox parameter in request")
		return
	}
	var counts [2]int
	for i, header := range []string{"OldMessages", "NewMessages"} {
		text := r.get(header)
		n, ok := scanUnsigned(text)
		if !ok && text != "" {
			c.fail(r, "Invalid "+header+": "+text)
			return
		}
		counts[i] = int(n)
	}
	s := c.server
	s.mu.Lock()
	s.addMailbox(Mailbox{Name: name})
	m := s.mailbox(name)
	m.Old, m.New = counts[0], counts[1]
	s.mu.Unlock()
	c.respond(r, "Success") // without a message
	c.blank()
	c.raise(messageWaiting(name, int(int32(counts[1])), int(int32(counts[0]))))
}

// scanUnsigned reads a number as sscanf("%u") does: what follows it does not matter, and a negative one is one of the largest.
func scanUnsigned(text string) (uint32, bool) {
	text = skipBlanks(text)
	digits := strings.TrimPrefix(text, "-")
	if digits == text {
		digits = strings.TrimPrefix(text, "+")
	}
	end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	if end == 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits[:end], 10, 64)
	if strings.HasPrefix(text, "-") && err == nil {
		n = -n
	}
	return uint32(n), true
}

// runMWIGet lists mailboxes; in its items, unlike in those of other lists, the ActionID comes last.
func (c *session) runMWIGet(r *request) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	found, ok := c.wanted(r)
	if !ok {
		return
	}
	c.startList(r, "Mailboxes will follow")
	item := func(headers ...Header) {
		for _, h := range headers {
			c.put(h.Name, h.Value)
		}
		c.cutActionID(r, 245) // its buffer has 256 bytes for the line
		c.blank()
	}
	for _, m := range found {
		item(Header{"Event", "MWIGet"}, Header{"Mailbox", m.Name}, Header{"OldMessages", strconv.Itoa(m.Old)}, Header{"NewMessages", strconv.Itoa(m.New)})
	}
	item(Header{"Event", "MWIGetComplete"}, Header{"EventList", "Complete"}, Header{"ListItems", strconv.Itoa(len(found))})
}

// runMWIDelete removes mailboxes; of those that were not empty it is told that they are now (res/res_mwi_external.c:
// mwi_observe_delete).
func (c *session) runMWIDelete(r *request) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	gone, ok := c.wanted(r)
	if !ok {
		return
	}
	s.mailboxes = slices.DeleteFunc(s.mailboxes, func(m *mailbox) bool { return slices.Contains(gone, m) })
	c.respond(r, "Success")
	c.blank()
	for _, m := range gone {
		if m.New > 0 || m.Old > 0 {
			c.raise(messageWaiting(m.Name, 0, 0))
		}
	}
}

// wanted finds the mailboxes that a request means: one by its name, or all whose name /an expression/ fits; or fails.
// Server.mu is held.
func (c *session) wanted(r *request) (found []*mailbox, ok bool) {
	name := r.get("Mailbox")
	pattern, isPattern := strings.CutPrefix(name, "/")
	switch {
	case name == "":
		c.fail(r, "Missing mailbox parameter in request")
		return nil, false
	case !isPattern:
		if m := c.server.mailbox(name); m != nil {
			found = append(found, m)
		}
		return found, true
	case !strings.HasSuffix(pattern, "/"):
		c.fail(r, "Mailbox regex format invalid in: "+name)
		return nil, false
	}
	expr, err := regexp.CompilePOSIX(strings.TrimSuffix(pattern, "/"))
	if err != nil { // fits nothing
		return nil, true
	}
	for _, m := range c.server.mailboxes {
		if expr.MatchString(m.Name) {
			found = append(found, m)
		}
	}
	return found, true
}

package amiclient

import (
	"fmt"
	"strconv"
	"strings"
)

// A Variable is one header, or with the name Content one line of the body, of
// a NOTIFY. Both are as the phone shall get them; Action escapes the value.
type Variable struct{ Name, Value string }

// PJSIPNotify asks res_pjsip_notify.so to send a NOTIFY. Exactly one of
// Endpoint, URI and Channel says to whom, and either Option or Variables says what.
type PJSIPNotify struct {
	Endpoint  string // the endpoint's name, without PJSIP/: a NOTIFY to every contact it has
	URI       string // a sip: or sips: URI; Asterisk needs default_outbound_endpoint for it
	Channel   string // a channel's name: the NOTIFY goes into the dialog of its call
	Option    string // a section of pjsip_notify.conf; Asterisk 18.16, 20.1 or later
	Variables []Variable
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the fields as they are.
func (n PJSIPNotify) Action() Action {
	a := Action{Name: "PJSIPNotify", Headers: make([]Header, 0, 2+len(n.Variables))}
	a.add("Endpoint", n.Endpoint)
	a.add("URI", n.URI)
	a.add("Channel", n.Channel)
	a.add("Option", n.Option)
	a.addVariables(n.Variables)
	return a
}

// SIPNotify asks chan_sip.so to send a NOTIFY; gone in Asterisk 21.
type SIPNotify struct {
	Channel   string // the peer's name, or host or ip[:port]; SIP/ before it is allowed
	CallID    string // sends inside the call's dialog of that Call-ID
	Variables []Variable
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the fields as they are.
func (n SIPNotify) Action() Action {
	a := Action{Name: "SIPnotify", Headers: make([]Header, 0, 2+len(n.Variables))}
	a.add("Channel", n.Channel)
	a.add("Call-ID", n.CallID)
	a.addVariables(n.Variables)
	return a
}

func (a *Action) add(name, value string) {
	if value != "" {
		a.Headers = append(a.Headers, Header{name, value})
	}
}

// addVariables puts each variable into a header of its own: of several in one
// header Asterisk takes no more than 63 apart.
func (a *Action) addVariables(variables []Variable) {
	for _, v := range variables {
		var b strings.Builder
		b.Grow(len(v.Name) + len(v.Value) + 8)
		// In a name the = is escaped too. Asterisk would still end the name
		// there; the escape lets Check see it.
		escape(&b, v.Name, `\",()[]=`)
		b.WriteByte('=')
		escape(&b, v.Value, `\",()[]`)
		a.Headers = append(a.Headers, Header{"Variable", b.String()})
	}
}

func escape(b *strings.Builder, s, special string) {
	for {
		i := strings.IndexAny(s, special)
		if i < 0 {
			b.WriteString(s)
			return
		}
		b.WriteString(s[:i])
		b.WriteByte('\\')
		b.WriteByte(s[i])
		s = s[i+1:]
	}
}

// maxItems is how many name=value items of one Variable header Asterisk takes
// apart; what follows stays one piece (main/app.c: __ast_app_separate_args
// with an array of 64).
const maxItems = 63

// An item is one name=value of a Variable header, as Asterisk reads it.
type item struct {
	name, value string
	equals      bool // there is a =; Asterisk drops an item without
	plainName   bool // the name was written without quotes and escapes
}

// items takes the value of a Variable header apart as Asterisk does
// (main/manager.c: man_do_variable_value). It appends at most maxItems+1 to found.
func items(found []item, value string) []item {
	if !strings.ContainsAny(value, `\",([`) {
		return append(found, newItem(value, len(value)))
	}
	cutArguments(value, maxItems, func(piece []byte, marks []int) {
		plain := len(piece)
		if len(marks) > 0 {
			plain = marks[0]
		}
		found = append(found, newItem(string(piece), plain))
	})
	return found
}

// newItem splits at the first =; up to plain the text was written as it is. The
// = must have been too: escaped, it belonged to a name that Asterisk would cut.
func newItem(text string, plain int) item {
	name, value, equals := strings.Cut(text, "=")
	return item{name, value, equals, len(name) < plain}
}

// variableSubject tells what a variable of that name is in the NOTIFY. What is
// no name may be part of a value, and is not shown.
func variableSubject(name string) (Field, string) {
	switch {
	case is(name, "Content"):
		return FieldContent, ""
	case is(name, "Content-Type"):
		return FieldContentType, ""
	case is(name, "Event"):
		return FieldEvent, ""
	case isToken(name):
		return FieldHeader, name
	}
	return FieldHeader, ""
}

// notify holds the rules of a SIPnotify or PJSIPNotify over the Variable
// headers as Asterisk will read them, however they are spelled
// (channels/chan_sip.c: manager_sipnotify; res/res_pjsip_notify.c).
func (c *checker) notify(kind kind, headers []Header) {
	var n notification
	for i, h := range headers {
		if is(h.Name, "Variable") {
			n.variables++
			c.variable(kind, &n, h.Value)
			continue
		}
		for _, earlier := range headers[:i] {
			if is(earlier.Name, h.Name) {
				field, name := kind.subject(h)
				c.refuse(field, name, "it is given twice; Asterisk would drop the second in silence", "Give it once.")
				break
			}
		}
		switch {
		case is(h.Name, "Channel"):
			n.channel, n.targets = true, n.targets+1
			c.channel(kind, h.Value)
		case is(h.Name, "Endpoint") && kind == kindPJSIPNotify:
			n.targets++
			c.endpoint(h.Value)
		case is(h.Name, "URI") && kind == kindPJSIPNotify:
			n.targets++
			if reason := uriFault(h.Value); reason != "" {
				c.refuse(FieldTarget, "", reason+"; Asterisk would answer Success and send nothing", "Write it as sip:user@host.")
			}
		case is(h.Name, "Option") && kind == kindPJSIPNotify:
			n.option = true
			if h.Value == "" || is(h.Value, "general") {
				c.refuse(FieldOption, "", "this is not the name of a message in pjsip_notify.conf", "Name one of its sections other than general.")
			}
		case is(h.Name, "Call-ID") && kind == kindSIPNotify:
			if strings.TrimLeft(h.Value, " \t") == "" {
				c.refuse(FieldCallID, "", "it is empty; Asterisk would send outside of any dialog", "Give the call's Call-ID or leave it out.")
			}
		default:
			c.refuse(FieldHeader, h.Name, "the action knows no such argument; Asterisk would ignore it in silence", "Put headers of the NOTIFY into variables.")
		}
	}
	c.whole(kind, &n)
}

// notification is what the headers of a SIPnotify or PJSIPNotify come to.
type notification struct {
	targets, variables              int
	channel, option                 bool
	events, types, contents, others int
	blank                           int // empty lines that the content begins with
}

// whole holds the rules on the NOTIFY as a whole.
func (c *checker) whole(kind kind, n *notification) {
	switch {
	case n.targets == 0:
		c.refuse(FieldTarget, "", "the NOTIFY has no target", "Say whom it is for.")
	case n.targets > 1:
		c.refuse(FieldTarget, "", "the NOTIFY has more than one of endpoint, URI and channel; Asterisk refuses that", "Use one of them.")
	}
	if n.option {
		if n.variables > 0 {
			c.refuse(FieldOption, "", "it cannot be combined with headers or content; Asterisk refuses that or drops them", "Use either the option or the message written out.")
		}
		if n.channel {
			c.refuse(FieldOption, "", "Asterisk ignores it in the dialog of a channel and sends a NOTIFY without Event", "Write the message out.")
		}
		return
	}
	switch {
	case n.events == 0:
		c.refuse(FieldEvent, "", "the NOTIFY has none; phones refuse it, and Asterisk does not say so", "Name the event package, for example check-sync.")
	case n.events > 1:
		c.refuse(FieldEvent, "", "the NOTIFY has more than one; chan_sip sends all of them, PJSIP only the first", "Keep one.")
	}
	switch {
	case n.types > 1:
		c.refuse(FieldContentType, "", "the NOTIFY has more than one", "Keep one.")
	case n.types == 1 && n.contents == 0:
		c.refuse(FieldContentType, "", "it is given without content; Asterisk would send pieces of its memory to the phone", "Add the content or leave the type out.")
	case n.types == 0 && n.contents > 0:
		c.refuse(FieldContent, "", "it is given without a content type; PJSIP drops such content in silence", "Add the content type.")
	}
	if n.blank > 0 && n.contents > 1 {
		c.refuse(FieldContent, "", "it begins with an empty line, which Asterisk drops in silence", "Let it begin with a line that is not empty.")
	}
	// chan_sip.c: add_header stops at SIP_MAX_HEADERS = 64, and 15 are its own:
	// Via, Max-Forwards, Route, From, To, Contact, Call-ID, CSeq, User-Agent,
	// Authorization, Date, Allow, Supported, Subscription-State, Content-Length.
	if count := n.events + n.types + n.others; kind == kindSIPNotify && count > 64-15 {
		c.refuse(FieldMessage, "", fmt.Sprintf("the NOTIFY has %d headers; chan_sip drops those beyond %d", count, 64-15), "Use fewer headers.")
	}
}

// variable checks the value of one Variable header and counts what is in it.
func (c *checker) variable(kind kind, n *notification, value string) {
	var few [4]item
	for i, item := range items(few[:0], value) {
		if i == maxItems {
			c.refuse(FieldMessage, "", fmt.Sprintf("a Variable line has more than %d items; Asterisk does not take the rest apart", maxItems), "Write each into a line of its own.")
			return
		}
		field, name := variableSubject(item.name)
		switch {
		case !item.equals:
			c.refuse(FieldHeader, "", "item "+strconv.Itoa(i+1)+" of a Variable line has no =; Asterisk drops it and sends the NOTIFY without", "Write name=value, and escape commas in values.")
			continue
		case !item.plainName || !isToken(item.name):
			c.refuse(FieldHeader, item.name, "this is not the name of a SIP header; Asterisk would cut it or send a broken message", "Use letters, digits and - only.")
			continue
		}
		switch field {
		case FieldContent:
			if item.value == "" && n.blank == n.contents {
				n.blank++
			}
			n.contents++
		case FieldContentType:
			n.types++
			if !isMediaType(item.value) {
				c.refuse(field, "", "it is not of the form type/subtype; a NOTIFY without the / crashes Asterisk 16 and leaks memory in later ones",
					"Write it as type/subtype, for example application/xml.")
			}
		case FieldEvent:
			n.events++
			if strings.Trim(item.value, " \t") == "" {
				c.refuse(field, "", "it is empty", "Name the event package, for example check-sync.")
			}
		default:
			n.others++
			if reason := reserved(kind, name); reason != "" {
				c.refuse(field, name, reason, "Leave it out.")
			}
		}
	}
}

// reserved tells why a header may not be given in a NOTIFY, or "".
func reserved(kind kind, name string) string {
	// Without regard to case. The first nine are those that res_pjsip_notify.c
	// ignores with a warning (not_allowed); chan_sip sends all of them twice.
	for _, own := range []string{"Call-ID", "Contact", "CSeq", "To", "From", "Record-Route", "Route", "Request-URI", "Via",
		"Content-Length", "Subscription-State", "Max-Forwards"} {
		if is(name, own) {
			return "Asterisk writes this header itself; another one would be ignored, sent twice or break the request"
		}
	}
	if len(name) == 1 {
		return "this is the compact form of a header (RFC 3261, 7.3.3), which passes Asterisk's own checks and can break the request"
	}
	if kind == kindSIPNotify {
		for _, own := range []string{"User-Agent", "Date", "Allow", "Supported"} {
			if is(name, own) {
				return "it is one that chan_sip writes itself, so that it would go out twice"
			}
		}
	}
	return ""
}

// isMediaType tells whether s begins with type/subtype and goes on, if at all,
// with parameters (RFC 3261, 25.1: media-type).
func isMediaType(s string) bool {
	s, _, _ = strings.Cut(s, ";")
	major, minor, ok := strings.Cut(strings.TrimRight(s, " \t"), "/")
	return ok && isToken(major) && isToken(minor)
}

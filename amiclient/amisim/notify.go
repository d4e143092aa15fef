package amisim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Notify is a NOTIFY as one virtual phone got it, at one of its contacts.
type Notify struct {
	Seq      uint64 // 1, 2, 3 … in order of arrival, over all phones
	Time     time.Time
	ActionID string // of the action it came by
	Phone    string
	Driver   string // "PJSIP" or "SIP", the channel driver that sent it
	Channel  string // of the call inside whose dialog it came, "" for none
	URI      string // the contact it went to
	Body     string
	Status   int  // SIP status of the phone's answer, 0 for none
	Reboots  bool // the phone does now what it asks for

	given       []Header // the headers of the action, in order, without what the server refused
	contentType string   // with PJSIP, which writes it behind everything else
	from        string   // the From user
	dialog      *dialog  // inside which it came, nil for none
	server      string   // its version, for User-Agent
}

// Unsent is a NOTIFY that the server answered with Success and never sent.
type Unsent struct {
	ActionID string
	Target   string
	Reason   string
}

// Crash is an action that would have harmed a real server: no client may ever send one.
type Crash struct {
	ActionID string
	Fatal    bool // the server died of it; if not, it sent some of its memory to the phone
	Reason   string
}

// Event returns the value of the NOTIFY's Event header, "" if it has none.
func (n *Notify) Event() string { return find(n.given, "Event") }

func find(headers []Header, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Headers returns all headers of the request, in the order of the wire: the server's own around those of the action.
func (n *Notify) Headers() []Header {
	call := fmt.Sprintf("sim-%d@127.0.0.1", n.Seq)
	tag := fmt.Sprintf(";tag=sim%d", n.Seq)
	cseq := fmt.Sprintf("%d NOTIFY", 100+n.Seq)
	agent := Header{"User-Agent", "Asterisk PBX " + n.server}
	branch, from, toTag, contact := tag[5:], n.from, "", n.from
	if n.Driver == "SIP" {
		from, contact = `"asterisk" <sip:asterisk@127.0.0.1:5060>`, "asterisk"
	} else {
		from = "<sip:" + from + "@127.0.0.1>"
	}
	if d := n.dialog; d != nil { // nobody has told the server who calls
		call, tag, toTag, cseq = d.callID, d.tag, ";tag=phone", fmt.Sprintf("%d NOTIFY", d.cseq+1)
		from, contact = `"Anonymous" <sip:anonymous@anonymous.invalid>`, "asterisk"
		if n.Driver == "SIP" {
			from, contact = `"Anonymous" <sip:anonymous@anonymous.invalid:5060>`, "anonymous"
		}
	}
	if n.Driver == "SIP" {
		list := []Header{
			{"Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK" + branch}, {"Max-Forwards", "70"},
			{"From", from + tag}, {"To", "<" + n.URI + ">" + toTag},
			{"Contact", "<sip:" + contact + "@127.0.0.1:5060>"}, {"Call-ID", call}, {"CSeq", cseq}, agent,
			{"Date", n.Time.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
			{"Allow", "INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE"},
			{"Supported", "replaces, timer"}, {"Subscription-State", "terminated"},
		}
		return append(append(list, n.given...), Header{"Content-Length", fmt.Sprint(len(n.Body))})
	}
	to := n.URI
	if user, hostPort, found := strings.Cut(to, "@"); found {
		to = user + "@" + strings.FieldsFunc(hostPort, func(r rune) bool { return r == ':' || r == ';' })[0]
	}
	list := []Header{
		{"Via", "SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKPj" + branch}, {"From", from + tag},
		{"To", "<" + to + ">" + toTag}, {"Contact", "<sip:" + contact + "@127.0.0.1:5060>"}, {"Call-ID", call}, {"CSeq", cseq},
		{"Subscription-State", "terminated"},
	}
	list = append(list, n.given...)
	for _, h := range []Header{{"Max-Forwards", "70"}, agent} { // yours replace the server's
		if !slices.ContainsFunc(n.given, func(g Header) bool { return strings.EqualFold(g.Name, h.Name) }) {
			list = append(list, h)
		}
	}
	if n.contentType == "" {
		return append(list, Header{"Content-Length", " 0"})
	}
	return append(list, Header{"Content-Type", n.contentType}, Header{"Content-Length", fmt.Sprintf("%5d", len(n.Body))})
}

// content is what a NOTIFY says, made of the variables of an action.
type content struct {
	headers          []Header
	contentType      string
	body             string
	hasType, hasBody bool
}

// addBody appends a line to the body. An empty line adds nothing while the body is empty, so bodies cannot begin with one.
func (m *content) addBody(line string) {
	if m.body != "" {
		m.body += "\r\n"
	}
	m.body += line
	m.hasBody = true
}

// refused are the headers that PJSIPNotify drops with a warning in the log (res/res_pjsip_notify.c: not_allowed).
var refused = []string{"call-id", "contact", "cseq", "to", "from", "record-route", "route", "request-uri", "via"}

// pjsipContent sorts variables into headers and body (res/res_pjsip_notify.c: build_notify). option: they come from
// pjsip_notify.conf, where Content-Length is a header like any other.
func pjsipContent(vars []Header, option bool) *content {
	m := &content{headers: make([]Header, 0, len(vars))}
	for _, v := range vars {
		switch name := strings.ToLower(v.Name); {
		case name == "content-length" && !option, slices.Contains(refused, name):
		case name == "content-type":
			m.contentType, m.hasType = v.Value, true
		case name == "content":
			m.addBody(v.Value)
		case name == "event" && slices.ContainsFunc(m.headers, func(h Header) bool { return strings.EqualFold(h.Name, "Event") }):
		default:
			m.headers = append(m.headers, v)
		}
	}
	return m
}

// harm says how a NOTIFY would harm a real server, "" if it would not (build_notify_body: fields of a structure on the
// stack are used unset).
func (m *content) harm() string {
	switch {
	case m.hasType && !strings.Contains(m.contentType, "/"):
		return "Content-Type without \"/\""
	case m.hasType && !m.hasBody:
		return "Content-Type without Content"
	}
	return ""
}

// settle gives a harmful NOTIFY the look it has at the phone, and drops a body that has no type.
func (m *content) settle() {
	switch {
	case m.harm() != "":
		m.body = "(memory of the server)"
	case !m.hasType:
		m.body, m.contentType = "", ""
	}
}

// main/manager.c would call it; res/res_pjsip_notify.c: manager_notify.
func (c *session) runPJSIPNotify(r *request) {
	s, v := c.server, c.server.config.Version
	endpoint, uri, inside := r.get("Endpoint"), r.get("URI"), r.get("Channel")
	var vars []Header
	fromOption := false
	if v.NotifyOption {
		option, first := r.get("Option"), r.get("Variable")
		if (option == "") == (first == "") {
			c.fail(r, "PJSIPNotify requires either an Option or Variable(s).You must use only one of them.")
			return
		}
		fromOption = option != ""
	}
	given := 0
	for _, target := range []string{endpoint, uri, inside} {
		if target != "" {
			given++
		}
	}
	switch {
	case given > 1:
		c.fail(r, "PJSIPNotify requires either an endpoint name, a SIP URI, or a channel.  You must use only one of them.")
		return
	case given == 0:
		c.fail(r, "PJSIPNotify requires either an endpoint name, a SIP URI, or a channel.")
		return
	}
	var ch *channel
	if inside != "" {
		s.mu.Lock()
		ch = s.channel(inside)
		s.mu.Unlock()
		if ch == nil || ch.dialog == nil || ch.dialog.driver != "PJSIP" {
			c.fail(r, "Channel not found")
			return
		}
	}
	if fromOption && ch == nil { // inside a call it is ignored
		section, found := s.notifyOption(r.get("Option"))
		if !found {
			c.fail(r, "Unable to find notify type '"+r.get("Option")+"'\n")
			return
		}
		vars = section
	} else {
		vars = r.variables()
	}
	name := trimPrefixFold(trimPrefixFold(endpoint, "sip/"), "pjsip/")
	if endpoint != "" && !s.knows(name) {
		c.fail(r, "Unable to retrieve endpoint "+name)
		return
	}
	m := pjsipContent(vars, fromOption)
	id := r.get("ActionID")
	c.ack(r, "NOTIFY sent")
	if why := m.harm(); why != "" {
		fatal := v.SlashlessCrash && !strings.Contains(m.contentType, "/")
		s.harmed(Crash{ActionID: id, Fatal: fatal, Reason: why})
		if fatal {
			return
		}
	}
	m.settle()
	switch {
	case ch != nil:
		s.sendInDialog(id, ch, m)
	case endpoint != "":
		s.send(id, "PJSIP", name, name, m)
	default:
		s.sendURI(id, uri, m)
	}
}

// main/manager.c would call it; channels/chan_sip.c: manager_sipnotify.
func (c *session) runSIPnotify(r *request) {
	target := r.get("Channel")
	if target == "" {
		c.fail(r, "SIPNotify requires a channel name")
		return
	}
	s, m := c.server, new(content)
	var ch *channel
	var name string
	if callID := r.get("Call-ID"); callID != "" {
		s.mu.Lock()
		if ch = s.called(callID); ch != nil {
			m.body = ch.dialog.body
		}
		s.mu.Unlock()
		if ch == nil {
			c.fail(r, "Call-ID not found")
			return
		}
	} else {
		var known bool
		if name, known = s.peer(trimPrefixFold(target, "sip/")); !known {
			c.fail(r, "Could not create address")
			return
		}
	}
	for _, v := range r.variables() {
		switch strings.ToLower(v.Name) {
		case "content":
			m.addBody(v.Value)
		case "content-length":
		default:
			m.headers = append(m.headers, v)
		}
	}
	c.ack(r, "Notify Sent")
	if ch == nil {
		s.send(r.get("ActionID"), "SIP", name, name, m)
		return
	}
	s.mu.Lock()
	ch.dialog.body = m.body
	s.mu.Unlock()
	s.sendInDialog(r.get("ActionID"), ch, m)
}

func trimPrefixFold(s, prefix string) string {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):]
	}
	return s
}

func (s *Server) notifyOption(name string) ([]Header, bool) {
	for section, headers := range s.config.NotifyOptions {
		if strings.EqualFold(section, name) && !strings.EqualFold(name, "general") {
			return headers, true
		}
	}
	return nil, false
}

func (s *Server) knows(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phones[name] != nil
}

// peer finds whom SIPnotify's Channel means: a registered peer by its name, or whoever is at that address and port. Other
// names would be looked up in the DNS (create_addr); none is found there.
func (s *Server) peer(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.phones[name]; p != nil {
		return name, len(p.contacts) > 0
	}
	if host, port := address("sip:" + name); strings.Contains(host, ".") && !strings.Contains(name, "@") {
		for _, other := range s.names {
			for _, n := range s.phones[other].contacts {
				if h, p := address(n.uri); h == host && p == port {
					return other, true
				}
			}
		}
	}
	return "", false
}

func (s *Server) harmed(crash Crash) {
	s.mu.Lock()
	s.crashes = append(s.crashes, crash)
	s.mu.Unlock()
	if crash.Fatal {
		// The answer still leaves; the worker thread dies a moment later.
		s.after(5*time.Millisecond, s.crash)
	}
}

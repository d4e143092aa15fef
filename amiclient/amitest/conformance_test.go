package amitest

import (
	"bufio"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// dialogue is a row of the table: bytes sent on a fresh connection, and what must come of it. In send and want a "\n"
// stands for CR LF and "␊" for a bare LF; between « and » want has a regular expression.
type dialogue struct {
	name string
	only int    // run against this major version alone
	user string // logs in first as this user; default UserFull; "-": nobody
	mask string // of its events; default "off"
	send string
	raw  string // like send, but literally

	want   string // the whole answer
	want16 string // … where the versions differ
	want22 string
	ends   bool // the server closes the connection after its answer

	// events come as well, in any order, before the answer or after it. With them, mask is only of what they need: events
	// that no pattern fits, and that are no list items, are passed over.
	events []string
	never  []string // … and these must not come before the last of them

	has    []string // instead of want: parts that the answer must have, …
	hasNot []string // … and parts it must not have

	// gets are the NOTIFYs that the phone receives, in any order, in the form of showNotify.
	gets   []string
	gets16 []string
	gets22 []string
}

func TestConformance(t *testing.T) {
	eachPBX(t, func(t *testing.T, p *pbx) {
		for _, d := range slices.Concat(framing, logins, rights, masks, userEvents, filters, modulesLoaded, lists, pjsipNotify, sipNotify, cutting, calls) {
			if d.only == 0 || d.only == p.major {
				t.Run(d.name, func(t *testing.T) { p.run(t, d) })
			}
		}
		t.Run("MD5 login", func(t *testing.T) { p.md5Login(t) })
		t.Run("registration", func(t *testing.T) { p.registration(t) })
		t.Run("channels", func(t *testing.T) { p.channels(t) })
		t.Run("taken id", func(t *testing.T) { p.takenID(t) })
		t.Run("call", func(t *testing.T) { p.call(t) })
		if p.major == 16 {
			t.Run("call by chan_sip", func(t *testing.T) { p.callSIP(t) })
		}
		t.Run("pipelining", func(t *testing.T) { p.pipelining(t) })
		// A NOTIFY that no dialogue expected and that came late would be here, together with this one.
		p.run(t, dialogue{send: notify("Endpoint: 1001", "Event=last"), want: sent, gets: []string{pj("1001", "Event: last")}})
	})
}

// lastID marks the action with which each dialogue ends, so that the end of the answer is seen without waiting.
const lastID = "end-of-dialogue"

func (p *pbx) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatalf("greeting: %v", err)
	}
	return conn, r
}

func (p *pbx) run(t *testing.T, d dialogue) {
	conn, r := p.dial(t)
	if d.user == "" {
		d.user = UserFull
	}
	if d.mask == "" {
		d.mask = "off"
	}
	if d.user != "-" {
		fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: %s\r\n\r\n", d.user, Secret, d.mask)
		answer := readMessage(t, r)
		if !strings.HasPrefix(answer, "Response: Success\r\n") {
			t.Fatalf("login: %q", answer)
		}
		if strings.Contains(d.mask, "system") {
			readMessage(t, r) // FullyBooted
		}
	}
	send := strings.NewReplacer("\n", "\r\n", "PHONE", p.phone).Replace(d.send) + d.raw
	if !d.ends {
		send += "Action: Ping\r\nActionID: " + lastID + "\r\n\r\n"
	}
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	var answer string
	if d.events == nil {
		answer = readAnswer(t, r, d.ends)
	} else {
		nudge(t, conn)
		answer = p.readEvents(t, r, d.events, d.never)
	}
	p.checkAnswer(t, d, answer)

	gets := d.gets
	if p.major == 16 && d.gets16 != nil {
		gets = d.gets16
	}
	if p.major == 22 && d.gets22 != nil {
		gets = d.gets22
	}
	requests := p.received(t, len(gets))
	got := make([]string, len(requests))
	for i := range requests {
		got[i] = p.showNotify(&requests[i])
	}
	want := slices.Sorted(slices.Values(gets))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the phone got\n\t%q\nwant\n\t%q", got, want)
	}
}

func (p *pbx) checkAnswer(t *testing.T, d dialogue, answer string) {
	t.Helper()
	want := d.want
	if p.major == 16 && d.want16 != "" {
		want = d.want16
	}
	if p.major == 22 && d.want22 != "" {
		want = d.want22
	}
	if d.has == nil && d.hasNot == nil {
		want = strings.NewReplacer("\n", "\r\n", "␊", "\n", "VERSION", p.version, "PHONE", p.phone).Replace(want)
		if !pattern(want).MatchString(answer) {
			t.Errorf("answer\n\t%q\nwant\n\t%q", answer, want)
		}
	}
	wire := func(s string) string {
		return strings.NewReplacer("\n", "\r\n", "VERSION", p.version, "PHONE", p.phone).Replace(s)
	}
	for _, part := range d.has {
		if !strings.Contains(answer, wire(part)) {
			t.Errorf("answer lacks %q:\n%s", wire(part), answer)
		}
	}
	for _, part := range d.hasNot {
		if strings.Contains(answer, wire(part)) {
			t.Errorf("answer has %q:\n%s", wire(part), answer)
		}
	}
}

// pattern compiles a text with «regular expressions» in it.
func pattern(text string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^(?s)`)
	for text != "" {
		literal, rest, _ := strings.Cut(text, "«")
		b.WriteString(regexp.QuoteMeta(literal))
		var expr string
		expr, text, _ = strings.Cut(rest, "»")
		b.WriteString(expr)
	}
	return regexp.MustCompile(b.String() + `$`)
}

// readMessage reads up to a blank line.
func readMessage(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			t.Fatalf("after %q: %v", b.String(), err)
		}
		if line != "\r\n" {
			continue
		}
		if !isNudge(b.String()) {
			return b.String()
		}
		b.Reset()
	}
}

// readAnswer reads up to the answer to the closing Ping, without it, or, if the server is to hang up, to the end.
func readAnswer(t *testing.T, r *bufio.Reader, ends bool) string {
	t.Helper()
	if ends {
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("after %q: %v", text, err)
		}
		return string(text)
	}
	var b strings.Builder
	for {
		m := readMessage(t, r)
		if strings.Contains(m, "ActionID: "+lastID+"\r\n") {
			return b.String()
		}
		b.WriteString(m)
	}
}

// readEvents reads up to the answer to the closing Ping and until all events have come, whichever is later, and returns
// the answer without any events. None of never may come.
func (p *pbx) readEvents(t *testing.T, r *bufio.Reader, events, never []string) string {
	t.Helper()
	var answer strings.Builder
	waiting := slices.Clone(events)
	ended := false
	defer func() {
		if t.Failed() {
			t.Logf("the closing Ping was answered: %v; the answer until then: %q; events that did not come: %q", ended, answer.String(), waiting)
		}
	}()
	for !ended || len(waiting) > 0 {
		m := readMessage(t, r)
		switch {
		case strings.Contains(m, "ActionID: "+lastID+"\r\n"):
			ended = true
		case !strings.HasPrefix(m, "Event: ") || !strings.Contains(m, "\r\nPrivilege: "):
			answer.WriteString(m)
		default:
			fits := func(e string) bool { return pattern(strings.ReplaceAll(e, "\n", "\r\n")).MatchString(m) }
			if i := slices.IndexFunc(waiting, fits); i >= 0 {
				waiting = slices.Delete(waiting, i, i+1)
			}
			if slices.ContainsFunc(never, fits) {
				t.Errorf("this came: %q", m)
			}
		}
	}
	return answer.String()
}

// showNotify writes a NOTIFY for comparing: the request's user (or host), then all headers in the order of the wire, of
// those that differ each time the name alone, then the body behind "||".
func (p *pbx) showNotify(r *Request) string {
	lines := []string{strings.ReplaceAll(r.URI, p.phone, "PHONE")}
	for _, h := range r.Headers {
		switch h.Name {
		case "Via", "From", "To", "Contact", "Call-ID", "CSeq", "Date", "Allow":
			lines = append(lines, h.Name)
		default:
			lines = append(lines, h.Name+": "+strings.ReplaceAll(h.Value, p.version, "VERSION"))
		}
	}
	text := strings.Join(lines, "|")
	if len(r.Body) > 0 {
		text += "||" + string(r.Body)
	}
	return text
}

// pj is showNotify of a NOTIFY by PJSIPNotify that has these headers of its own.
func pj(user string, headers ...string) string {
	return pjWith(user, headers, "Max-Forwards: 70", "User-Agent: Asterisk PBX VERSION", "Content-Length:  0")
}

// pjBody is pj with a body.
func pjBody(user, contentType, body string, headers ...string) string {
	return pjWith(user, headers, "Max-Forwards: 70", "User-Agent: Asterisk PBX VERSION", "Content-Type: "+contentType,
		fmt.Sprintf("Content-Length: %5d", len(body))) + "||" + body
}

func pjWith(user string, headers []string, end ...string) string {
	return strings.Join(slices.Concat([]string{"sip:" + user + "@PHONE", "Via", "From", "To", "Contact", "Call-ID", "CSeq",
		"Subscription-State: terminated"}, headers, end), "|")
}

// sip is showNotify of a NOTIFY by SIPnotify to a peer with a fixed address.
func sip(body string, headers ...string) string {
	text := strings.Join(slices.Concat([]string{"sip:PHONE", "Via", "Max-Forwards: 70", "From", "To", "Contact", "Call-ID", "CSeq",
		"User-Agent: Asterisk PBX VERSION", "Date", "Allow", "Supported: replaces, timer", "Subscription-State: terminated"},
		headers, []string{fmt.Sprint("Content-Length: ", len(body))}), "|")
	if body != "" {
		text += "||" + body
	}
	return text
}

func (p *pbx) md5Login(t *testing.T) {
	for _, c := range []struct{ name, format, want string }{
		{"right", "%x", "Response: Success\r\nActionID: 2\r\nMessage: Authentication accepted\r\n\r\n"},
		{"upper-case digits", "%X", "Response: Error\r\nActionID: 2\r\nMessage: Authentication failed\r\n\r\n"},
	} {
		conn, r := p.dial(t)
		io.WriteString(conn, "Action: Challenge\r\nActionID: 1\r\nAuthType: md5\r\n\r\n")
		answer := readMessage(t, r)
		match := regexp.MustCompile(`^Response: Success\r\nActionID: 1\r\nChallenge: (\d{1,10})\r\n\r\n$`).FindStringSubmatch(answer)
		if match == nil {
			t.Fatalf("challenge: %q", answer)
		}
		fmt.Fprintf(conn, "Action: Login\r\nActionID: 2\r\nAuthType: MD5\r\nUsername: %s\r\nKey: "+c.format+"\r\nEvents: off\r\n\r\n",
			UserFull, md5.Sum([]byte(match[1]+Secret)))
		// The digits of a sum may happen to be all decimal, with which upper case is right as well: once in 3 million.
		if answer := readMessage(t, r); answer != c.want {
			t.Errorf("%s: answer %q, want %q", c.name, answer, c.want)
		}
	}
}

// registration has a phone come and go, and looks at the events, the lists and the NOTIFYs of it.
func (p *pbx) registration(t *testing.T) {
	conn, r := p.dial(t)
	fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: system,call,security\r\n\r\n", UserMinimal, Secret)
	readMessage(t, r)
	nudge(t, conn)
	// The order of events of one cause is not fixed, and others may come between them.
	await := func(events ...string) {
		t.Helper()
		for len(events) > 0 {
			m := strings.ReplaceAll(readMessage(t, r), p.phone, "PHONE")
			events = slices.DeleteFunc(events, func(e string) bool {
				return pattern(strings.ReplaceAll(e, "\n", "\r\n")).MatchString(m)
			})
		}
	}
	const (
		authenticated = "Event: SuccessfulAuth\nPrivilege: security,all\nEventTV: «[^\r]*»\nSeverity: Informational\nService: PJSIP\nEventVersion: 1\n" +
			"AccountID: dynamic\nSessionID: «[^\r]*»\nLocalAddress: IPV4/UDP/127.0.0.1/«\\d+»\nRemoteAddress: IPV4/UDP/127.0.0.1/«\\d+»\nUsingPassword: 1\n\n"
		peer    = "Event: PeerStatus\nPrivilege: system,all\nChannelType: PJSIP\nPeer: PJSIP/dynamic\nPeerStatus: %s\n\n"
		contact = "Event: ContactStatus\nPrivilege: system,all\nURI: sip:dynamic@PHONE\nContactStatus: %s\nAOR: dynamic\nEndpointName: dynamic\nRoundtripUsec: 0\n\n"
		device  = "Event: DeviceStateChange\nPrivilege: call,all\nDevice: PJSIP/dynamic\nState: %s\n\n"
	)
	p.register(t, true)
	await(authenticated, fmt.Sprintf(peer, "Reachable"), fmt.Sprintf(contact, "NonQualified"), fmt.Sprintf(device, "NOT_INUSE"))
	p.run(t, dialogue{send: notify("Endpoint: dynamic", "Event=e"), want: sent, gets: []string{pj("dynamic", "Event: e")}})
	p.run(t, dialogue{send: "Action: PJSIPShowContacts\n\n", has: []string{
		"Response: Success\nEventList: start\nMessage: A listing of Contacts follows, presented as ContactList events\n\nEvent: ContactList\nObjectType: contact\n",
		fmt.Sprintf("\nObjectName: dynamic;@%x\n", md5.Sum([]byte("sip:dynamic@"+p.phone))), "\nEndpoint: dynamic\n", "\nUri: sip:dynamic@PHONE\n",
		"\nUserAgent: Test Phone 1.0\n", "\nStatus: NonQualified\nRoundtripUsec: N/A\n\nEvent: ContactListComplete\nEventList: Complete\nListItems: 1\n\n"}})
	p.run(t, dialogue{send: "Action: PJSIPShowEndpoint\nEndpoint: dynamic\n\n", has: []string{
		"\n\nEvent: AuthDetail\nObjectType: auth\nObjectName: dynamic\n", "\nPassword: pw\n", "\nContacts: dynamic/sip:dynamic@PHONE\n",
		"\nTotalContacts: 1\nContactsRegistered: 1\n", "\nUserAgent: Test Phone 1.0\n", "\nListItems: 4\n"}})
	p.register(t, false)
	await(authenticated, fmt.Sprintf(peer, "Unreachable"), fmt.Sprintf(contact, "Removed"), fmt.Sprintf(device, "UNAVAILABLE"))
	p.run(t, dialogue{send: notify("Endpoint: dynamic", "Event=e"), want: sent})
}

// pipelining writes 200 actions of several kinds at once: all are answered, in order, and each NOTIFY arrives once.
func (p *pbx) pipelining(t *testing.T) {
	conn, r := p.dial(t)
	fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: off\r\n\r\n", UserFull, Secret)
	readMessage(t, r)
	var b strings.Builder
	for i := range 200 {
		text := []string{"Ping", "PJSIPNotify\nEndpoint: 1001\nVariable: Event=n%d", "UserEvent\nUserEvent: n%d", "Nonsense"}[i%4]
		if strings.Contains(text, "%d") {
			text = fmt.Sprintf(text, i)
		}
		b.WriteString(strings.ReplaceAll(fmt.Sprintf("Action: %s\nActionID: %d\n\n", text, i), "\n", "\r\n"))
	}
	io.WriteString(conn, b.String())
	for i := range 200 {
		answer := readMessage(t, r)
		if !strings.Contains(answer, fmt.Sprintf("\r\nActionID: %d\r\n", i)) {
			t.Fatalf("answer %d is %q", i, answer)
		}
	}
	events := make(map[string]int)
	for _, request := range p.received(t, 50) {
		event, _ := request.Get("Event")
		events[event]++
	}
	for i := 1; i < 200; i += 4 {
		if n := events[fmt.Sprint("n", i)]; n != 1 {
			t.Errorf("NOTIFY %d arrived %d times", i, n)
		}
	}
	if len(events) != 50 {
		t.Errorf("%d different NOTIFYs arrived, want 50", len(events))
	}
}

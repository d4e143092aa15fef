package amitest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// says runs a row whose answer has lines that only one version has: they begin with the number and a bar.
func (p *fleet) says(t *testing.T, send, want string) {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(want) {
		if number, rest, found := strings.Cut(line, "|"); found && (number == "16" || number == "22") {
			if number != fmt.Sprint(p.major) {
				continue
			}
			line = rest
		}
		b.WriteString(line)
	}
	p.run(t, dialogue{send: send, want: b.String()})
}

// TestConformance_fleet has phones register, go silent and come back, and looks at events and lists.
func TestConformance_fleet(t *testing.T) {
	eachFleet(t, func(t *testing.T, p *fleet) {
		for _, d := range slices.Concat(fleetRows, mailboxRows) {
			if d.only == 0 || d.only == p.major {
				t.Run(d.name, func(t *testing.T) { p.run(t, d) })
			}
		}
		t.Run("all headers", func(t *testing.T) { p.allHeaders(t) })
		t.Run("unqualified", func(t *testing.T) { p.unqualified(t) })
		t.Run("qualified", func(t *testing.T) { p.qualified(t) })
		if p.major == 16 {
			t.Run("chan_sip", func(t *testing.T) { p.peer(t) })
		} else {
			t.Run("messages", func(t *testing.T) { p.messageWaiting(t) })
		}
		t.Run("single", func(t *testing.T) { p.single(t) }) // at the end: events may follow it
	})
}

// session is one that listens while phones come and go.
type session struct {
	t    *testing.T
	p    *fleet
	conn net.Conn
	in   *bufio.Reader
	may  []string // events that may come at any time
}

func (p *fleet) listen(t *testing.T, mask string) *session {
	t.Helper()
	conn, in := p.dial(t)
	fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: %s\r\n\r\n", UserFull, Secret, mask)
	if answer := readMessage(t, in); !strings.HasPrefix(answer, "Response: Success\r\n") {
		t.Fatalf("login: %q", answer)
	}
	nudge(t, conn)
	return &session{t: t, p: p, conn: conn, in: in}
}

func (s *session) send(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.conn, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		s.t.Fatal(err)
	}
}

// tells reads events until all of these have come, in any order, since that is not fixed. Others must not come, but for
// some that tell nothing of phones, or that the simulator knows nothing of.
func (s *session) tells(events ...string) {
	s.t.Helper()
	for len(events) > 0 {
		m := strings.NewReplacer(s.p.phones[0], "PHONE0", s.p.phones[1], "PHONE1").Replace(readMessage(s.t, s.in))
		fits := func(e string) bool { return pattern(strings.ReplaceAll(e, "\n", "\r\n")).MatchString(m) }
		i := slices.IndexFunc(events, fits)
		switch {
		case i < 0 && slices.ContainsFunc(s.may, fits):
		case i >= 0:
			events = slices.Delete(events, i, i+1)
		case strings.Contains(m, "\r\nService: AMI\r\n"), strings.HasPrefix(m, "Event: ChallengeSent\r\n"), strings.HasPrefix(m, "Event: ExtensionStatus\r\n"),
			strings.HasPrefix(m, "Event: FullyBooted\r\n"):
		default:
			s.t.Fatalf("got %q\nwhile waiting for %q", m, events)
		}
	}
}

func authenticated(service, endpoint string) string {
	session := map[string]string{"PJSIP": "«[^\r]+»", "SIP": "0x«[0-9a-f]+»"}[service]
	return "Event: SuccessfulAuth\nPrivilege: security,all\nEventTV: «[^\r]*»\nSeverity: Informational\nService: " + service + "\nEventVersion: 1\nAccountID: " + endpoint +
		"\nSessionID: " + session + "\nLocalAddress: IPV4/UDP/127.0.0.1/«\\d+»\nRemoteAddress: IPV4/UDP/127.0.0.1/«\\d+»\nUsingPassword: 1\n\n"
}

func peerStatus(driver, endpoint, status string) string {
	return "Event: PeerStatus\nPrivilege: system,all\nChannelType: " + driver + "\nPeer: " + driver + "/" + endpoint + "\nPeerStatus: " + status + "\n\n"
}

func deviceState(device, state string) string {
	return "Event: DeviceStateChange\nPrivilege: call,all\nDevice: " + device + "\nState: " + state + "\n\n"
}

func contactStatus(endpoint string, phone int, status string) string {
	usec := "0"
	if status == "Reachable" {
		usec = "«[1-9]\\d*»"
	}
	return fmt.Sprintf("Event: ContactStatus\nPrivilege: system,all\nURI: sip:%s@PHONE%d\nContactStatus: %s\nAOR: %[1]s\nEndpointName: %[1]s\nRoundtripUsec: %[4]s\n\n",
		endpoint, phone, status, usec)
}

// contactList and contactDetail are items of lists; a line that only one version has begins with its number and a bar.
func contactList(endpoint, status, usec, frequency, timeout string) string {
	return "Event: ContactList\nObjectType: contact\nObjectName: " + endpoint + ";@«[0-9a-f]{32}»\nViaAddr: 127.0.0.1\nQualifyTimeout: " + timeout + "000\n22|Qualify2xxOnly: false\n" +
		"CallId: «[^\r]+»\nRegServer: \nPruneOnBoot: no\nPath: \nEndpoint: " + endpoint + "\nViaPort: «\\d+»\nAuthenticateQualify: no\nUri: sip:" + endpoint + "@PHONE\n" +
		"QualifyFrequency: " + frequency + "\nUserAgent: Test Phone 1.0\nExpirationTime: «\\d{10}»\nOutboundProxy: \nStatus: " + status + "\nRoundtripUsec: " + usec + "\n\n"
}

func contactDetail(endpoint, status, usec, frequency, timeout string) string {
	return "Event: ContactStatusDetail\nAOR: " + endpoint + "\nURI: sip:" + endpoint + "@PHONE\nUserAgent: Test Phone 1.0\nRegExpire: «\\d{10}»\nViaAddress: PHONE\nCallID: «[^\r]+»\n" +
		"Status: " + status + "\nRoundtripUsec: " + usec + "\nEndpointName: " + endpoint + "\nID: " + endpoint + ";@«[0-9a-f]{32}»\nAuthenticateQualify: 0\nOutboundProxy: \nPath: \n" +
		"QualifyFrequency: " + frequency + "\nQualifyTimeout: " + timeout + "\n22|Qualify2xxOnly: 0\n\n"
}

// shows compares all lists in which the contact of an endpoint is.
func (p *fleet) shows(t *testing.T, endpoint, state, status, usec, frequency, timeout string) {
	t.Helper()
	p.says(t, "Action: PJSIPShowContacts\n\n", "Response: Success\nEventList: start\nMessage: A listing of Contacts follows, presented as ContactList events\n\n"+
		contactList(endpoint, status, usec, frequency, timeout)+"Event: ContactListComplete\nEventList: Complete\nListItems: 1\n\n")
	detail := contactDetail(endpoint, status, usec, frequency, timeout)
	p.says(t, "Action: PJSIPShowRegistrationInboundContactStatuses\n\n",
		"Response: Success\nEventList: start\nMessage: Following are ContactStatusEvents for each Inbound registration\n\n"+
			detail+"Event: ContactStatusDetailComplete\nEventList: Complete\nListItems: 1\n\n")
	p.says(t, "Action: PJSIPShowEndpoint\nEndpoint: pjsip/"+endpoint+"\n\n",
		"Response: Success\nEventList: start\nMessage: Following are Events for each object associated with the Endpoint\n\n"+
			"Event: EndpointDetail\nObjectType: endpoint\nObjectName: "+endpoint+"\n«.*»\nDeviceState: "+state+"\n16|ActiveChannels: \n22|ActiveChannels: 0\n\n"+
			"Event: AuthDetail\n«.*»Event: AorDetail\n«.*»\nContacts: "+endpoint+"/sip:"+endpoint+"@PHONE\n«.*»\nTotalContacts: 1\nContactsRegistered: 1\n«.*»"+
			detail+"Event: EndpointDetailComplete\nEventList: Complete\nListItems: 4\n\n")
	p.run(t, dialogue{send: "Action: PJSIPShowEndpoints\n\n", has: []string{"\nObjectName: " + endpoint + "\nTransport: \nAor: " + endpoint + "\nAuths: " + endpoint +
		"\nOutboundAuths: \nContacts: " + endpoint + "/sip:" + endpoint + "@PHONE,\nDeviceState: " + state + "\nActiveChannels: "}})
}

// unqualified is the life of a contact whose AOR has no qualify_frequency: PJSIPQualify changes nothing.
func (p *fleet) unqualified(t *testing.T) {
	s := p.listen(t, "system,call,security")
	p.register(t, 0, "PJSIP", EndpointDynamic, true)
	s.tells(authenticated("PJSIP", EndpointDynamic), contactStatus(EndpointDynamic, 0, "NonQualified"), peerStatus("PJSIP", EndpointDynamic, "Reachable"),
		deviceState("PJSIP/dynamic", "NOT_INUSE"))
	p.shows(t, EndpointDynamic, "Not in use", "NonQualified", "N/A", "0", "3.000")
	s.send("Action: PJSIPQualify\nEndpoint: dynamic\n\n")
	s.tells("Response: Success\nMessage: Endpoint found, will qualify\n\n")
	p.register(t, 0, "PJSIP", EndpointDynamic, true) // the OPTIONS has been answered when this is
	s.tells(authenticated("PJSIP", EndpointDynamic))
	p.shows(t, EndpointDynamic, "Not in use", "NonQualified", "N/A", "0", "3.000")
	p.register(t, 0, "PJSIP", EndpointDynamic, false)
	s.tells(authenticated("PJSIP", EndpointDynamic), contactStatus(EndpointDynamic, 0, "Removed"), peerStatus("PJSIP", EndpointDynamic, "Unreachable"),
		deviceState("PJSIP/dynamic", "UNAVAILABLE"))
	p.run(t, dialogue{send: "Action: PJSIPShowContacts\nActionID: n\n\n", want: "Response: Error\nActionID: n\nMessage: No Contacts found␊\n\n"})
}

// qualified is the life of contacts that are asked, two of them for a while.
func (p *fleet) qualified(t *testing.T) {
	const e, device, found = EndpointQualified, "PJSIP/qualified", "Response: Success\nMessage: Endpoint found, will qualify\n\n"
	auth := authenticated("PJSIP", e)
	s := p.listen(t, "system,call,security")
	qualify := func() { s.send("Action: PJSIPQualify\nEndpoint: qualified\n\n") }

	p.register(t, 0, "PJSIP", e, true)
	s.tells(auth, contactStatus(e, 0, "NonQualified"), peerStatus("PJSIP", e, "Reachable"), contactStatus(e, 0, "Reachable"), deviceState(device, "NOT_INUSE"))
	p.shows(t, e, "Not in use", "Reachable", "«[1-9]\\d*»", "3600", "2.000")
	qualify()
	s.tells(found)
	p.register(t, 0, "PJSIP", e, true) // no event but this tells of a refresh, or of a reboot on the same port
	s.tells(auth)

	p.reachable(0, false)
	qualify()
	s.tells(found, peerStatus("PJSIP", e, "Unreachable"), contactStatus(e, 0, "Unreachable"), deviceState(device, "UNAVAILABLE"))
	p.shows(t, e, "Unavailable", "Unreachable", "N/A", "3600", "2.000")
	p.reachable(0, true)
	qualify()
	s.tells(found, peerStatus("PJSIP", e, "Reachable"), contactStatus(e, 0, "Reachable"), deviceState(device, "NOT_INUSE"))

	// A second contact changes nothing for the endpoint as a whole, nor does the end of the first.
	p.register(t, 1, "PJSIP", e, true)
	s.tells(auth, contactStatus(e, 1, "NonQualified"), contactStatus(e, 1, "Reachable"))
	p.register(t, 0, "PJSIP", e, false)
	s.tells(auth, contactStatus(e, 0, "Removed"))
	p.register(t, 1, "PJSIP", e, false)
	s.tells(auth, contactStatus(e, 1, "Removed"), peerStatus("PJSIP", e, "Unreachable"), deviceState(device, "UNAVAILABLE"))

	// Who registers and is silent was never reachable.
	p.reachable(0, false)
	p.register(t, 0, "PJSIP", e, true)
	s.tells(auth, contactStatus(e, 0, "NonQualified"), contactStatus(e, 0, "Unreachable"))
	p.register(t, 0, "PJSIP", e, false)
	s.tells(auth, contactStatus(e, 0, "Removed"))
	p.reachable(0, true)
}

// single is a phone that comes back from another port, of which the AOR has room for one contact. Whether the endpoint as a
// whole is unreachable for a moment, is a matter of which comes first, the end of the old contact or the answer of the
// new one.
func (p *fleet) single(t *testing.T) {
	const e, device = EndpointSingle, "PJSIP/single"
	auth := authenticated("PJSIP", e)
	s := p.listen(t, "system,call,security")
	p.register(t, 0, "PJSIP", e, true)
	s.tells(auth, contactStatus(e, 0, "NonQualified"), peerStatus("PJSIP", e, "Reachable"), contactStatus(e, 0, "Reachable"), deviceState(device, "NOT_INUSE"))
	s.may = []string{peerStatus("PJSIP", e, "«(Unr|R)eachable»"), deviceState(device, "«(UNAVAILABLE|NOT_INUSE)»")}
	p.register(t, 1, "PJSIP", e, true)
	s.tells(auth, contactStatus(e, 1, "NonQualified"), contactStatus(e, 1, "Reachable"), contactStatus(e, 0, "Removed"))
	p.register(t, 1, "PJSIP", e, false)
	s.tells(auth, contactStatus(e, 1, "Removed"), peerStatus("PJSIP", e, "Unreachable"), deviceState(device, "UNAVAILABLE"))
}

// peer is the life of a peer of chan_sip.
func (p *fleet) peer(t *testing.T) {
	const e, device = EndpointQualified, "SIP/qualified"
	auth, registered := authenticated("SIP", e), peerStatus("SIP", e, "Registered\nAddress: PHONE0")
	s := p.listen(t, "system,call,security")
	p.register(t, 0, "SIP", e, true)
	s.tells(registered, auth, peerStatus("SIP", e, "Reachable"), deviceState(device, "NOT_INUSE"))
	host, port, _ := strings.Cut(p.phones[0], ":")
	entry := func(ip, port string) dialogue {
		return dialogue{send: "Action: SIPpeers\n\n", want: "«.*»Event: PeerEntry\nChanneltype: SIP\nObjectName: qualified\nChanObjectType: peer\nIPaddress: " + ip + "\nIPport: " + port +
			"\nDynamic: yes\nAutoForcerport: yes\nForcerport: no\nAutoComedia: no\nComedia: no\nVideoSupport: no\nTextSupport: no\nACL: no\nStatus: OK («\\d+» ms)\n" +
			"RealtimeDevice: no\nDescription: \nAccountcode: \n\n«.*»"}
	}
	p.run(t, entry(host, port))
	p.run(t, dialogue{send: "Action: SIPshowpeer\nPeer: qualified\n\n", want: "Response: Success\nChanneltype: SIP\nObjectName: qualified\nChanObjectType: peer\nSecretExist: Y\n«.*»" +
		"\nDynamic: Y\n«.*»\nRegExpire: «\\d+» seconds\n«.*»\nAddress-IP: " + host + "\nAddress-Port: " + port + "\n«.*»\nDefault-Username: qualified\n«.*»" +
		"\nStatus: OK («\\d+» ms)\nSIP-Useragent: Test Phone 1.0\nReg-Contact: sip:qualified@PHONE\n«.*»"})
	p.register(t, 0, "SIP", e, true)
	s.tells(registered, auth) // each refresh, too
	p.register(t, 1, "SIP", e, true)
	s.tells(peerStatus("SIP", e, "Registered\nAddress: PHONE1"), auth) // from another port it looks the same
	p.register(t, 0, "SIP", e, true)
	s.tells(registered, auth)
	p.register(t, 0, "SIP", e, false)
	s.tells(peerStatus("SIP", e, "Unregistered\nCause: Expired"), auth, deviceState(device, "UNAVAILABLE"))
	p.run(t, entry("-none-", "0")) // what qualify found stays
}

// messageWaiting has messages come into a voicemail box and go.
func (p *fleet) messageWaiting(t *testing.T) {
	s := p.listen(t, "call")
	const refresh, refreshed = "Action: VoicemailRefresh\n\n", "Response: Success\nMessage: Refresh sent\n\n"
	event := func(box, waiting, new, old string) string {
		return "Event: MessageWaiting\nPrivilege: call,all\nMailbox: " + box + "@default\nWaiting: " + waiting + "\nNew: " + new + "\nOld: " + old + "\n\n"
	}
	counts := func(list, waiting, urgent, new, old string) {
		t.Helper()
		p.says(t, "Action: MailboxStatus\nActionID: s\nMailbox: "+list+"\n\nAction: MailboxCount\nActionID: c\nMailbox: "+list+"\n\n",
			"Response: Success\nActionID: s\nMessage: Mailbox Status\nMailbox: "+list+"\nWaiting: "+waiting+"\n\n"+
				"Response: Success\nActionID: c\nMessage: Mailbox Message Count\nMailbox: "+list+"\nUrgMessages: "+urgent+"\nNewMessages: "+new+"\nOldMessages: "+old+"\n\n")
	}
	// Refreshed once, the boxes are known, whatever was told of them while the server started.
	p.messages(t, "101", 0, 1, 0)
	p.messages(t, "102", 0, 1, 0)
	s.send(refresh)
	s.tells(refreshed, event("101", "1", "1", "0"), event("102", "1", "1", "0"))

	p.messages(t, "101", 0, 3, 1)
	counts("101@default", "1", "0", "3", "1")
	s.send(refresh)
	s.tells(refreshed, event("101", "1", "3", "1"))
	s.send(refresh + "Action: VoicemailRefresh\nContext: default\nMailbox: 101\n\n") // nothing new
	s.tells(refreshed, refreshed)

	p.messages(t, "101", 1, 2, 1) // urgent ones count as new
	p.messages(t, "102", 0, 0, 2)
	counts("101", "1", "1", "2", "1")
	counts("102@default", "0", "0", "0", "2")
	counts("101@default,102@default,nope@default", "1", "1", "2", "3")
	p.run(t, dialogue{send: "Action: VoicemailUserStatus\nContext: default\nMailbox: 101\n\n", has: []string{"\nNewMessageCount: 3\nOldMessageCount: 1\n\n"}})
	s.send("Action: VoicemailRefresh\nContext: other\n\nAction: VoicemailRefresh\nMailbox: 1\n\nAction: VoicemailRefresh\nMailbox: 102\n\n")
	s.tells(refreshed, refreshed, refreshed, event("102", "0", "0", "2"))
	for range 2 { // told each time while there is an urgent one
		s.send("Action: VoicemailRefresh\nContext: default\n\n")
		s.tells(refreshed, event("101", "1", "3", "1"))
	}
	p.messages(t, "101", 0, 0, 0)
	s.send(refresh)
	s.tells(refreshed, event("101", "0", "0", "0"))
}

// allHeaders holds the long blocks against the recorded ones: the same headers in the same order.
func (p *fleet) allHeaders(t *testing.T) {
	for _, c := range []struct{ file, block, send string }{
		{"endpoints", "Event: EndpointDetail⏎", "Action: PJSIPShowEndpoint\nActionID: a\nEndpoint: dynamic\n\n"},
		{"endpoints", "Event: AuthDetail⏎", "Action: PJSIPShowEndpoint\nActionID: a\nEndpoint: dynamic\n\n"},
		{"endpoints", "Event: AorDetail⏎", "Action: PJSIPShowEndpoint\nActionID: a\nEndpoint: dynamic\n\n"},
		{"sippeers", "Event: PeerEntry⏎", "Action: SIPpeers\nActionID: a\n\n"},
		{"sippeers", "Response: Success⏎ActionID: r2⏎Channeltype: SIP⏎", "Action: SIPshowpeer\nActionID: a\nPeer: absent\n\n"},
	} {
		file := fmt.Sprintf("../testdata/dialogues/%s-%d.txt", c.file, p.major)
		if c.file == "sippeers" && p.major == 22 {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, recorded, found := strings.Cut(string(text), "S "+c.block)
		if !found {
			t.Fatalf("%s lacks %q", file, c.block)
		}
		recorded, _, _ = strings.Cut(recorded, "⏎⏎")
		var names strings.Builder
		for line := range strings.SplitSeq(c.block+recorded, "⏎") {
			if name, value, _ := strings.Cut(line, ":"); name == "Event" {
				names.WriteString(name + ":" + value + "\n")
			} else if name != "" {
				names.WriteString(name + ": «[^\r]*»\n")
			}
		}
		p.run(t, dialogue{name: c.block, send: c.send, want: "«.*»" + names.String() + "\n«.*»"})
	}
}

func realEmpty(t *testing.T, major int) *pbx {
	a := StartAsterisk(t, major, AsteriskConfig{})
	if err := os.WriteFile(filepath.Join(a.dir, "pjsip.conf"), []byte("[global]\ntype=global\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.CLI(t, "module reload res_pjsip.so")
	return quiet(major, a.Version, a.Addr, "")
}

// TestConformance_nothing asks servers that have neither endpoints nor mailboxes.
func TestConformance_nothing(t *testing.T) {
	rows := []dialogue{
		{name: "endpoints", send: "Action: PJSIPShowEndpoints\nActionID: n\n\n", want: "Response: Error\nActionID: n\nMessage: No endpoints found␊\n\n"},
		{name: "contacts", send: "Action: PJSIPShowContacts\n\n", want: failure("No Contacts found␊")},
		{name: "registrations", send: "Action: PJSIPShowRegistrationInboundContactStatuses\n\n", want: noRegistrations},
		{name: "settings of PJSIP", send: "Action: Command\nCommand: pjsip show settings\n\n", has: []string{"\nOutput:  default_outbound_endpoint                  : default_outbound_endpoint\n"}},
		{name: "mailboxes", only: 22, send: "Action: VoicemailUsersList\nActionID: v\n\n",
			want: "Response: Success\nActionID: v\nMessage: There are no voicemail users currently defined.\n\n"},
		{name: "refresh", only: 22, mask: "call", send: "Action: VoicemailRefresh\n\n", want: "Response: Success\nMessage: Refresh sent\n\n"},
	}
	for _, major := range []int{16, 22} {
		run := func(t *testing.T, p *pbx) {
			for _, d := range rows {
				if d.only == 0 || d.only == major {
					t.Run(d.name, func(t *testing.T) { p.run(t, d) })
				}
			}
		}
		t.Run(fmt.Sprintf("simulated-%d", major), func(t *testing.T) {
			t.Parallel()
			version := map[int]amisim.Version{16: amisim.Asterisk16, 22: amisim.Asterisk22}[major]
			s := startSimulator(t, amisim.Config{Version: version, Phones: []amisim.Phone{}, Users: []amisim.User{
				{Name: UserFull, Secret: Secret, Read: []string{"all"}, Write: []string{"all"}}}})
			run(t, quiet(major, version.Asterisk, s.Addr(), ""))
		})
		t.Run(fmt.Sprintf("asterisk-%d", major), func(t *testing.T) {
			t.Parallel()
			run(t, realEmpty(t, major))
		})
	}
}

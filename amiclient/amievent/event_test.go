package amievent_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
)

// message reads one message; ⏎ ends a line.
func message(t testing.TB, text string) *amiclient.Message {
	t.Helper()
	m, err := amiclient.NewReader(strings.NewReader(strings.ReplaceAll(text, "⏎", "\r\n") + "\r\n\r\n")).Read()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestParse: every field of every type, from events as servers sent them.
func TestParse(t *testing.T) {
	local := time.FixedZone("", 2*60*60)
	for _, test := range []struct {
		name, text string
		want       amievent.Event // without its message
	}{
		{"contact", "Event: ContactStatus⏎Privilege: system,all⏎URI: sip:dynamic@127.0.0.1:56794⏎ContactStatus: Reachable⏎AOR: a1⏎EndpointName: d1⏎RoundtripUsec: 279",
			&amievent.ContactStatus{URI: "sip:dynamic@127.0.0.1:56794", Status: amiclient.ContactReachable, AOR: "a1", EndpointName: "d1", RoundTrip: 279 * time.Microsecond}},
		{"contact that was never asked", "Event: ContactStatus⏎Privilege: system,all⏎URI: sip:d1@127.0.0.1⏎ContactStatus: NonQualified⏎AOR: d1⏎EndpointName: d1⏎RoundtripUsec: N/A",
			&amievent.ContactStatus{URI: "sip:d1@127.0.0.1", Status: amiclient.ContactNonQualified, AOR: "d1", EndpointName: "d1"}},
		{"contact of tomorrow", "Event: ContactStatus⏎ContactStatus: Teleported⏎RoundtripUsec: 99999999999999999999",
			&amievent.ContactStatus{Status: "Teleported"}},

		{"peer of PJSIP", "Event: PeerStatus⏎Privilege: system,all⏎ChannelType: PJSIP⏎Peer: PJSIP/a/b⏎PeerStatus: Unreachable",
			&amievent.PeerStatus{ChannelType: "PJSIP", Peer: "PJSIP/a/b", Name: "a/b", Status: amievent.PeerUnreachable}},
		{"peer that registered", "Event: PeerStatus⏎Privilege: system,all⏎ChannelType: SIP⏎Peer: SIP/dyn1⏎PeerStatus: Registered⏎Address: 127.0.0.1:37601",
			&amievent.PeerStatus{ChannelType: "SIP", Peer: "SIP/dyn1", Name: "dyn1", Status: amievent.PeerRegistered, Address: netip.MustParseAddrPort("127.0.0.1:37601")}},
		{"peer that registered by IPv6", "Event: PeerStatus⏎ChannelType: SIP⏎Peer: SIP/dyn1⏎PeerStatus: Registered⏎Address: [2001:db8::1]:5060",
			&amievent.PeerStatus{ChannelType: "SIP", Peer: "SIP/dyn1", Name: "dyn1", Status: amievent.PeerRegistered, Address: netip.MustParseAddrPort("[2001:db8::1]:5060")}},
		{"peer that was rejected", "Event: PeerStatus⏎ChannelType: SIP⏎Peer: SIP/dyn1⏎PeerStatus: Rejected⏎Cause: AUTH_SECRET_FAILED⏎Address: ::ffff:127.0.0.1⏎Port: 39673",
			&amievent.PeerStatus{ChannelType: "SIP", Peer: "SIP/dyn1", Name: "dyn1", Status: amievent.PeerRejected, Cause: "AUTH_SECRET_FAILED", Address: netip.MustParseAddrPort("127.0.0.1:39673")}},
		{"peer that answered", "Event: PeerStatus⏎ChannelType: SIP⏎Peer: SIP/dyn1⏎PeerStatus: Lagged⏎Time: 2500",
			&amievent.PeerStatus{ChannelType: "SIP", Peer: "SIP/dyn1", Name: "dyn1", Status: amievent.PeerLagged, RoundTrip: 2500 * time.Millisecond}},
		{"peer that did not answer", "Event: PeerStatus⏎ChannelType: SIP⏎Peer: SIP/dyn1⏎PeerStatus: Unreachable⏎Time: -1",
			&amievent.PeerStatus{ChannelType: "SIP", Peer: "SIP/dyn1", Name: "dyn1", Status: amievent.PeerUnreachable}},
		{"peer without sense", "Event: PeerStatus⏎Peer: nobody⏎Address: nowhere⏎Port: 70000⏎Time: never", &amievent.PeerStatus{Peer: "nobody"}},
		{"peer with a port that is none", "Event: PeerStatus⏎Address: 127.0.0.1⏎Port: 70000", &amievent.PeerStatus{Address: netip.MustParseAddrPort("127.0.0.1:0")}},

		{"device", "Event: DeviceStateChange⏎Privilege: call,all⏎Device: PJSIP/1001⏎State: RINGINUSE", &amievent.DeviceStateChange{Device: "PJSIP/1001", State: amiclient.DeviceRingInUse}},
		{"device of a list", "Event: DeviceStateChange⏎ActionID: r3⏎Device: Custom:x⏎State: NOT_INUSE", &amievent.DeviceStateChange{Device: "Custom:x", State: amiclient.DeviceNotInUse}},
		{"extension", "Event: ExtensionStatus⏎Privilege: call,all⏎Exten: 1001⏎Context: default⏎Hint: PJSIP/1001⏎Status: 9⏎StatusText: InUse&Ringing",
			&amievent.ExtensionStatus{Exten: "1001", Context: "default", Hint: "PJSIP/1001", Status: amiclient.ExtensionInUse | amiclient.ExtensionRinging, StatusText: "InUse&Ringing"}},
		{"extension that is not idle for want of a number", "Event: ExtensionStatus⏎Exten: 1001⏎Status: busy", &amievent.ExtensionStatus{Exten: "1001", Status: amiclient.ExtensionDeactivated}},

		{"authentication", "Event: SuccessfulAuth⏎Privilege: security,all⏎EventTV: 2026-11-22T02:04:11.222+0000⏎Severity: Informational⏎Service: PJSIP⏎EventVersion: 1⏎AccountID: dynamic⏎SessionID: recorded⏎LocalAddress: IPV4/UDP/127.0.0.1/24519⏎RemoteAddress: IPV4/UDP/127.0.0.1/56794⏎UsingPassword: 1",
			&amievent.SuccessfulAuth{UsingPassword: true, Security: amievent.Security{EventTV: time.Date(2026, 11, 22, 2, 4, 11, 222e6, time.UTC), Severity: "Informational", Service: "PJSIP", AccountID: "dynamic", SessionID: "recorded",
				LocalAddress:  amievent.Address{AddrPort: netip.MustParseAddrPort("127.0.0.1:24519"), Transport: "UDP"},
				RemoteAddress: amievent.Address{AddrPort: netip.MustParseAddrPort("127.0.0.1:56794"), Transport: "UDP"}}}},
		{"login by IPv6", "Event: SuccessfulAuth⏎EventTV: 2026-11-22T02:04:11.222+0200⏎Service: AMI⏎LocalAddress: IPV6/TCP/2001:db8::1/5038⏎RemoteAddress: IPV6/TLS/fe80::1%eth0/44894⏎UsingPassword: 0",
			&amievent.SuccessfulAuth{Security: amievent.Security{EventTV: time.Date(2026, 11, 22, 2, 4, 11, 222e6, local), Service: "AMI",
				LocalAddress:  amievent.Address{AddrPort: netip.MustParseAddrPort("[2001:db8::1]:5038"), Transport: "TCP"},
				RemoteAddress: amievent.Address{AddrPort: netip.MustParseAddrPort("[fe80::1%eth0]:44894"), Transport: "TLS"}}}},
		{"authentication with addresses in other forms", "Event: SuccessfulAuth⏎EventTV: yesterday⏎LocalAddress: IPV4/::ffff:192.0.2.1/5060⏎RemoteAddress: somewhere",
			&amievent.SuccessfulAuth{Security: amievent.Security{LocalAddress: amievent.Address{AddrPort: netip.MustParseAddrPort("192.0.2.1:5060")}}}},
		{"wrong password", "Event: ChallengeResponseFailed⏎Severity: Error⏎Service: PJSIP⏎AccountID: dynamic⏎Response: abc⏎ExpectedResponse: ",
			&amievent.FailedAuth{amievent.Security{Severity: "Error", Service: "PJSIP", AccountID: "dynamic"}}},
		{"wrong password of chan_sip", "Event: InvalidPassword⏎Service: SIP⏎EventVersion: 2", &amievent.FailedAuth{amievent.Security{Service: "SIP"}}},
		{"wrong account", "Event: InvalidAccountID⏎Service: AMI", &amievent.FailedAuth{amievent.Security{Service: "AMI"}}},
		{"challenge", "Event: ChallengeSent⏎Service: PJSIP⏎AccountID: dynamic⏎Challenge: ", &amievent.Security{Service: "PJSIP", AccountID: "dynamic"}},
		{"bad request", "Event: RequestBadFormat⏎Service: AMI", &amievent.Security{Service: "AMI"}},

		{"originated", "Event: OriginateResponse⏎Privilege: call,all⏎ActionID: r1⏎Response: Success⏎Channel: Local/hold@default-00000000;1⏎Application: UserEvent⏎Data: Reboot,Phone: 101⏎Reason: 4⏎Uniqueid: 1795313047.0⏎CallerIDNum: <unknown>⏎CallerIDName: Bob",
			&amievent.OriginateResponse{ActionID: "r1", Success: true, Reason: amievent.OriginateAnswered, Channel: "Local/hold@default-00000000;1", Application: "UserEvent", Data: "Reboot,Phone: 101", Uniqueid: "1795313047.0", CallerIDName: "Bob"}},
		{"not originated", "Event: OriginateResponse⏎ActionID: r1⏎Response: Failure⏎Channel: Local/nope@default/n⏎Context: default⏎Exten: say⏎Reason: 3⏎Uniqueid: <unknown>",
			&amievent.OriginateResponse{ActionID: "r1", Reason: amievent.OriginateUnanswered, Channel: "Local/nope@default/n", Context: "default", Exten: "say"}},

		{"mailbox", "Event: MessageWaiting⏎Privilege: call,all⏎Mailbox: 101@default⏎Waiting: 1⏎New: 2⏎Old: 3", &amievent.MessageWaiting{Mailbox: "101@default", Waiting: true, New: 2, Old: 3}},
		{"mailbox that a channel visited", "Event: MessageWaiting⏎Channel: PJSIP/101-00000001⏎ChannelState: 6⏎Uniqueid: 1.2⏎Mailbox: 101@default⏎Waiting: 0⏎New: 0⏎Old: 1",
			&amievent.MessageWaiting{Channel: amievent.Channel{Name: "PJSIP/101-00000001", State: 6, Uniqueid: "1.2"}, Mailbox: "101@default", Old: 1}},

		{"trunk", "Event: Registry⏎Privilege: system,all⏎ChannelType: PJSIP⏎Username: sip:us@example.net⏎Domain: sip:example.net⏎Status: Rejected⏎Cause: 403",
			&amievent.Registry{ChannelType: "PJSIP", Username: "sip:us@example.net", Domain: "sip:example.net", Status: amievent.RegistryRejected, Cause: "403"}},

		{"booted", "Event: FullyBooted⏎Privilege: system,all⏎Uptime: 417⏎LastReload: 17⏎Status: Fully Booted", &amievent.FullyBooted{Status: "Fully Booted", Uptime: 417 * time.Second, LastReload: 17 * time.Second}},
		{"booted before Asterisk 14", "Event: FullyBooted⏎Status: Fully Booted", &amievent.FullyBooted{Status: "Fully Booted"}},
		{"restart", "Event: Shutdown⏎Privilege: system,all⏎Shutdown: Cleanly⏎Restart: True", &amievent.Shutdown{Cleanly: true, Restart: true}},
		{"stop", "Event: Shutdown⏎Privilege: system,all⏎Shutdown: Uncleanly⏎Restart: False", &amievent.Shutdown{}},
		{"reload", "Event: Reload⏎Privilege: system,all⏎Module: manager⏎Status: 0", &amievent.Reload{Module: "manager"}},
		{"reload of nothing", "Event: Reload⏎Module: nope⏎Status: 2", &amievent.Reload{Module: "nope", Status: amievent.ReloadNotFound}},
		{"reload that is not done for want of a number", "Event: Reload⏎Module: All", &amievent.Reload{Module: "All", Status: amievent.ReloadUnreadable}},

		{"test", "Event: TestEvent⏎Privilege: reporting,all⏎Type: StateChange⏎State: AOR_CONTACT_REFRESHED⏎AppFile: res_pjsip_registrar.c⏎AppFunction: f⏎AppLine: 1⏎Contact: sip:d1@127.0.0.1:5999⏎AOR: d1⏎Expiration: 3600⏎UserAgent: Phone 2",
			&amievent.TestEvent{State: amievent.TestContactRefreshed, Contact: "sip:d1@127.0.0.1:5999", AOR: "d1", Expiration: time.Hour, UserAgent: "Phone 2"}},

		{"other", "Event: Newchannel⏎Channel: PJSIP/101-00000001", &amievent.Other{}},
		{"case counts in names", "Event: peerstatus⏎Peer: PJSIP/101", &amievent.Other{}},
		{"answer", "Response: Success⏎ActionID: 1⏎Event: PeerStatus", &amievent.Other{}},
		{"neither", "Nothing", &amievent.Other{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := message(t, test.text)
			e := amievent.Parse(m)
			if got, want := fields(e), fields(test.want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if !reflect.DeepEqual(e.Headers(), m.Headers()) {
				t.Errorf("headers %q, want %q", e.Headers(), m.Headers())
			}
		})
	}
}

// fields shows an event's type, and its fields but the message.
func fields(e amievent.Event) string {
	var b strings.Builder
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			switch field, value := v.Type().Field(i), v.Field(i); {
			case !field.IsExported() || field.Type == reflect.TypeFor[amievent.Envelope]():
			case field.Anonymous:
				walk(value)
			default:
				fmt.Fprintf(&b, " %s=%+v", field.Name, value)
			}
		}
	}
	walk(reflect.ValueOf(e).Elem())
	return fmt.Sprintf("%T%s", e, b.String())
}

// TestEnvelope: what the server writes into every event is read where it writes
// it, and not where a sender could.
func TestEnvelope(t *testing.T) {
	for _, test := range []struct {
		name, text string
		privilege  []string
		timestamp  time.Time
		system     string
	}{
		{"plain", "Event: Reload⏎Privilege: system,all⏎Module: All⏎Status: 0", []string{"system", "all"}, time.Time{}, ""},
		{"all there is", "Event: Reload⏎Privilege: system,all⏎SequenceNumber: 7⏎File: loader.c⏎Line: 1⏎Func: f⏎Timestamp: 1795313047.000042⏎SystemName: pbx1⏎Module: All",
			[]string{"system", "all"}, time.Unix(1795313047, 42000), "pbx1"},
		{"item of a list", "Event: DeviceStateChange⏎ActionID: r3⏎Device: Custom:x⏎State: INUSE", nil, time.Time{}, ""},
		{"claims of a sender", "Event: UserEvent⏎Privilege: user,all⏎UserEvent: x⏎Timestamp: 1.000001⏎SystemName: evil⏎Privilege: system,all", []string{"user", "all"}, time.Time{}, ""},
		{"no such time", "Event: Reload⏎Timestamp: 1795313047.42⏎SystemName: pbx1", nil, time.Time{}, "pbx1"},
		{"no time at all", "Event: Reload⏎Timestamp: now", nil, time.Time{}, ""},
		{"answer", "Response: Success⏎Timestamp: 1795298065.738749", nil, time.Time{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := amievent.Parse(message(t, test.text))
			if !reflect.DeepEqual(e.Privilege(), test.privilege) || !e.Timestamp().Equal(test.timestamp) || e.SystemName() != test.system {
				t.Errorf("%q, %s, %q", e.Privilege(), e.Timestamp(), e.SystemName())
			}
		})
	}
}

// recorded yields every message of the recorded dialogues of real servers.
func recorded(t testing.TB, each func(dialogue string, m *amiclient.Message)) {
	t.Helper()
	files, err := filepath.Glob("../testdata/dialogues/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded dialogues: %v", err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if text, ok := strings.CutPrefix(line, "S "); ok && !strings.HasPrefix(text, "Asterisk Call Manager") {
				each(strings.TrimSuffix(filepath.Base(file), ".txt"), message(t, strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "␊", "\n")))
			}
		}
	}
}

// TestParse_recorded: in what real servers said, no field of a known event is
// empty that the server filled, and every word has a constant.
func TestParse_recorded(t *testing.T) {
	seen := make(map[string]int)
	recorded(t, func(dialogue string, m *amiclient.Message) {
		e := amievent.Parse(m)
		bad := false
		switch e := e.(type) {
		case *amievent.ContactStatus:
			bad = e.URI == "" || e.AOR == "" || e.EndpointName == "" || e.Status != amiclient.ContactNonQualified && e.Status != amiclient.ContactReachable && e.Status != amiclient.ContactRemoved
		case *amievent.PeerStatus:
			bad = e.Peer != e.ChannelType+"/"+e.Name || e.Status != amievent.PeerReachable && e.Status != amievent.PeerUnreachable
		case *amievent.DeviceStateChange:
			bad = e.Device == "" || e.State != amiclient.DeviceNotInUse && e.State != amiclient.DeviceInUse && e.State != amiclient.DeviceUnavailable && e.State != amiclient.DeviceInvalid && e.State != amiclient.DeviceUnknown && e.State != amiclient.DeviceRinging
		case *amievent.ExtensionStatus:
			word := map[amiclient.ExtensionState]string{amiclient.ExtensionNotInUse: "Idle", amiclient.ExtensionInUse: "InUse", amiclient.ExtensionUnavailable: "Unavailable", amiclient.ExtensionRinging: "Ringing"}[e.Status]
			bad = e.Exten == "" || e.Context == "" || e.Hint == "" || e.StatusText != word
		case *amievent.SuccessfulAuth:
			bad = !whole(e.Security) || e.Severity != "Informational" || e.UsingPassword != (e.Service != "AMI")
		case *amievent.FailedAuth:
			bad = !whole(e.Security) || e.Severity != "Error"
		case *amievent.Security:
			bad = !whole(*e)
		case *amievent.UserEvent:
			bad = e.FromAMI() != (e.ActionID != "") || e.FromAMI() != (e.Channel.Uniqueid == "") || e.FromAMI() == (e.Channel.StateDesc == "Up")
		case *amievent.OriginateResponse:
			bad = e.ActionID == "" || e.Channel == "" || e.Success != (e.Reason == amievent.OriginateAnswered) || e.Success != (e.Uniqueid != "") || (e.Exten == "") == (e.Application == "")
		case *amievent.MessageWaiting:
			bad = !strings.HasSuffix(e.Mailbox, "@default")
		case *amievent.FullyBooted:
			bad = e.Status != "Fully Booted" || e.Uptime < e.LastReload
		case *amievent.Shutdown:
			bad = !e.Cleanly || e.Restart != strings.HasPrefix(dialogue, "restart")
		case *amievent.Reload:
			bad = e.Module == "" || (e.Module == "nope") != (e.Status == amievent.ReloadNotFound)
		case *amievent.Other:
			switch m.Event() {
			case "PeerStatus", "UserEvent", "SuccessfulAuth":
				bad = true
			}
		}
		if bad {
			t.Errorf("%s: %s\nof %q", dialogue, fields(e), m.Headers())
		}
		seen[fmt.Sprintf("%T", e)]++
	})
	for _, name := range []string{"ContactStatus", "PeerStatus", "DeviceStateChange", "ExtensionStatus", "SuccessfulAuth", "FailedAuth", "Security", "UserEvent",
		"OriginateResponse", "MessageWaiting", "FullyBooted", "Shutdown", "Reload", "Other"} {
		if seen["*amievent."+name] == 0 {
			t.Errorf("no %s was recorded", name)
		}
	}
}

// whole tells whether a security event has all that every one of them has.
func whole(e amievent.Security) bool {
	return !e.EventTV.IsZero() && e.Service != "" && e.AccountID != "" && e.SessionID != "" && e.LocalAddress.AddrPort.Port() != 0 && e.RemoteAddress.AddrPort.Port() != 0 &&
		e.LocalAddress.Transport != "" && e.RemoteAddress.Transport != ""
}

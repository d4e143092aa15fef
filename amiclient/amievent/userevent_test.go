package amievent_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

const snapshot = "Channel: Local/hold@default-00000000;1⏎ChannelState: 6⏎ChannelStateDesc: Up⏎CallerIDNum: <unknown>⏎CallerIDName: Bob⏎" +
	"ConnectedLineNum: <unknown>⏎ConnectedLineName: <unknown>⏎Language: en⏎AccountCode: ⏎Context: default⏎Exten: hold⏎Priority: 1⏎Uniqueid: 1795299172.4⏎Linkedid: 1795299172.3⏎"

// headers makes headers of names and values.
func headers(pairs ...string) []amiclient.Header {
	var list []amiclient.Header
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, amiclient.Header{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

func TestUserEvent(t *testing.T) {
	channel := amievent.Channel{Name: "Local/hold@default-00000000;1", State: 6, StateDesc: "Up", CallerIDName: "Bob", Language: "en",
		Context: "default", Exten: "hold", Priority: 1, Uniqueid: "1795299172.4", Linkedid: "1795299172.3"}
	with := func(change func(*amievent.Channel)) amievent.Channel {
		c := channel
		change(&c)
		return c
	}
	for _, test := range []struct {
		name, text string
		event, id  string
		channel    amievent.Channel
		own        []amiclient.Header
	}{
		{"by AMI", "UserEvent: Reboot⏎ActionID: r1⏎Phone: 101⏎Phone: 102⏎phone: 103⏎Empty: ", "Reboot", "r1", amievent.Channel{},
			headers("Phone", "101", "Phone", "102", "phone", "103", "Empty", "")},
		{"by AMI with odd headers", "UserEvent: ⏎ActionID: u2⏎Event: Foo⏎Response: Bar⏎nocolon⏎ActionID: again", "", "u2", amievent.Channel{},
			headers("Event", "Foo", "Response", "Bar", "", "nocolon", "ActionID", "again")},
		{"by AMI with an id in the middle", "UserEvent: x⏎Phone: 101⏎actionid: u2", "x", "u2", amievent.Channel{}, headers("Phone", "101")},
		{"by AMI without an id", "UserEvent: x⏎Phone: 101", "x", "", amievent.Channel{}, headers("Phone", "101")},
		{"by AMI, claiming a channel", "UserEvent: x⏎ActionID: 1⏎Channel: PJSIP/101⏎Uniqueid: 1.2⏎Privilege: system,all", "x", "1", amievent.Channel{},
			headers("Channel", "PJSIP/101", "Uniqueid", "1.2", "Privilege", "system,all")},
		{"by AMI, named twice", "UserEvent: x⏎ActionID: 1⏎UserEvent: y", "x", "1", amievent.Channel{}, headers("UserEvent", "y")},
		{"by AMI before Asterisk 13", "UserEvent: x⏎Action: UserEvent⏎ActionID: 1⏎Phone: 101", "x", "1", amievent.Channel{}, headers("Phone", "101")},
		{"by AMI with an action of another name", "UserEvent: x⏎ActionID: 1⏎Action: Reboot", "x", "1", amievent.Channel{}, headers("Action", "Reboot")},
		{"with time and name of the server", "Timestamp: 1.000001⏎SystemName: pbx1⏎UserEvent: x⏎ActionID: 1⏎a: b", "x", "1", amievent.Channel{}, headers("a", "b")},
		{"of the dialplan", snapshot + "UserEvent: Reboot⏎Phone: 101⏎ Sp : x⏎D: ", "Reboot", "", channel, headers("Phone", "101", " Sp ", "x", "D", "")},
		{"of the dialplan, claiming an id and another channel", snapshot + "UserEvent: Reboot⏎ActionID: r1⏎Action: UserEvent⏎Exten: 999⏎Uniqueid: 0", "Reboot", "", channel,
			headers("ActionID", "r1", "Action", "UserEvent", "Exten", "999", "Uniqueid", "0")},
		{"of the dialplan with variables", snapshot + "ChanVariable: A=1=2⏎ChanVariable: B=⏎ChanVariable: C⏎UserEvent: x", "x", "",
			with(func(c *amievent.Channel) {
				c.Variables = []amiclient.Variable{{Name: "A", Value: "1=2"}, {Name: "B"}, {Name: "C"}}
			}), nil},
		{"of the dialplan with a tenant", snapshot + "Tenantid: t⏎UserEvent: x", "x", "", with(func(c *amievent.Channel) { c.Tenantid = "t" }), nil},
		{"of ARI with two channels", snapshot + "2Channel: PJSIP/102-1⏎2Uniqueid: 1795299172.9⏎UserEvent: x⏎a: b", "x", "", channel, headers("a", "b")},
		{"repeated before the name: the first counts", snapshot + "Uniqueid: forged⏎ChannelState: 3⏎Exten: forged⏎UserEvent: x", "x", "", channel, nil},
		{"without a name", "Phone: 101", "", "", amievent.Channel{}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := message(t, "Event: UserEvent⏎Privilege: user,all⏎"+test.text)
			e, ok := amievent.Parse(m).(*amievent.UserEvent)
			if !ok {
				t.Fatalf("%T", amievent.Parse(m))
			}
			if e.Name != test.event || e.ActionID != test.id || !reflect.DeepEqual(e.Channel, test.channel) || e.FromAMI() != reflect.DeepEqual(test.channel, amievent.Channel{}) {
				t.Errorf("name %q, id %q, by AMI %t, channel %+v", e.Name, e.ActionID, e.FromAMI(), e.Channel)
			}
			if !reflect.DeepEqual(e.Headers(), test.own) {
				t.Errorf("headers %q, want %q", e.Headers(), test.own)
			}
			if e.Event() != "UserEvent" || e.Message != m {
				t.Errorf("the whole is lost: %q", e.Event())
			}
		})
	}
}

func TestHeadersOf(t *testing.T) {
	// As Asterisk 16.28 and 22.10 said alike: recorded, names shortened.
	const ari = "Channel: Local/hold@default-00000001;1⏎ChannelState: 6⏎ChannelStateDesc: Up⏎CallerIDNum: <unknown>⏎CallerIDName: <unknown>⏎ConnectedLineNum: <unknown>⏎" +
		"ConnectedLineName: <unknown>⏎Language: en⏎AccountCode: ⏎Context: default⏎Exten: hold⏎Priority: 1⏎Uniqueid: ari-1⏎Linkedid: ari-1⏎" +
		"UserEvent: Raised⏎Phone: 102⏎Exten: 7⏎UserEvent: Forged"
	channel := []string{"Channel", "Local/hold@default-00000000;1", "ChannelState", "6", "ChannelStateDesc", "Up", "CallerIDNum", "<unknown>", "CallerIDName", "Bob", "ConnectedLineNum", "<unknown>",
		"ConnectedLineName", "<unknown>", "Language", "en", "AccountCode", "", "Context", "default", "Exten", "hold", "Priority", "1", "Uniqueid", "1795299172.4", "Linkedid", "1795299172.3"}
	without := func(names ...string) (kept []string) {
		for i := 0; i < len(channel); i += 2 {
			if !slices.Contains(names, channel[i]) {
				kept = append(kept, channel[i:i+2]...)
			}
		}
		return kept
	}
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"by AMI", "UserEvent: Reboot⏎ActionID: r1⏎Phone: 101⏎Phone: 102⏎nocolon⏎Empty: ", []string{"UserEvent", "Reboot", "ActionID", "r1", "Phone", "101", "Phone", "102", "Empty", ""}},
		{"by AMI with what is the server's", "UserEvent: x⏎ActionID: u2⏎Event: Foo⏎userevent: Bar⏎Privilege: system,all⏎Response: Success", []string{"UserEvent", "x", "ActionID", "u2", "Response", "Success"}},
		{"by AMI, claiming a channel", "UserEvent: x⏎Channel: PJSIP/1", []string{"UserEvent", "x", "Channel", "PJSIP/1"}},
		{"by AMI at a time", "Timestamp: 1.000001⏎SystemName: pbx1⏎UserEvent: x⏎timestamp: noon", []string{"SystemName", "pbx1", "UserEvent", "x", "timestamp", "noon"}},
		{"of the dialplan", snapshot + "UserEvent: Reboot⏎Phone: 101⏎ Sp : x", slices.Concat(without(), []string{"UserEvent", "Reboot", "Phone", "101", " Sp ", "x"})},
		{"of the dialplan, its own extension", snapshot + "UserEvent: Moved⏎Exten: 5⏎uniqueid: ", slices.Concat(without("Exten", "Uniqueid"), []string{"UserEvent", "Moved", "Exten", "5", "uniqueid", ""})},
		{"of the dialplan, claiming to be another", snapshot + "UserEvent: x⏎Event: Shutdown⏎UserEvent: y", slices.Concat(without(), []string{"UserEvent", "x"})},
		{"of the dialplan with variables", snapshot + "ChanVariable: A=1⏎ChanVariable: B=2⏎UserEvent: x", slices.Concat(without(), []string{"ChanVariable", "A=1", "ChanVariable", "B=2", "UserEvent", "x"})},
		{"of ARI", ari, []string{"Channel", "Local/hold@default-00000001;1", "ChannelState", "6", "ChannelStateDesc", "Up", "CallerIDNum", "<unknown>", "CallerIDName", "<unknown>",
			"ConnectedLineNum", "<unknown>", "ConnectedLineName", "<unknown>", "Language", "en", "AccountCode", "", "Context", "default", "Priority", "1", "Uniqueid", "ari-1", "Linkedid", "ari-1",
			"UserEvent", "Raised", "Phone", "102", "Exten", "7"}},
		{"of ARI with two channels", snapshot + "2Channel: PJSIP/102-1⏎2Exten: 9⏎UserEvent: x⏎2Exten: 8", slices.Concat(without(), []string{"2Channel", "PJSIP/102-1", "UserEvent", "x", "2Exten", "8"})},
		{"without a name", "Phone: 101⏎Event: Foo", []string{"Phone", "101", "Event", "Foo"}},
	} {
		got := amievent.HeadersOf(amievent.Parse(message(t, "Event: UserEvent⏎Privilege: user,all⏎"+test.text)))
		want := headers(slices.Concat([]string{"Event", "UserEvent", "Privilege", "user,all"}, test.want)...)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", test.name, got, want)
		}
	}
	m := message(t, "Event: PeerStatus⏎Privilege: system,all⏎Event: twice⏎nocolon⏎Cause: a⏎Cause: b")
	if got, want := amievent.HeadersOf(amievent.Parse(m)), headers("Event", "PeerStatus", "Privilege", "system,all", "Event", "twice", "Cause", "a", "Cause", "b"); !slices.Equal(got, want) {
		t.Errorf("of another event: %q", got)
	}
	// What was recorded of real servers, whole.
	events := 0
	recorded(t, func(name string, m *amiclient.Message) {
		events++
		if _, user := amievent.Parse(m).(*amievent.UserEvent); user {
			return
		}
		if got, want := amievent.HeadersOf(amievent.Parse(m)), slices.DeleteFunc(m.Headers(), func(h amiclient.Header) bool { return h.Name == "" }); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	})
	if events == 0 {
		t.Error("nothing was recorded")
	}
}

func TestConfirmationOf(t *testing.T) {
	const response = "Event: OriginateResponse⏎Privilege: call,all⏎"
	const user = "Event: UserEvent⏎Privilege: user,all⏎"
	for _, test := range []struct {
		name, text string
		want       amievent.Confirmation
		ok         bool
	}{
		{"by AMI", user + "UserEvent: x⏎ActionID: r1⏎Uniqueid: 7", amievent.Confirmation{ActionID: "r1", Raised: true}, true},
		{"by AMI without an id", user + "UserEvent: x⏎Uniqueid: 7", amievent.Confirmation{Raised: true}, false},
		{"of the dialplan", user + snapshot + "UserEvent: x⏎ActionID: r1⏎Uniqueid: 7", amievent.Confirmation{ActionID: "1795299172.4", Raised: true}, true},
		{"answered", response + "ActionID: r1⏎Response: Success⏎Reason: 4⏎Uniqueid: r1", amievent.Confirmation{ActionID: "r1", Reason: amievent.OriginateAnswered}, false},
		{"not answered", response + "ActionID: r1⏎Response: Failure⏎Reason: 3⏎Uniqueid: r1", amievent.Confirmation{ActionID: "r1", Reason: amievent.OriginateUnanswered}, true},
		{"refused, of nobody", response + "Response: Failure⏎Reason: 0⏎Uniqueid: <unknown>", amievent.Confirmation{}, false},
		{"another", "Event: Hangup⏎Privilege: call,all⏎ActionID: r1⏎Uniqueid: r1", amievent.Confirmation{}, false},
	} {
		if got, ok := amievent.ConfirmationOf(amievent.Parse(message(t, test.text))); got != test.want || ok != test.ok {
			t.Errorf("%s: %+v, %v", test.name, got, ok)
		}
	}
}

// TestUserEvent_own: Get and Values see what the sender wrote, and nothing else.
func TestUserEvent_own(t *testing.T) {
	e := amievent.Parse(message(t, "Event: UserEvent⏎Privilege: user,all⏎"+snapshot+"UserEvent: Reboot⏎Phone: 101⏎Exten: mine⏎phone: 102"))
	for name, want := range map[string][]string{"PHONE": {"101", "102"}, "Exten": {"mine"}, "Channel": nil, "UserEvent": nil, "Event": nil, "Privilege": nil} {
		if got := e.Values(name); !reflect.DeepEqual(got, want) || e.Get(name) != strings.Join(want[:min(1, len(want))], "") {
			t.Errorf("%s: %q and %q, want %q", name, got, e.Get(name), want)
		}
	}
	for name, value := range e.All() {
		if name != "Phone" || value != "101" {
			t.Errorf("%s: %s comes first", name, value)
		}
		break
	}
}

// FuzzParse: whatever a server sends, nothing panics, nothing is lost, and a
// user event's own headers are its last ones, in order.
func FuzzParse(f *testing.F) {
	for _, names := range []string{"ContactStatus", "PeerStatus", "DeviceStateChange", "ExtensionStatus", "SuccessfulAuth", "FailedACL", "OriginateResponse", "MessageWaiting",
		"Registry", "FullyBooted", "Shutdown", "Reload", "TestEvent"} {
		f.Add([]byte("Event: " + names + "\r\nPrivilege: all\r\nTimestamp: 9999999999999999999.000000\r\nRoundtripUsec: -5\r\nAddress: [::1]:99999\r\nRemoteAddress: IPV6/UDP/::1/x\r\nUptime: 9223372036854775807\r\n\r\n"))
	}
	f.Add([]byte("Event: UserEvent\r\n" + strings.ReplaceAll(snapshot, "⏎", "\r\n") + "UserEvent: x\nActionID: 1\r\nChannel: y\n\n"))
	recorded(f, func(_ string, m *amiclient.Message) {
		var text bytes.Buffer
		for name, value := range m.All() {
			text.WriteString(name + ": " + value + "\r\n")
		}
		f.Add(append(text.Bytes(), "\r\n"...))
	})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := amiclient.NewReader(bytes.NewReader(stream))
		for {
			m, err := r.Read()
			if err != nil {
				return
			}
			e := amievent.Parse(m)
			e.Privilege()
			e.Timestamp()
			e.SystemName()
			all := m.Headers()
			own, isUser := e.(*amievent.UserEvent)
			if !isUser {
				if !reflect.DeepEqual(e.Headers(), all) {
					t.Fatalf("headers %q of %q", e.Headers(), all)
				}
				continue
			}
			// Of the last headers, no more than ActionID and Action may be missing.
			rest := all
			for _, h := range own.Headers() {
				for len(rest) > 0 && rest[0] != h {
					rest = rest[1:]
				}
				if len(rest) == 0 {
					t.Fatalf("%q is not among %q in this order", h, all)
				}
				rest = rest[1:]
			}
			at := 0
			for at < len(all) && !strings.EqualFold(all[at].Name, "UserEvent") {
				at++
			}
			after := all[min(at+1, len(all)):]
			if missing := len(after) - len(own.Headers()); missing < 0 || missing > 2 || missing > 0 && !own.FromAMI() {
				t.Fatalf("own headers %q of %q", own.Headers(), all)
			}
			for _, h := range after[:min(1, len(after))] {
				if own.Get(h.Name) != h.Value && !strings.EqualFold(h.Name, "ActionID") && !strings.EqualFold(h.Name, "Action") {
					t.Fatalf("Get(%q) is %q in %q", h.Name, own.Get(h.Name), all)
				}
			}
		}
	})
}

// FuzzUserEvent_roundTrip: what a client raises is what another one reads, on
// servers that copy the header Action as on those that do not.
func FuzzUserEvent_roundTrip(f *testing.F) {
	f.Add("Reboot", "Phone", "101", "phone", "102")
	f.Add("x", "Channel", "PJSIP/101", "Uniqueid", "1.2")
	f.Add("x", "UserEvents", "", "X-Y", "a: b:c, ;=<>")
	f.Add("x ", "Ort", "Köln\t", "Timestamp", "\xff\xfe")
	older := amisim.Asterisk16
	older.CopyAction = true
	var buses []*bus
	for _, version := range []amisim.Version{amisim.Asterisk22, older} {
		buses = append(buses, newBus(f, version))
	}
	f.Fuzz(func(t *testing.T, event, name1, value1, name2, value2 string) {
		sent := amiclient.UserEvent{Name: event, Headers: []amiclient.Header{{Name: name1, Value: value1}, {Name: name2, Value: value2}}}
		if sent.Action().Check() != nil {
			return
		}
		for _, b := range buses {
			answer, err := b.conn.Do(t.Context(), sent.Action())
			if err != nil {
				t.Fatal(err)
			}
			m, err := b.sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e := amievent.Parse(m).(*amievent.UserEvent)
			if e.Name != event || !reflect.DeepEqual(e.Headers(), sent.Headers) || !e.FromAMI() || e.ActionID != answer.Get("ActionID") {
				t.Fatalf("sent %q, received %q %q %q", sent, e.Name, e.ActionID, e.Headers())
			}
		}
	})
}

// A bus is a connection to a simulated server, with a subscription to its user
// events.
type bus struct {
	conn *amiclient.Conn
	sub  *amiclient.Subscription
}

func newBus(tb testing.TB, version amisim.Version) *bus {
	tb.Helper()
	server, err := amisim.Start(amisim.Config{Version: version})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { server.Close() })
	user := server.Users()[0]
	conn, err := amiclient.Dial(tb.Context(), amiclient.Config{Address: server.Addr(), Username: user.Name, Secret: user.Secret})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	sub, err := conn.Subscribe(tb.Context(), amiclient.Filter{Events: []string{"UserEvent"}})
	if err != nil {
		tb.Fatal(err)
	}
	return &bus{conn, sub}
}

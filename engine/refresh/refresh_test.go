package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/engine/refresh"
	"github.com/notifyrun/notifyrun/schema"
)

func ptr[T any](v T) *T { return &v }

// server is a PBX that answers by a script, and keeps what was asked of it.
type server struct {
	lists   map[string][]*amiclient.Message // by action
	answers map[string]*amiclient.Message   // by action and the value of its first header
	errs    map[string]error                // likewise

	takes  time.Duration // each action
	denied string        // an action that the user may not do

	mu    sync.Mutex
	asked []string
	busy  int // actions at this moment
	most  int // … at most
}

func (s *server) Do(_ context.Context, a amiclient.Action) (*amiclient.Message, error) {
	name := a.Name
	if len(a.Headers) > 0 {
		name += " " + a.Headers[0].Value
	}
	s.enter(name)
	defer s.leave()
	if a.Name == s.denied {
		return nil, refused(a.Name, "Permission denied", amiclient.ErrPermission)
	}
	if err := s.errs[name]; err != nil {
		return nil, err
	}
	if m := s.answers[name]; m != nil {
		return m, nil
	}
	return nil, unknownAction(a.Name)
}

func (s *server) List(_ context.Context, a amiclient.Action) iter.Seq2[*amiclient.Message, error] {
	return func(yield func(*amiclient.Message, error) bool) {
		name := a.Name
		if len(a.Headers) > 0 {
			name += " " + a.Headers[0].Value
		}
		s.enter(name)
		defer s.leave()
		if a.Name == s.denied {
			yield(nil, refused(a.Name, "Permission denied", amiclient.ErrPermission))
			return
		}
		items, known := s.lists[name]
		for _, m := range items {
			if !yield(m, nil) {
				return
			}
		}
		if err := s.errs[name]; err != nil {
			yield(nil, err)
		} else if !known {
			yield(nil, unknownAction(a.Name))
		}
	}
}

func (s *server) enter(name string) {
	s.mu.Lock()
	s.asked = append(s.asked, name)
	s.busy++
	s.most = max(s.most, s.busy)
	s.mu.Unlock()
	time.Sleep(s.takes)
}

func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
}

func refused(action, text string, kind error) error {
	return &amiclient.ResponseError{Action: action, Text: text, Kind: kind}
}

func unknownAction(action string) error {
	return refused(action, "Invalid/unknown command", amiclient.ErrUnknownAction)
}

func unknownEndpoint(name string) error {
	return refused("PJSIPShowEndpoint", "Unable to retrieve endpoint "+name, amiclient.ErrUnknownEndpoint)
}

// event makes a message of "Name: value" lines.
func event(name string, lines ...string) *amiclient.Message {
	headers := []amiclient.Header{{Name: "Event", Value: name}}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		headers = append(headers, amiclient.Header{Name: name, Value: value})
	}
	return amiclient.NewMessage(headers...)
}

func endpoint(name, aors string, contacts ...string) *amiclient.Message {
	lines := []string{"ObjectName: " + name, "Aor: " + aors}
	for _, c := range contacts {
		lines = append(lines, "Contacts: "+c)
	}
	return event("EndpointList", append(lines, "DeviceState: Not in use")...)
}

func registered(aor, endpoint, uri, agent string) *amiclient.Message {
	return event("ContactList", "ObjectName: "+aor+";@0123", "ViaAddr: 192.0.2.7", "ViaPort: 5060", "CallId: call-"+aor, "Endpoint: "+endpoint,
		"Uri: "+uri, "ExpirationTime: 1795341600", "UserAgent: "+agent, "Status: Reachable", "RoundtripUsec: 1234")
}

func detail(endpoint string, contacts ...*amiclient.Message) []*amiclient.Message {
	return append([]*amiclient.Message{event("EndpointDetail", "ObjectName: "+endpoint)}, contacts...)
}

func static(aor, uri, status string) *amiclient.Message {
	return event("ContactStatusDetail", "AOR: "+aor, "URI: "+uri, "ID: "+aor+"@@0123", "Status: "+status, "RoundtripUsec: N/A", "RegExpire: 0")
}

func read(t *testing.T, on amiclient.Doer, typ string, args map[string]cty.Value) any {
	t.Helper()
	d, err := refresh.Read(t.Context(), on, schema.DataRequest{Address: "data." + typ + ".x", Type: typ, PBX: &schema.PBX{Address: "pbx.hq"}, Args: args}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(d.Read); age < 0 || age > time.Minute {
		t.Errorf("read at %s", d.Read)
	}
	return d.Rows
}

func contacts(t *testing.T, on amiclient.Doer, endpoints ...string) []schema.PJSIPContact {
	t.Helper()
	var args map[string]cty.Value
	if endpoints != nil {
		var values []cty.Value
		for _, e := range endpoints {
			values = append(values, cty.StringVal(e))
		}
		args = map[string]cty.Value{"endpoints": cty.SetVal(values)}
	}
	return read(t, on, "pjsip_contacts", args).(*schema.PJSIPContacts).Contacts
}

// TestRead_contacts: one list tells which contacts endpoints have, the other all
// about those that registered; the rest is asked for singly.
func TestRead_contacts(t *testing.T) {
	on := &server{
		lists: map[string][]*amiclient.Message{
			"PJSIPShowEndpoints": {
				endpoint("twice", "desk,mobile", "desk/sip:twice@192.0.2.7:5060,", "mobile/sip:twice@192.0.2.8,"),
				endpoint("also", "mobile,mobile", "mobile/sip:twice@192.0.2.8,", "mobile/sip:twice@192.0.2.8,"), // it names an AOR twice, which another has too
				endpoint("none", "none", ""),
				endpoint("bare", ""),
				endpoint("door", "door", "door/sip:door@192.0.2.9,"),
				endpoint("left", "left", "left/sip:left@192.0.2.10,"), // it unregisters before the next list
				endpoint("late", "late", ""),                          // it registers before that
			},
			"PJSIPShowContacts": {
				registered("desk", "twice", "sip:twice@192.0.2.7:5060", "Snom D785"),
				registered("mobile", "twice", "sip:twice@192.0.2.8", "Yealink W60B"),
				registered("late", "late", "sip:late@192.0.2.11", "Yealink W60B"),
				registered("gone", "gone", "sip:gone@192.0.2.12", "Polycom"), // its endpoint is no more
			},
			"PJSIPShowEndpoint door": detail("door", static("door", "sip:door@192.0.2.9", "NonQualified")),
			"PJSIPShowEndpoint left": detail("left"),
		},
	}
	row := func(endpoint, aor, uri, agent string, count int) schema.PJSIPContact {
		return schema.PJSIPContact{Endpoint: endpoint, AOR: aor, URI: uri, UserAgent: agent, Status: ptr("Reachable"), RTT: ptr(1.234), ViaAddress: "192.0.2.7:5060",
			RegExpire: ptr("2026-11-22T10:00:00Z"), CallID: "call-" + aor, ContactCount: count}
	}
	want := []schema.PJSIPContact{
		row("also", "mobile", "sip:twice@192.0.2.8", "Yealink W60B", 1),
		{Endpoint: "door", AOR: "door", URI: "sip:door@192.0.2.9", Status: ptr("NonQualified"), Static: true, ContactCount: 1},
		row("late", "late", "sip:late@192.0.2.11", "Yealink W60B", 1),
		row("twice", "desk", "sip:twice@192.0.2.7:5060", "Snom D785", 2),
		row("twice", "mobile", "sip:twice@192.0.2.8", "Yealink W60B", 2),
	}
	if diff := cmp.Diff(want, contacts(t, on)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	t.Run("of a server before 16", func(t *testing.T) {
		on.lists["PJSIPShowRegistrationInboundContactStatuses"] = []*amiclient.Message{
			event("ContactStatusDetail", "AOR: desk", "URI: sip:twice@192.0.2.7:5060", "UserAgent: Snom D785", "ID: desk;@0123", "Status: Created"),
		}
		delete(on.lists, "PJSIPShowContacts")
		got := contacts(t, on)
		i := slices.IndexFunc(got, func(c schema.PJSIPContact) bool { return c.AOR == "desk" })
		if want := (schema.PJSIPContact{Endpoint: "twice", AOR: "desk", URI: "sip:twice@192.0.2.7:5060", UserAgent: "Snom D785", Status: ptr("Created"), ContactCount: 2}); i < 0 || cmp.Diff(want, got[i]) != "" {
			t.Errorf("%+v", got)
		}
	})
}

func TestRead_contactsOfSome(t *testing.T) {
	on := &server{
		lists: map[string][]*amiclient.Message{
			"PJSIPShowEndpoint 1001": detail("1001", static("1001", "sip:1001@192.0.2.7", "Unreachable")),
			"PJSIPShowEndpoint 1002": detail("1002"),
			"PJSIPShowEndpoints":     {endpoint("1001", "1001", "1001/sip:1001@192.0.2.7,"), endpoint("1009", "1009", "1009/sip:1009@192.0.2.7,")},
			"PJSIPShowContacts":      {registered("1009", "1009", "sip:1009@192.0.2.7", "x"), registered("1008", "1008", "sip:1008@192.0.2.7", "x")},
		},
		errs: map[string]error{"PJSIPShowEndpoint nope": unknownEndpoint("nope")},
	}
	want := []schema.PJSIPContact{{Endpoint: "1001", AOR: "1001", URI: "sip:1001@192.0.2.7", Status: ptr("Unreachable"), Static: true, ContactCount: 1}}
	if diff := cmp.Diff(want, contacts(t, on, "1001", "1002", "nope")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	slices.Sort(on.asked)
	if want := []string{"PJSIPShowEndpoint 1001", "PJSIPShowEndpoint 1002", "PJSIPShowEndpoint nope"}; !slices.Equal(on.asked, want) {
		t.Errorf("asked %q", on.asked)
	}
	t.Run("none", func(t *testing.T) {
		if got := contacts(t, on); len(got) != 2 {
			t.Errorf("without the argument: %+v", got)
		}
		on.asked = nil
		set := map[string]cty.Value{"endpoints": cty.SetValEmpty(cty.String)}
		if got := read(t, on, "pjsip_contacts", set).(*schema.PJSIPContacts); got.Contacts == nil || len(got.Contacts) != 0 || on.asked != nil {
			t.Errorf("%+v, asked %q", got, on.asked)
		}
	})
	t.Run("many", func(t *testing.T) {
		on.asked = nil
		var names []string
		for i := range 1001 {
			names = append(names, fmt.Sprint(1001+2*i))
			on.errs["PJSIPShowEndpoint "+names[i]] = unknownEndpoint(names[i])
		}
		delete(on.errs, "PJSIPShowEndpoint 1001")
		if got := contacts(t, on, names[:1000]...); len(got) != 1 || len(on.asked) != 1000 || slices.Contains(on.asked, "PJSIPShowEndpoints") {
			t.Errorf("%+v after %d questions", got, len(on.asked))
		}
		on.asked = nil
		got := contacts(t, on, names...)
		if len(got) != 2 || got[0].Endpoint != "1001" || got[1].Endpoint != "1009" || got[1].UserAgent != "x" {
			t.Errorf("%+v", got)
		}
		if want := []string{"PJSIPShowEndpoints", "PJSIPShowContacts", "PJSIPShowEndpoint 1001"}; !slices.Equal(on.asked, want) {
			t.Errorf("asked %q", on.asked)
		}
	})
	t.Run("one that cannot be shown", func(t *testing.T) {
		on.errs["PJSIPShowEndpoint 1009"] = refused("PJSIPShowEndpoint", "Unable to retrieve transport udp", nil)
		if got := contacts(t, on, "1009"); len(got) != 1 || got[0].UserAgent != "x" {
			t.Errorf("%+v", got)
		}
	})
}

// TestRead_static: of very many static contacts, as few as possible is asked.
func TestRead_static(t *testing.T) {
	on := &server{lists: map[string][]*amiclient.Message{"PJSIPShowContacts": {}}}
	for i := range 1001 {
		name := fmt.Sprint(1001 + i)
		on.lists["PJSIPShowEndpoints"] = append(on.lists["PJSIPShowEndpoints"], endpoint(name, name, name+"/sip:"+name+"@192.0.2.7,"))
		on.lists["PJSIPShowEndpoint "+name] = detail(name, static(name, "sip:"+name+"@192.0.2.7", "NonQualified"))
	}
	if got := contacts(t, on); len(got) != 1001 || len(on.asked) != 2 || got[0].Status != nil || !got[0].Static {
		t.Errorf("%d rows after %d questions, the first %+v", len(got), len(on.asked), got[0])
	}
	on.asked = nil
	on.lists["PJSIPShowEndpoints"] = on.lists["PJSIPShowEndpoints"][1:]
	got := contacts(t, on)
	if len(got) != 1000 || len(on.asked) != 1002 || got[0].Status == nil || *got[0].Status != "NonQualified" {
		t.Errorf("%d rows after %d questions, the first %+v", len(got), len(on.asked), got[0])
	}
}

// TestRead_atOnce: single actions are sent as many at a time as the PBX may have
// in flight.
func TestRead_atOnce(t *testing.T) {
	for _, c := range []struct{ max, want int }{{8, 8}, {0, 64}, {500, 100}} {
		synctest.Test(t, func(t *testing.T) {
			on := &server{lists: map[string][]*amiclient.Message{"PJSIPShowContacts": {}}, takes: time.Millisecond}
			for i := range 100 {
				name := fmt.Sprint(1001 + i)
				on.lists["PJSIPShowEndpoints"] = append(on.lists["PJSIPShowEndpoints"], endpoint(name, name, name+"/sip:"+name+"@192.0.2.7,"))
				on.lists["PJSIPShowEndpoint "+name] = detail(name, static(name, "sip:"+name+"@192.0.2.7", "NonQualified"))
			}
			_, err := refresh.Read(t.Context(), on, schema.DataRequest{Type: "pjsip_contacts", PBX: &schema.PBX{MaxInFlight: c.max}}, nil)
			if err != nil || on.most != c.want {
				t.Errorf("%d at once, want %d: %v", on.most, c.want, err)
			}
		})
	}
}

func TestRead_endpoints(t *testing.T) {
	on := &server{lists: map[string][]*amiclient.Message{"PJSIPShowEndpoints": {
		event("EndpointList", "ObjectName: 1002", "Transport: tls", "Aor: 1002, mobile", "DeviceState: Ring+Inuse", "ActiveChannels: 2", "Contacts: 1002/sip:a@b,1002/sip:c@d,"),
		event("EndpointList", "ObjectName: 1001", "DeviceState: On Hold", "ActiveChannels: "),
		event("EndpointList", "ObjectName: 1003", "DeviceState: Dreaming", "ActiveChannels: 0"),
	}}}
	want := &schema.PJSIPEndpoints{Endpoints: []schema.PJSIPEndpoint{
		{Endpoint: "1001", AORs: []string{}, State: "ONHOLD"},
		{Endpoint: "1002", AORs: []string{"1002", "mobile"}, Transport: "tls", State: "RINGINUSE", ActiveChannels: ptr(2), Contacts: 2},
		{Endpoint: "1003", AORs: []string{}, State: "Dreaming", ActiveChannels: ptr(0)},
	}}
	if diff := cmp.Diff(want, read(t, on, "pjsip_endpoints", nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRead_peers(t *testing.T) {
	on := &server{
		lists: map[string][]*amiclient.Message{"SIPpeers": {
			event("PeerEntry", "ObjectName: 1003", "IPaddress: -none-", "IPport: 0", "Dynamic: yes", "Status: UNKNOWN"),
			event("PeerEntry", "ObjectName: 1001", "IPaddress: 192.0.2.7", "IPport: 5060", "Dynamic: yes", "Status: OK (12 ms)"),
			event("PeerEntry", "ObjectName: 1004", "IPaddress: 192.0.2.9", "IPport: 5060", "Dynamic: yes", "Status: Unmonitored"), // gone before it is asked
			event("PeerEntry", "ObjectName: trunk", "IPaddress: 2001:db8::7", "IPport: 5062", "Dynamic: no", "Status: Unmonitored"),
		}},
		answers: map[string]*amiclient.Message{"SIPshowpeer 1001": amiclient.NewMessage(amiclient.Header{Name: "Response", Value: "Success"}, amiclient.Header{Name: "SIP-Useragent", Value: "Snom 320"})},
		errs:    map[string]error{"SIPshowpeer 1004": refused("SIPshowpeer", "Peer 1004 not found.", amiclient.ErrUnknownEndpoint)},
	}
	want := &schema.SIPPeers{Peers: []schema.SIPPeer{
		{Peer: "1001", Target: "SIP/1001", Address: ptr("192.0.2.7"), Port: ptr(5060), Dynamic: true, Status: "OK", RTT: ptr(12.0), UserAgent: ptr("Snom 320")},
		{Peer: "1003", Target: "SIP/1003", Dynamic: true, Status: "UNKNOWN", UserAgent: ptr("")},
		{Peer: "1004", Target: "SIP/1004", Address: ptr("192.0.2.9"), Port: ptr(5060), Dynamic: true, Status: "Unmonitored", UserAgent: ptr("")},
		{Peer: "trunk", Target: "SIP/trunk", Address: ptr("2001:db8::7"), Port: ptr(5062), Status: "Unmonitored", UserAgent: ptr("")},
	}}
	if diff := cmp.Diff(want, read(t, on, "sip_peers", nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	on.asked = nil
	for i := range want.Peers {
		want.Peers[i].UserAgent = nil
	}
	if diff := cmp.Diff(want, read(t, on, "sip_peers", map[string]cty.Value{"user_agents": cty.False})); diff != "" || len(on.asked) != 1 {
		t.Errorf("asked %q, -want +got:\n%s", on.asked, diff)
	}
}

func TestRead_devicesAndVoicemail(t *testing.T) {
	on := &server{lists: map[string][]*amiclient.Message{
		"DeviceStateList": {event("DeviceStateChange", "Device: SIP/1001", "State: INUSE"), event("DeviceStateChange", "Device: PJSIP/1002", "State: NOT_INUSE"), event("DeviceStateChange", "Device: PJSIP/1001", "State: UNAVAILABLE")},
		"VoicemailUsersList": {
			event("VoicemailUserEntry", "VMContext: sales", "VoiceMailbox: 2", "Fullname: Alice", "NewMessageCount: 3", "OldMessageCount: 4"),
			event("VoicemailUserEntry", "VMContext: default", "VoiceMailbox: 1", "NewMessageCount: 0", "OldMessageCount: 1"),
		},
	}}
	pj1, pj2, sip := schema.DeviceState{Device: "PJSIP/1001", State: "UNAVAILABLE"}, schema.DeviceState{Device: "PJSIP/1002", State: "NOT_INUSE"}, schema.DeviceState{Device: "SIP/1001", State: "INUSE"}
	sales, other := schema.VoicemailUser{Context: "sales", Mailbox: "2", New: 3, Old: 4}, schema.VoicemailUser{Context: "default", Mailbox: "1", Old: 1}
	for _, c := range []struct {
		typ  string
		args map[string]cty.Value
		want any
	}{
		{"device_states", nil, &schema.DeviceStates{Devices: []schema.DeviceState{pj1, pj2, sip}}},
		{"device_states", map[string]cty.Value{"prefix": cty.StringVal("PJSIP/")}, &schema.DeviceStates{Devices: []schema.DeviceState{pj1, pj2}}},
		{"device_states", map[string]cty.Value{"prefix": cty.StringVal("IAX2/")}, &schema.DeviceStates{Devices: []schema.DeviceState{}}},
		{"voicemail_users", nil, &schema.VoicemailUsers{Users: []schema.VoicemailUser{other, sales}}},
		{"voicemail_users", map[string]cty.Value{"context": cty.StringVal("sales")}, &schema.VoicemailUsers{Users: []schema.VoicemailUser{sales}}},
	} {
		if diff := cmp.Diff(c.want, read(t, on, c.typ, c.args)); diff != "" {
			t.Errorf("%s %v: -want +got:\n%s", c.typ, c.args, diff)
		}
	}
}

// TestRead_info: what the user may not ask for is not known, and no error.
func TestRead_info(t *testing.T) {
	answer := func(lines ...string) *amiclient.Message {
		headers := []amiclient.Header{{Name: "Response", Value: "Success"}}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			headers = append(headers, amiclient.Header{Name: name, Value: value})
		}
		return amiclient.NewMessage(headers...)
	}
	on := &server{
		answers: map[string]*amiclient.Message{
			"CoreSettings":                     answer("AMIversion: 11.0.0", "AsteriskVersion: 22.10.1", "SystemName: hq"),
			"CoreStatus":                       answer("CoreStartupDate: 2026-11-22", "CoreStartupTime: 11:00:00", "CoreReloadDate: 2026-11-22", "CoreReloadTime: 12:00:00"),
			"Ping":                             answer("Ping: Pong", "Timestamp: 1795341600.500000"),
			"Command core show uptime seconds": answer("Output: System uptime: 7200", "Output: Last reload: 3600"),
			"Command module show":              answer("Output: res_pjsip.so   x  1  Running  core", "Output: chan_pjsip.so   x  1  Running  core"),
			"Command pjsip show settings":      answer("Output:  default_outbound_endpoint  : 1001"),
		},
		lists: map[string][]*amiclient.Message{"PJSIPShowEndpoint 1001": detail("1001")},
	}
	want := &schema.PBXInfo{Version: "22.10.1", AMIVersion: "11.0.0", SystemName: "hq", Uptime: ptr(7200), Started: ptr("2026-11-22T08:00:00Z"), Reloaded: ptr("2026-11-22T09:00:00Z"),
		Modules: []string{"chan_pjsip", "res_pjsip"}, DefaultOutboundEndpoint: ptr("1001")}
	if diff := cmp.Diff(want, read(t, on, "pbx_info", nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	on.errs = map[string]error{"Command core show uptime seconds": refused("Command", "Permission denied", amiclient.ErrPermission)}
	on.answers["Command module show"], on.answers["Command pjsip show settings"] = answer("Output: Nothing here."), nil
	want = &schema.PBXInfo{Version: "22.10.1", AMIVersion: "11.0.0", SystemName: "hq"}
	if diff := cmp.Diff(want, read(t, on, "pbx_info", nil)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRead_hostile: what a phone calls itself is its own choice, to the byte.
func TestRead_hostile(t *testing.T) {
	on := &server{lists: map[string][]*amiclient.Message{
		"PJSIPShowEndpoints": {endpoint("1\x1b[31m", "1\x1b[31m", "1\x1b[31m/sip:1@192.0.2.7,")},
		"PJSIPShowContacts":  {registered("1\x1b[31m", "1", "sip:1@192.0.2.7", "\xff\x1b]0;owned\x07\u009bname\u202e")},
	}}
	got := contacts(t, on)
	if len(got) != 1 || got[0].Endpoint != "1\ufffd[31m" || got[0].AOR != "1\ufffd[31m" || got[0].UserAgent != "\ufffd\ufffd]0;owned\ufffd\ufffdname\ufffd" {
		t.Errorf("%#v", got)
	}
}

// endless is a PBX one of whose lists has no end.
type endless struct {
	*server
	action string
	item   *amiclient.Message
	listed int
}

func (s *endless) List(ctx context.Context, a amiclient.Action) iter.Seq2[*amiclient.Message, error] {
	if a.Name != s.action {
		return s.server.List(ctx, a)
	}
	return func(yield func(*amiclient.Message, error) bool) {
		for s.listed = 0; s.listed < 4<<20 && yield(s.item, nil); s.listed++ {
		}
	}
}

// TestRead_endless: a list without end is given up, also where what it says makes
// no rows, or more than one each.
func TestRead_endless(t *testing.T) {
	for _, c := range []struct {
		name, typ, action string
		item              *amiclient.Message
		args              map[string]cty.Value
	}{
		{"endpoints without contacts", "pjsip_contacts", "PJSIPShowEndpoints", endpoint("1001", "", ""), nil},
		{"registrations that were not there before", "pjsip_contacts", "PJSIPShowContacts", registered("shared", "1001", "sip:1@192.0.2.7", "x"), nil},
		{"devices of another prefix", "device_states", "DeviceStateList", event("DeviceStateChange", "Device: SIP/1"), map[string]cty.Value{"prefix": cty.StringVal("PJSIP/")}},
		{"boxes of another context", "voicemail_users", "VoicemailUsersList", event("VoicemailUserEntry", "VMContext: a"), map[string]cty.Value{"context": cty.StringVal("b")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			on := &endless{server: &server{lists: map[string][]*amiclient.Message{"PJSIPShowContacts": {}}}, action: c.action, item: c.item}
			for i := range 1000 {
				on.lists["PJSIPShowEndpoints"] = append(on.lists["PJSIPShowEndpoints"], endpoint(fmt.Sprint(i), "shared", ""))
			}
			_, err := refresh.Read(t.Context(), on, schema.DataRequest{Type: c.typ, Args: c.args}, nil)
			if want := "there are more than 1048576 rows"; err == nil || err.Error() != want || on.listed > 1<<20 {
				t.Errorf("%v after %d items, want %s", err, on.listed, want)
			}
		})
	}
}

// TestRead_keepsNoMessage: rows of very many endpoints do not keep the messages
// that they were read from.
func TestRead_keepsNoMessage(t *testing.T) {
	for _, action := range []string{"PJSIPShowEndpoints", "PJSIPShowContacts", "SIPpeers", "DeviceStateList", "VoicemailUsersList"} {
		typ := map[string]string{"PJSIPShowContacts": "pjsip_contacts", "PJSIPShowEndpoints": "pjsip_endpoints", "SIPpeers": "sip_peers", "DeviceStateList": "device_states", "VoicemailUsersList": "voicemail_users"}[action]
		lists := map[string][]*amiclient.Message{"PJSIPShowEndpoints": {endpoint("1001", "1001", "")}}
		lists[action] = []*amiclient.Message{event(map[string]string{
			"PJSIPShowContacts": "ContactList", "PJSIPShowEndpoints": "EndpointList", "SIPpeers": "PeerEntry", "DeviceStateList": "DeviceStateChange", "VoicemailUsersList": "VoicemailUserEntry",
		}[action], "ObjectName: 1001;@0123", "Uri: sip:1@192.0.2.7", "UserAgent: x", "Status: OK (1 ms)", "RoundtripUsec: 1", "ExpirationTime: 1795341600",
			"Aor: a, b", "ActiveChannels: 1", "DeviceState: Odd", "IPaddress: 192.0.2.7", "IPport: 1", "Device: x", "State: y", "VMContext: v", "VoiceMailbox: w", "NewMessageCount: 1")}
		message := weak.Make(lists[action][0])
		rows := read(t, &server{lists: lists}, typ, nil)
		lists = nil
		runtime.GC()
		if message.Value() != nil {
			t.Errorf("%s keeps the message", typ)
		}
		runtime.KeepAlive(rows)
	}
}

// TestRead_errors: the first refusal ends it, and says what to do.
func TestRead_errors(t *testing.T) {
	lost := &amiclient.ConnError{Op: "PJSIPShowContacts", Written: true, Err: errors.New("reset")}
	for _, c := range []struct {
		typ, action string
		err         error
		want        string
	}{
		{"pjsip_contacts", "PJSIPShowEndpoints", refused("PJSIPShowEndpoints", "Permission denied", amiclient.ErrPermission),
			`PJSIPShowEndpoints: Asterisk answers "Permission denied": give this manager user write = system in manager.conf (no blanks in the list), reload the manager module, and connect anew`},
		{"pjsip_contacts", "PJSIPShowContacts", lost, "PJSIPShowContacts: sent, but not answered: reset"},
		{"sip_peers", "SIPshowpeer 1001", refused("SIPshowpeer", "Permission denied", amiclient.ErrPermission),
			`SIPshowpeer: Asterisk answers "Permission denied": give this manager user write = system or reporting in manager.conf (no blanks in the list), reload the manager module, and connect anew`},
		{"voicemail_users", "", nil, `VoicemailUsersList: Asterisk answers "Invalid/unknown command": load app_voicemail.so`},
		{"pbx_info", "CoreSettings", lost, "PJSIPShowContacts: sent, but not answered: reset"},
		{"sip_phones", "", nil, `unknown type of data "sip_phones"`},
	} {
		on := &server{
			lists: map[string][]*amiclient.Message{
				"PJSIPShowEndpoints": {endpoint("1001", "1001", "")}, "PJSIPShowContacts": {},
				"SIPpeers": {event("PeerEntry", "ObjectName: 1001", "IPaddress: 192.0.2.7", "IPport: 5060", "Dynamic: yes")},
			},
			errs: map[string]error{c.action: c.err},
		}
		_, err := refresh.Read(t.Context(), on, schema.DataRequest{Type: c.typ}, nil)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", c.typ, err, c.want)
		}
	}
}

func TestRead_progress(t *testing.T) {
	on := &server{lists: map[string][]*amiclient.Message{"PJSIPShowContacts": {}}}
	for i := range 3 {
		name := fmt.Sprint(1001 + i)
		on.lists["PJSIPShowEndpoints"] = append(on.lists["PJSIPShowEndpoints"], endpoint(name, name, name+"/sip:"+name+"@192.0.2.7,"))
		on.lists["PJSIPShowContacts"] = append(on.lists["PJSIPShowContacts"], registered(name, name, "sip:"+name+"@192.0.2.7", "x"))
	}
	var got []string
	_, err := refresh.Read(t.Context(), on, schema.DataRequest{Type: "pjsip_contacts"}, func(done, total int) { got = append(got, fmt.Sprintf("%d/%d", done, total)) })
	if want := []string{"1/0", "2/0", "3/0", "1/3", "2/3", "3/3"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNeeds: without an action that is needed there is an error, which names the
// class that is to permit it; without another there are rows all the same.
func TestNeeds(t *testing.T) {
	for _, typ := range schema.DataTypes() {
		request := schema.DataRequest{Type: typ.Name}
		needs := refresh.Needs(request)
		if len(needs) == 0 {
			t.Errorf("%s needs nothing", typ.Name)
		}
		for _, need := range needs {
			on := &server{
				lists: map[string][]*amiclient.Message{
					"PJSIPShowEndpoints": {endpoint("1001", "1001", "1001/sip:1001@192.0.2.7,")}, "PJSIPShowContacts": {}, "PJSIPShowEndpoint 1001": detail("1001"),
					"SIPpeers":        {event("PeerEntry", "ObjectName: 1001", "IPaddress: 192.0.2.7", "IPport: 5060", "Dynamic: yes")},
					"DeviceStateList": {}, "VoicemailUsersList": {},
				},
				answers: map[string]*amiclient.Message{"CoreSettings": amiclient.NewMessage(), "SIPshowpeer 1001": amiclient.NewMessage()},
				denied:  need.Action,
			}
			_, err := refresh.Read(t.Context(), on, request, nil)
			switch {
			case need.Why != "" && err != nil:
				t.Errorf("%s without %s: %v", typ.Name, need.Action, err)
			case need.Why == "" && (!errors.Is(err, amiclient.ErrPermission) || !strings.Contains(err.Error(), need.Class)):
				t.Errorf("%s without %s, of class %s: %v", typ.Name, need.Action, need.Class, err)
			}
		}
	}
}

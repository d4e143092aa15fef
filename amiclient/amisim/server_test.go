package amisim

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStart_defaults(t *testing.T) {
	s := start(t, Config{})
	c := login(t, s, "off")
	c.send("PJSIPShowEndpoints")
	items := 0
	for {
		m, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m, "Event: EndpointList\r\n") {
			items++
		}
		if strings.Contains(m, "EventList: Complete") {
			break
		}
	}
	if items != 25 {
		t.Errorf("%d phones, want 25", items)
	}
	c.send("PJSIPNotify", "ActionID: n1", "Endpoint: 1025", "Variable: Event=talk,X-A=b", "Variable: Content-type=text/plain,Content=hello")
	c.want("Response: Success\r\nActionID: n1\r\nMessage: NOTIFY sent\r\n\r\n")
	list := s.Notifies()
	if len(list) != 1 || s.Count() != 1 {
		t.Fatalf("NOTIFYs: %+v", list)
	}
	n := list[0]
	if n.Seq != 1 || n.ActionID != "n1" || n.Phone != "1025" || n.Driver != "PJSIP" || n.Status != 200 || n.Body != "hello" || n.Event() != "talk" {
		t.Errorf("NOTIFY: %+v", n)
	}
	if names := []string{"Subscription-State", "Event", "X-A", "Max-Forwards", "User-Agent", "Content-Type", "Content-Length"}; !slices.Equal(names, namesFrom(n.Headers(), 6)) {
		t.Errorf("headers: %v", n.Headers())
	}
}

func namesFrom(headers []Header, from int) []string {
	var names []string
	for _, h := range headers[from:] {
		names = append(names, h.Name)
	}
	return names
}

func TestStart_errors(t *testing.T) {
	s := start(t, Config{})
	for name, config := range map[string]Config{
		"address taken": {Listen: s.Addr()},
		"same name":     {Phones: []Phone{{Name: "a"}, {Name: "a"}}},
		"no name":       {Phones: []Phone{{}}},
		"same mailbox":  {Mailboxes: []Mailbox{{Name: "1@default"}, {Name: "1"}}},
		"no mailbox":    {Mailboxes: []Mailbox{{}}},
	} {
		if s, err := Start(config); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

func TestServer_authLimit(t *testing.T) {
	s := start(t, Config{AuthLimit: 1})
	first := dial(t, s)
	dial(t, s)
	conn, err := net.Dial("tcp", s.Addr()) // one more than the limit is let in, the next is not
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a third connection that is not logged in was greeted")
	}
	first.send("Login", "Username: "+s.Users()[0].Name, "Secret: "+s.Users()[0].Secret, "Events: off")
	first.want("Response: Success\r\nMessage: Authentication accepted\r\n\r\n")
	login(t, s, "off").ping()
}

func TestServer_authTimeout(t *testing.T) {
	s := start(t, Config{AuthTimeout: time.Millisecond})
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "Asterisk Call Manager/11.0.0\r\n" {
		t.Errorf("got %q, %v; want the greeting and the end", got, err)
	}
}

func TestServer_singleLogin(t *testing.T) {
	s := start(t, Config{Users: []User{{Name: "one", Secret: "s", Single: true}}})
	login(t, s, "off")
	c := dial(t, s)
	c.send("Login", "Username: one", "Secret: s")
	c.want("Response: Error\r\nMessage: Login Already In Use\r\n\r\n")
	c.wantEOF()
}

func TestServer_boot(t *testing.T) {
	s := start(t, Config{Booting: true, Phones: []Phone{{Name: "a", Static: true}, {Name: "b"}, {Name: "c", QualifyFrequency: time.Minute}}})
	c := login(t, s, "system")
	const unknown = "Response: Error\r\nMessage: Invalid/unknown command: PJSIPNotify. Use Action: ListCommands to show available commands.\r\n\r\n"
	c.send("PJSIPNotify", "Endpoint: a", "Variable: Event=x")
	c.want(unknown)
	s.FinishBoot()
	c.wantEvent("PeerStatus", "Peer: PJSIP/a", "PeerStatus: Reachable")
	c.wantEvent("PeerStatus", "Peer: PJSIP/b", "PeerStatus: Reachable")
	c.wantEvent("ContactStatus", "ContactStatus: NonQualified", "AOR: b")
	c.wantEvent("ContactStatus", "ContactStatus: NonQualified", "AOR: c")
	if got, err := c.read(); err != nil || !strings.HasPrefix(got, "Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\nUptime: ") {
		t.Errorf("got %q, %v; want FullyBooted in the order of a real event", got, err)
	}
	c.wantEvent("PeerStatus", "Peer: PJSIP/c", "PeerStatus: Reachable")
	c.wantEvent("ContactStatus", "ContactStatus: Reachable", "AOR: c")
	c.send("PJSIPNotify", "Endpoint: a", "Variable: Event=x")
	c.want(accepted)

	s.Restart()
	c.wantEvent("Shutdown", "Shutdown: Cleanly", "Restart: True")
	c.wantEOF()
	c = login(t, s, "off")
	c.send("PJSIPNotify", "Endpoint: a", "Variable: Event=x")
	c.want(unknown)

	s.FinishBoot()
	s.StopGracefully()
	c.send("Ping")
	c.want("Response: Error\r\nMessage: Asterisk is shutting down\r\n\r\n")
}

func TestServer_crash(t *testing.T) {
	s := start(t, Config{Version: Asterisk16})
	c := login(t, s, "off")
	c.send("PJSIPNotify", "ActionID: k", "Endpoint: 1001", "Variable: Event=x,cOntent-TYPE=text", "Variable: Content=y")
	c.want("Response: Success\r\nActionID: k\r\nMessage: NOTIFY sent\r\n\r\n")
	if got, err := c.read(); got != "" || err == nil {
		t.Errorf("after the crash: %q, %v", got, err)
	}
	if crashes := s.Crashes(); len(crashes) != 1 || crashes[0].ActionID != "k" || !crashes[0].Fatal {
		t.Errorf("crashes: %+v", crashes)
	}
	if conn, err := net.Dial("tcp", s.Addr()); err == nil {
		conn.Close()
		t.Error("the crashed server takes connections")
	}
}

func TestServer_leak(t *testing.T) {
	s := start(t, Config{})
	c := login(t, s, "off")
	c.send("PJSIPNotify", "Endpoint: 1001", "Variable: Event=x,Content-type=text/plain")
	c.want(accepted)
	c.send("PJSIPNotify", "Endpoint: 1001", "Variable: Event=x,Content-type=text,Content=a")
	c.want(accepted)
	c.ping()
	if crashes := s.Crashes(); len(crashes) != 2 || crashes[0].Fatal || crashes[1].Fatal {
		t.Errorf("crashes: %+v", crashes)
	}
}

func TestServer_unsent(t *testing.T) {
	s := start(t, Config{Phones: []Phone{{Name: "a", Unregistered: true}}})
	c := login(t, s, "off")
	for _, target := range []string{"Endpoint: a", "URI: sip:a@192.0.2.1", "URI: 1001"} {
		c.send("PJSIPNotify", "ActionID: u", target, "Variable: Event=x")
		c.want("Response: Success\r\nActionID: u\r\nMessage: NOTIFY sent\r\n\r\n")
	}
	want := []Unsent{{"u", "PJSIP/a", "no contact"}, {"u", "sip:a@192.0.2.1", "no default_outbound_endpoint"}, {"u", "1001", "no default_outbound_endpoint"}}
	if got := s.Unsent(); !slices.Equal(got, want) || s.Count() != 0 {
		t.Errorf("unsent %+v, want %+v", got, want)
	}
}

func TestServer_keep(t *testing.T) {
	for keep, want := range map[int]int{0: 10, 3: 3, -1: 0} {
		s := start(t, Config{Keep: keep, Phones: []Phone{{Name: "a"}}})
		c := login(t, s, "off")
		for range 10 {
			c.send("PJSIPNotify", "Endpoint: a", "Variable: Event=x")
			c.want(accepted)
		}
		list := s.Notifies()
		if len(list) != want || s.Count() != 10 {
			t.Errorf("keep %d: %d kept, %d counted", keep, len(list), s.Count())
		}
		if want > 0 && list[want-1].Seq != 10 {
			t.Errorf("keep %d: the last is number %d", keep, list[want-1].Seq)
		}
	}
}

func TestServer_swapOrder(t *testing.T) {
	told := make(chan Notify, 3)
	s := start(t, Config{SwapOrder: true, OnNotify: func(n Notify) { told <- n }, Phones: []Phone{{Name: "a"}}})
	c := login(t, s, "off")
	for _, event := range []string{"one", "two", "three"} {
		c.send("PJSIPNotify", "Endpoint: a", "Variable: Event="+event)
		c.want(accepted)
	}
	for _, want := range []string{"two", "one", "three"} {
		if n := <-told; n.Event() != want {
			t.Errorf("got %q, want %q", n.Event(), want)
		}
	}
}

func TestServer_Emit(t *testing.T) {
	s := start(t, Config{})
	c := login(t, s, "user")
	long := strings.Repeat("x", 100_000)
	s.Emit("UserEvent", "user", []Header{{"Channel", "SIP/1"}, {"UserEvent", "Big"}, {"Body", long}, {"Body", ": \xff"}})
	s.Emit("Hidden", "system", nil)
	c.wantEvent("UserEvent", "Privilege: user,all", "UserEvent: Big", "Body: "+long, "Body: : \xff")
	c.ping()
}

func TestVersion_CommandFollows(t *testing.T) {
	version := Asterisk16
	version.CommandFollows = true
	s := start(t, Config{Version: version, Commands: map[string]string{"x": "one\r\n\r\ntwo"}})
	c := login(t, s, "off")
	c.send("Command", "ActionID: c", "Command: x")
	c.want("Response: Follows\r\nPrivilege: Command\r\nActionID: c\r\none\r\n\r\n")
	c.want("two\n--END COMMAND--\r\n\r\n")
}

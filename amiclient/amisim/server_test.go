package amisim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// client is a session of a test, as plain as can be.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func start(t testing.TB, config Config) *Server {
	t.Helper()
	s, err := Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &client{t, conn, bufio.NewReader(conn)}
	greeting, err := c.r.ReadString('\n')
	if want := "Asterisk Call Manager/" + s.config.Version.AMI + "\r\n"; err != nil || greeting != want {
		t.Fatalf("greeting %q, %v; want %q", greeting, err, want)
	}
	return c
}

// login connects and logs in as the first user with this event mask.
func login(t testing.TB, s *Server, mask string) *client {
	t.Helper()
	c := dial(t, s)
	c.send("Login", "Username: "+s.Users()[0].Name, "Secret: "+s.Users()[0].Secret, "Events: "+mask)
	c.want("Response: Success\r\nMessage: Authentication accepted\r\n\r\n")
	return c
}

func (c *client) send(action string, headers ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, "Action: "+action+"\r\n"+strings.Join(append(headers, "", ""), "\r\n")); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next message, or what came before the connection's end and its error.
func (c *client) read() (string, error) {
	var b strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String(), err
		}
	}
}

func (c *client) want(want string) {
	c.t.Helper()
	if got, err := c.read(); err != nil || got != want {
		c.t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

// wantEvent reads the next event, which must have these parts.
func (c *client) wantEvent(name string, parts ...string) {
	c.t.Helper()
	got, err := c.read()
	if err != nil || !strings.HasPrefix(got, "Event: "+name+"\r\n") {
		c.t.Fatalf("got %q, %v; want event %s", got, err, name)
	}
	for _, part := range parts {
		if !strings.Contains(got, "\r\n"+part+"\r\n") {
			c.t.Errorf("event %q lacks %q", got, part)
		}
	}
}

func (c *client) wantEOF() {
	c.t.Helper()
	if got, err := c.read(); got != "" || err != io.EOF {
		c.t.Errorf("got %q, %v; want the end", got, err)
	}
}

const (
	accepted = "Response: Success\r\nMessage: NOTIFY sent\r\n\r\n"
	pong     = "Response: Success\r\nActionID: p\r\nPing: Pong\r\n"
)

func (c *client) ping() {
	c.t.Helper()
	c.send("Ping", "ActionID: p")
	if got, err := c.read(); err != nil || !strings.HasPrefix(got, pong) {
		c.t.Fatalf("got %q, %v; want a pong", got, err)
	}
}

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
	s := start(t, Config{Booting: true, Phones: []Phone{{Name: "a", Static: true}, {Name: "b"}}})
	c := login(t, s, "system")
	const unknown = "Response: Error\r\nMessage: Invalid/unknown command: PJSIPNotify. Use Action: ListCommands to show available commands.\r\n\r\n"
	c.send("PJSIPNotify", "Endpoint: a", "Variable: Event=x")
	c.want(unknown)
	s.FinishBoot()
	c.wantEvent("PeerStatus", "Peer: PJSIP/a", "PeerStatus: Reachable")
	c.wantEvent("FullyBooted", "Status: Fully Booted")
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

func TestServer_faults(t *testing.T) {
	notify := func(c *client) {
		c.t.Helper()
		c.send("PJSIPNotify", "Endpoint: 1001", "Variable: Event=x")
	}
	for _, test := range []struct {
		name     string
		fault    Fault
		arrives  int
		exchange func(c *client)
	}{
		{"late", Fault{Kind: Late, Delay: time.Millisecond}, 1, func(c *client) { c.want(accepted); c.ping() }},
		{"silent", Fault{Kind: Silent}, 1, func(c *client) { c.ping() }},
		{"silent and lost", Fault{Kind: Silent, Lost: true}, 0, func(c *client) { c.ping() }},
		{"cut", Fault{Kind: Cut}, 1, (*client).wantEOF},
		{"cut and lost", Fault{Kind: Cut, Lost: true}, 0, (*client).wantEOF},
		{"cut after", Fault{Kind: CutAfter}, 1, func(c *client) { c.want(accepted); c.wantEOF() }},
		{"cut inside", Fault{Kind: CutInside}, 1, func(c *client) {
			if got, err := c.read(); got != accepted[:len(accepted)/2] || err != io.EOF {
				c.t.Errorf("got %q, %v", got, err)
			}
		}},
		{"reset", Fault{Kind: Reset, Lost: true}, 0, func(c *client) {
			if got, err := c.read(); got != "" || !errors.Is(err, syscall.ECONNRESET) {
				c.t.Errorf("got %q, %v", got, err)
			}
		}},
		{"refuse", Fault{Kind: Refuse, Action: "pjsipnotify", Text: "Unable to push NOTIFY task"}, 0, func(c *client) {
			c.want("Response: Error\r\nMessage: Unable to push NOTIFY task\r\n\r\n")
			notify(c)
			c.want(accepted)
		}},
		{"later", Fault{Kind: Cut, Skip: 1, Times: -1}, 2, func(c *client) { c.want(accepted); notify(c); c.wantEOF() }},
		{"another action", Fault{Kind: Cut, Action: "Ping"}, 1, func(c *client) { c.want(accepted); c.send("Ping"); c.wantEOF() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, Config{Phones: []Phone{{Name: "1001"}}})
			s.Inject(test.fault)
			c := login(t, s, "off")
			notify(c)
			test.exchange(c)
			if test.fault.Kind != Refuse && s.Count() != test.arrives {
				t.Errorf("%d NOTIFYs arrived, want %d", s.Count(), test.arrives)
			}
		})
	}
}

func TestServer_stall(t *testing.T) {
	s := start(t, Config{})
	s.Inject(Fault{Kind: Stall, Action: "Ping"})
	c := login(t, s, "off")
	c.send("Ping")
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	var timeout net.Error
	if got, err := c.read(); got != "" || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %q, %v; want silence", got, err)
	}
	login(t, s, "off").ping() // others go on
	s.Cut()
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.read(); err == nil {
		t.Error("the connection is still open after Cut")
	}
}

// A client that does not read is cut off, and nobody else waits for it.
func TestServer_slowReader(t *testing.T) {
	s := start(t, Config{WriteTimeout: 50 * time.Millisecond})
	slow, quick := login(t, s, "user"), login(t, s, "off")
	value := strings.Repeat("x", 1000)
	headers := []string{"UserEvent: Long"}
	for i := range 100 {
		headers = append(headers, fmt.Sprintf("H%d: %s", i, value))
	}
	for s.Sessions() == 2 {
		quick.send("UserEvent", headers...)
		quick.want("Response: Success\r\nMessage: Event Sent\r\n\r\n")
	}
	slow.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, slow.r); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
}

func TestServer_segments(t *testing.T) {
	s := start(t, Config{Segment: 1})
	login(t, s, "off").ping()
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

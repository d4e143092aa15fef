package amisim

import (
	"bufio"
	"io"
	"net"
	"strings"
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

package amisim

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

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

package amiclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// event sends a user event of that name.
func event(d *amitest.Dialogue, names ...string) {
	for _, name := range names {
		d.Send("Event: UserEvent⏎Privilege: user,all⏎UserEvent: " + name + "⏎⏎")
	}
}

// mask expects the action Events with that mask and says yes.
func mask(d *amitest.Dialogue, want string) {
	d.Expect("Action: Events", "EventMask: "+want)
	d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
}

// next returns the name of the next user event, or what is said in its place.
func next(t *testing.T, s *amiclient.Subscription) string {
	t.Helper()
	m, err := s.Next(t.Context())
	var missed *amiclient.MissedError
	switch {
	case errors.As(err, &missed) && missed.Cause == nil:
		return fmt.Sprintf("lost %d", missed.Lost)
	case errors.As(err, &missed):
		return fmt.Sprintf("lost %d, %v", missed.Lost, missed.Cause)
	case err != nil:
		return err.Error()
	case m.Event() != "UserEvent":
		return m.Event()
	}
	return m.Get("UserEvent")
}

func wantNext(t *testing.T, s *amiclient.Subscription, want ...string) {
	t.Helper()
	for _, want := range want {
		if got := next(t, s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

const hangsUp = "the server closed the connection: EOF"

func TestConn_Subscribe(t *testing.T) {
	users := amiclient.Filter{Events: []string{"UserEvent"}}
	bubble(t, "from then on, in order, to the end", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: Events", "EventMask: user")
			event(d, "early")
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
			event(d, "a")
			d.Send("Event: PeerStatus⏎Privilege: system,all⏎⏎")
			event(d, "b")
		})
		s, err := c.Subscribe(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		wantNext(t, s, "a", "b", "receive events: "+hangsUp, "receive events: "+hangsUp)
		if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("the end is %v", err)
		}
		late, err := c.Subscribe(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		wantNext(t, late, "receive events: "+hangsUp)
	})
	bubble(t, "several", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			mask(d, "user")
			mask(d, "system,user")
			d.Expect("Action: Events", "EventMask: system,call,log,verbose,command,agent,user,config,dtmf,reporting,cdr,dialplan,originate,agi,cc,aoc,test,security,message")
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
			d.Answer(d.Expect("Action: Ping"), "x") // the same classes again need no action
			event(d, "a")
			d.Send("Event: PeerStatus⏎Privilege: system,all⏎⏎Event: Newstate⏎Privilege: call,all⏎⏎")
			event(d, "b")
			d.ExpectClose()
		})
		var all [4]*amiclient.Subscription
		for i, f := range []amiclient.Filter{users, {Events: []string{"UserEvent", "PeerStatus"}}, {}, {Classes: []string{"call"}, Events: []string{"Newstate"}}} {
			var err error
			if all[i], err = c.Subscribe(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantNext(t, all[0], "a", "b")
		wantNext(t, all[1], "a", "PeerStatus", "b")
		wantNext(t, all[2], "a", "PeerStatus", "Newstate", "b")
		wantNext(t, all[3], "Newstate")
		all[2].Close()
		wantNext(t, all[2], "connection closed by us")
		c.Close()
		wantNext(t, all[0], "receive events: connection closed by us")
	})
	bubble(t, "a wait ends with its context", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { mask(d, "user"); d.ExpectClose() })
		s, err := c.Subscribe(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		c.Close()
	})
	bubble(t, "mask not taken", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: Events", "EventMask: user")
			d.Send("Response: Success⏎ActionID: {id}⏎Events: Off⏎⏎")
			d.ExpectClose()
		})
		if _, err := c.Subscribe(t.Context(), users); err == nil || !strings.Contains(err.Error(), `set event mask "user"`) {
			t.Errorf("%v", err)
		}
		c.Close()
	})
	for _, class := range []string{"usr", "user, system", "", "1", "User", "on", "all", "user\r\nAction: Originate"} {
		bubble(t, "class "+class, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { d.ExpectClose() })
			if _, err := c.Subscribe(t.Context(), amiclient.Filter{Classes: []string{"user", class}}); err == nil || !strings.Contains(err.Error(), "check event classes") {
				t.Errorf("%v", err)
			}
			c.Close()
		})
	}
}

// A consumer that does not take its events loses what its buffer cannot hold,
// is told how many at the right place, and delays no answer.
func TestSubscription_lost(t *testing.T) {
	bubble(t, "count and place", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			mask(d, "user")
			event(d, "1", "2", "3", "4", "5")
			d.Answer(d.Expect("Action: Ping"), "x")
			event(d, "6", "7")
			d.Answer(d.Expect("Action: Ping"), "x")
			event(d, "8")
			d.ExpectClose()
		})
		s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent"}, Buffer: 2})
		if err != nil {
			t.Fatal(err)
		}
		c.Do(t.Context(), ping)
		synctest.Wait() // 1 and 2 wait; 3 to 7 are lost
		wantNext(t, s, "1", "2", "lost 5")
		c.Do(t.Context(), ping)
		synctest.Wait()
		wantNext(t, s, "8")
		c.Close()
	})
	bubble(t, "before a later event", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			mask(d, "user")
			event(d, "1", "2", "3")
			d.Answer(d.Expect("Action: Ping"), "x")
			event(d, "4", "5")
			d.ExpectClose()
		})
		s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent"}, Buffer: 2})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantNext(t, s, "1")
		c.Do(t.Context(), ping)
		synctest.Wait()
		wantNext(t, s, "2", "lost 1", "4", "lost 1")
		c.Close()
	})
	bubble(t, "bytes", func(t *testing.T) {
		const size, sent = 1 << 19, 200
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			mask(d, "user")
			for range sent {
				event(d, strings.Repeat("x", size))
			}
			d.ExpectClose()
		})
		s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent"}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := 0
		for m, err := s.Next(t.Context()); m != nil; m, err = s.Next(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got++
		}
		if got >= sent || got < 64<<20/size-1 {
			t.Errorf("%d of %d events were kept", got, sent)
		}
		c.Close()
	})
}

func TestClient_Subscribe(t *testing.T) {
	users := amiclient.Filter{Events: []string{"UserEvent"}}
	bubble(t, "over reconnects", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Accept()
			mask(d, "user")
			event(d, "a")
		}, func(d *amitest.Dialogue) {
			d.Accept()
			mask(d, "user")
			event(d, "b")
			mask(d, "system,user")
			d.Answer(d.Expect("Action: Ping"), "x")
		}, func(d *amitest.Dialogue) {
			d.Accept()
			d.Expect("Action: Events", "EventMask: system,user")
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎Event: PeerStatus⏎⏎")
			event(d, "c")
			d.Expect("Action: Ping") // after 30 seconds
			d.Send("Response: Success⏎ActionID: {id}⏎⏎")
			d.ExpectClose()
		})
		s, err := c.Subscribe(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		kept := make(chan error)
		go func() { kept <- c.Keep(ctx) }()
		wantNext(t, s, "lost 0, not connected yet", "a", "lost 0, "+hangsUp, "b")
		both, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent", "PeerStatus"}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Fatal(err)
		}
		wantNext(t, s, "lost 0, "+hangsUp, "c")
		wantNext(t, both, "lost 0, "+hangsUp, "PeerStatus", "c")
		time.Sleep(45 * time.Second)
		stop()
		if err := <-kept; err != nil {
			t.Errorf("Keep: %v", err)
		}
		s.Close()
		wantNext(t, s, "connection closed by us")
		c.Close()
		wantNext(t, both, "connection closed by us")
		if _, err := c.Subscribe(t.Context(), users); !errors.Is(err, amiclient.ErrClosed) {
			t.Errorf("Subscribe after Close: %v", err)
		}
	})
	bubble(t, "a peer that dies unnoticed", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Accept()
			mask(d, "user")
			for range 2 {
				d.Expect("Action: Ping") // after 30 seconds, after 60
				d.Send("Response: Success⏎ActionID: {id}⏎⏎")
			}
			d.Wait()
		}, func(d *amitest.Dialogue) {
			d.Accept()
			mask(d, "user")
			d.ExpectClose()
		})
		s, err := c.Subscribe(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		go c.Keep(t.Context())
		wantNext(t, s, "lost 0, not connected yet")
		var missed *amiclient.MissedError
		if _, err := s.Next(t.Context()); !errors.As(err, &missed) {
			t.Fatal(err)
		}
		if noticed, since := time.Since(begun), missed.Since.Sub(begun); noticed != 100*time.Second || since != 30*time.Second {
			t.Errorf("noticed after %s, with nothing missed for %s", noticed, since)
		}
		c.Close()
	})
	bubble(t, "lost and reconnected", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Accept()
			mask(d, "user")
			event(d, "1", "2", "3")
		}, func(d *amitest.Dialogue) {
			d.Accept()
			mask(d, "user")
			event(d, "4")
			d.ExpectClose()
		})
		if _, err := c.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
		users := users
		users.Buffer = 2
		s, err := c.Subscribe(t.Context(), users)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantNext(t, s, "1")
		if _, err := c.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantNext(t, s, "2", "lost 1, "+hangsUp, "4")
		c.Close()
	})
}

// Keep dials on, ever more slowly, and gives up where going on makes no sense.
func TestClient_Keep(t *testing.T) {
	bubble(t, "a server that takes logins and hangs up", func(t *testing.T) {
		begun := time.Now()
		var logins []time.Duration
		hangsUp := func(d *amitest.Dialogue) { logins = append(logins, time.Since(begun)); d.Accept() }
		c := newClient(t, hangsUp, hangsUp, hangsUp, hangsUp, func(d *amitest.Dialogue) { hangsUp(d); d.Wait() })
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		if err := c.Keep(ctx); err != nil {
			t.Error(err)
		}
		if conn, err := c.Conn(t.Context()); err != nil || conn.Err() != nil {
			t.Error(err)
		}
		c.Close()
		wait := 500 * time.Millisecond
		for i := range len(logins) - 1 {
			if took := logins[i+1] - logins[i]; took <= wait/2 || took > wait {
				t.Errorf("login %d came after %s, want between a half and all of %s", i+1, took, wait)
			}
			wait *= 2
		}
	})
	bubble(t, "wrong secret", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Greet()
			d.Expect("Action: Challenge")
			d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 1⏎⏎")
			d.Error(d.Expect("Action: Login"), "Authentication failed")
		})
		if err := c.Keep(t.Context()); !errors.Is(err, amiclient.ErrAuth) {
			t.Errorf("%v", err)
		}
	})
	bubble(t, "a peer that died", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) { d.Accept(); d.Wait() })
		go c.Keep(t.Context())
		synctest.Wait()
		first, err := c.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		<-first.Done()
		if took := time.Since(start); took != 40*time.Second || !errors.Is(first.Err(), amiclient.ErrTimeout) {
			t.Errorf("ended after %s by %v", took, first.Err())
		}
		c.Close()
	})
}

// A Subscribe whose answer nobody waits for any more leaves nothing behind: no
// subscription, and no wrong idea of what the server sends.
func TestConn_Subscribe_givenUp(t *testing.T) {
	bubble(t, "the classes are sent anew", func(t *testing.T) {
		calls := amiclient.Filter{Events: []string{"Newchannel"}, Classes: []string{"call"}}
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			mask(d, "call")
			d.Expect("Action: Events", "EventMask: user")
			time.Sleep(2 * time.Second)
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
			mask(d, "call")
			d.Send("Event: Newchannel⏎Privilege: call,all⏎⏎")
			d.ExpectClose()
		})
		first, err := c.Subscribe(t.Context(), calls)
		if err != nil {
			t.Fatal(err)
		}
		first.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Subscribe(ctx, amiclient.Filter{Events: []string{"UserEvent"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v", err)
		}
		second, err := c.Subscribe(t.Context(), calls)
		if err != nil {
			t.Fatal(err)
		}
		wantNext(t, second, "Newchannel")
		c.Close()
	})
}

// Subscriptions that come and go while a connection is being made are on it, or
// not, as they should be.
func TestClient_Subscribe_whileDialling(t *testing.T) {
	bubble(t, "closed and added", func(t *testing.T) {
		asked, going := make(chan struct{}), make(chan struct{})
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Accept()
			d.Expect("Action: Events", "EventMask: system,user")
			close(asked)
			<-going
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
			mask(d, "call,user")
			event(d, "a")
			d.Send("Event: Newchannel⏎Privilege: call,all⏎⏎")
			d.ExpectClose()
		})
		subscribe := func(event, class string) *amiclient.Subscription {
			s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{event}, Classes: []string{class}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		kept, closed := subscribe("UserEvent", "user"), subscribe("PeerStatus", "system")
		go c.Conn(t.Context())
		<-asked
		closed.Close()
		added := subscribe("Newchannel", "call")
		close(going)
		wantNext(t, kept, "lost 0, not connected yet", "a")
		wantNext(t, added, "lost 0, not connected yet", "Newchannel")
		c.Close()
	})
	bubble(t, "all closed", func(t *testing.T) {
		asked, going := make(chan struct{}), make(chan struct{})
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Accept()
			d.Expect("Action: Events", "EventMask: user")
			close(asked)
			<-going
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
			d.Answer(d.Expect("Action: Ping"), "x")
			d.ExpectClose()
		})
		s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent"}})
		if err != nil {
			t.Fatal(err)
		}
		go func() { <-asked; s.Close(); close(going) }()
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Error(err)
		}
		c.Close()
	})
}

// A server that was said to shut down goes on: its events end before those of the
// next connection begin.
func TestClient_Subscribe_afterShutdown(t *testing.T) {
	bubble(t, "no event twice", func(t *testing.T) {
		asked, going := make(chan struct{}), make(chan struct{})
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Accept()
			mask(d, "user")
			event(d, "a")
			d.Send("Event: Shutdown⏎Shutdown: Cleanly⏎Restart: True⏎⏎")
			for range 100 {
				d.TrySend("Event: UserEvent⏎UserEvent: old⏎⏎")
				time.Sleep(10 * time.Millisecond)
			}
		}, func(d *amitest.Dialogue) {
			d.Accept()
			d.Expect("Action: Events", "EventMask: user")
			close(asked)
			<-going
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
			d.Expect("Action: Events", "EventMask: system,user")
			time.Sleep(100 * time.Millisecond)
			d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
			event(d, "b")
			d.ExpectClose()
		})
		s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go c.Conn(t.Context())
		<-asked
		if _, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"PeerStatus"}}); err != nil {
			t.Fatal(err)
		}
		close(going)
		wantNext(t, s, "lost 0, not connected yet", "a")
		got := "old"
		for got == "old" {
			got = next(t, s)
		}
		if want := "lost 0, " + amiclient.ErrShuttingDown.Error(); got != want {
			t.Errorf("after the old connection's: %q, want %q", got, want)
		}
		wantNext(t, s, "b")
		time.Sleep(2 * time.Second) // the old server has ended by then
		c.Close()
	})
}

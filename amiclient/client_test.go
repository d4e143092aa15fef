package amiclient_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func newClient(t *testing.T, scripts ...amitest.Script) *amiclient.Client {
	c := amiclient.NewClient(amiclient.Config{Address: "pbx:5038", Username: "u", Secret: "s", DialContext: amitest.Dialler(t, scripts...)})
	t.Cleanup(func() { c.Close() })
	return c
}

// answering accepts the login and answers n Pings.
func answering(n int) amitest.Script {
	return func(d *amitest.Dialogue) {
		d.Accept()
		for range n {
			d.Answer(d.Expect("Action: Ping"), "x")
		}
	}
}

func TestClient_Do(t *testing.T) {
	bubble(t, "one connection", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) { answering(3)(d); d.ExpectClose() })
		for range 3 {
			if _, err := c.Do(t.Context(), ping); err != nil {
				t.Error(err)
			}
		}
		c.Close()
		if _, err := c.Do(t.Context(), ping); !errors.Is(err, amiclient.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
	bubble(t, "a new connection after the end of one", func(t *testing.T) {
		c := newClient(t, answering(1), answering(1))
		for range 2 {
			conn, err := c.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Do(t.Context(), ping); err != nil {
				t.Error(err)
			}
			<-conn.Done()
		}
	})
	bubble(t, "a new connection after an announced shutdown", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) {
			answering(1)(d)
			d.Send("Event: Shutdown⏎Shutdown: Cleanly⏎Restart: True⏎⏎")
			d.Wait()
		}, answering(1))
		old, err := c.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := c.Do(t.Context(), ping); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		<-old.Done()
		if !errors.Is(old.Err(), amiclient.ErrShuttingDown) {
			t.Errorf("the first connection ended by %v", old.Err())
		}
	})
}

func TestClient_backoff(t *testing.T) {
	bubble(t, "doubles up to a cap", func(t *testing.T) {
		c := newClient(t)
		var total time.Duration
		wait := 500 * time.Millisecond
		for i := range 12 {
			start := time.Now()
			if _, err := c.Do(t.Context(), ping); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatal(err)
			}
			took := time.Since(start)
			total += took
			if i == 0 {
				if took != 0 {
					t.Errorf("the first dial waited %s", took)
				}
				continue
			}
			if took <= wait/2 || took > wait {
				t.Errorf("dial %d waited %s, want between a half and all of %s", i, took, wait)
			}
			wait = min(2*wait, 30*time.Second)
		}
	})
	bubble(t, "bounded by the context", func(t *testing.T) {
		c := newClient(t)
		c.Do(t.Context(), ping)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var conn *amiclient.ConnError
		if _, err := c.Do(ctx, ping); !errors.As(err, &conn) || conn.Written || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
	bubble(t, "ended by Close", func(t *testing.T) {
		c := newClient(t)
		c.Do(t.Context(), ping)
		time.AfterFunc(time.Millisecond, func() { c.Close() })
		if _, err := c.Do(t.Context(), ping); !errors.Is(err, amiclient.ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
	bubble(t, "forgotten after a success", func(t *testing.T) {
		refusing := func(d *amitest.Dialogue) {}
		c := newClient(t, refusing, refusing, refusing, answering(1), answering(1))
		for range 3 {
			if _, err := c.Do(t.Context(), ping); err == nil {
				t.Error("no error from a server that closes at once")
			}
		}
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		start := time.Now()
		if _, err := c.Do(t.Context(), ping); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// A wrong secret is tried once.
func TestClient_wrongSecret(t *testing.T) {
	bubble(t, "remembered", func(t *testing.T) {
		c := newClient(t, func(d *amitest.Dialogue) {
			d.Greet()
			d.Expect("Action: Challenge")
			d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 1⏎⏎")
			d.Error(d.Expect("Action: Login"), "Authentication failed")
		})
		for range 3 {
			start := time.Now()
			if _, err := c.Do(t.Context(), ping); !errors.Is(err, amiclient.ErrAuth) || time.Since(start) != 0 {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		}
	})
}

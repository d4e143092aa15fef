package amiclient_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

var (
	ping   = amiclient.Action{Name: "Ping"}
	notify = amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync"}}}.Action()
)

// dial connects to a server that plays the script after an ordinary login.
func dial(t *testing.T, cfg amiclient.Config, script amitest.Script) *amiclient.Conn {
	t.Helper()
	cfg.Address, cfg.Username, cfg.Secret = "pbx:5038", "notifyrun", "s3cret"
	cfg.DialContext = amitest.Dialler(t, func(d *amitest.Dialogue) {
		d.Accept()
		script(d)
	})
	c, err := amiclient.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// bubble runs a test in a bubble that ends only when all goroutines have.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// results gathers what the done functions were called with, by ActionID.
type results struct {
	mu  sync.Mutex
	got map[string][]error
}

func (r *results) done(id string) func(*amiclient.Message, error) {
	return func(m *amiclient.Message, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if (m == nil) == (err == nil) {
			err = fmt.Errorf("message %v with error %v", m, err)
		}
		if r.got == nil {
			r.got = map[string][]error{}
		}
		r.got[id] = append(r.got[id], err)
	}
}

// written tells what became of an action: "ok", "written", "unwritten", or
// the error.
func (r *results) outcome(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got[id]) != 1 {
		return fmt.Sprintf("done called %d times", len(r.got[id]))
	}
	err := r.got[id][0]
	var conn *amiclient.ConnError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &conn) && conn.Written:
		return "written"
	case errors.As(err, &conn):
		return "unwritten"
	}
	return err.Error()
}

func TestConn_Do(t *testing.T) {
	pong := func(m *amiclient.Message, err error) error {
		if err != nil {
			return err
		}
		if m.Get("Ping") != "Pong" {
			return fmt.Errorf("wrong answer: %v", m.Headers())
		}
		return nil
	}
	const answer = "Response: Success⏎ActionID: {id}⏎Ping: Pong⏎Timestamp: 1.2⏎⏎"
	for name, script := range map[string]amitest.Script{
		"plainly": func(d *amitest.Dialogue) { d.Expect("Action: Ping"); d.Send(answer) },
		"byte by byte": func(d *amitest.Dialogue) {
			d.Expect("Action: Ping")
			d.SendBytes(answer)
		},
		"bare line feeds": func(d *amitest.Dialogue) {
			d.Expect("Action: Ping")
			d.Send("Response: Success␊ActionID: {id}␊Ping: Pong␊␊")
		},
		"events before": func(d *amitest.Dialogue) {
			d.Expect("Action: Ping")
			d.Send("Event: PeerStatus⏎Privilege: system,all⏎Peer: PJSIP/1⏎⏎Event: UserEvent⏎UserEvent: x⏎ActionID: {id}⏎Response: Error⏎⏎" + answer)
		},
		"answers to others before": func(d *amitest.Dialogue) {
			d.Expect("Action: Ping")
			d.Send("Response: Error⏎ActionID: {id}0⏎Message: Permission denied⏎⏎␊⏎neither this⏎nor: that⏎⏎" + answer)
		},
		"answered twice": func(d *amitest.Dialogue) {
			d.Expect("Action: Ping")
			d.Send(answer + strings.Replace(answer, "Success", "Error", 1))
		},
	} {
		bubble(t, name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { script(d); script(d); d.ExpectClose() })
			for range 2 {
				if err := pong(c.Do(t.Context(), ping)); err != nil {
					t.Error(err)
				}
			}
			c.Close()
		})
	}
}

func TestConn_Do_errors(t *testing.T) {
	for text, want := range map[string]error{
		"Permission denied": amiclient.ErrPermission,
		"Invalid/unknown command: PJSIPNotify. Use Action: ListCommands to show available commands.": amiclient.ErrUnknownAction,
		"Unable to retrieve endpoint 1001":                              amiclient.ErrUnknownEndpoint,
		"Could not create address":                                      amiclient.ErrNoAddress,
		"Channel not found":                                             amiclient.ErrNoDialog,
		"Call-ID not found":                                             amiclient.ErrNoDialog,
		"Unable to find notify type 'x'␊":                               amiclient.ErrUnknownOption,
		"Unable to allocate NOTIFY task data":                           amiclient.ErrBusyServer,
		"Unable to push NOTIFY task":                                    amiclient.ErrBusyServer,
		"Unable to push Notify task":                                    amiclient.ErrBusyServer,
		"Unable to build sip pvt data for notify (memory/socket error)": amiclient.ErrBusyServer,
		"Asterisk is shutting down":                                     amiclient.ErrShuttingDown,
		"No AoRs configured for endpoint␊":                              amiclient.ErrNoContact,
		"No such module":                                                amiclient.ErrUnknownModule,
		"Module not loaded":                                             amiclient.ErrUnknownModule,
		"A reload is in progress":                                       amiclient.ErrBusyServer,
		"Originate failed":                                              amiclient.ErrCallFailed,
		"Originate Access Forbidden: app or data blacklisted":           amiclient.ErrPermission,
		"Peer nope not found.␊":                                         amiclient.ErrUnknownEndpoint,
		"Peer not found":                                                amiclient.ErrUnknownEndpoint,
		"Peer will be found":                                            nil,
		"something new \x1b[31m":                                        nil,
	} {
		bubble(t, text, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				d.Error(d.Expect("Action: PJSIPNotify"), text)
				d.ExpectClose()
			})
			m, err := c.Do(t.Context(), notify)
			var refused *amiclient.ResponseError
			if !errors.As(err, &refused) || m == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("error %v, message %v", err, m)
			}
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("control characters in %q", err)
			}
			c.Close()
		})
	}
}

func TestConn_Do_refused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Answer(d.Expect("Action: Ping"), "first and only")
			d.ExpectClose()
		})
		_, err := c.Do(t.Context(), amiclient.Action{Name: "Ping", Headers: []amiclient.Header{{Name: "X", Value: "\r\nAction: Originate"}}})
		var field *amiclient.FieldError
		if !errors.As(err, &field) {
			t.Errorf("error %v", err)
		}
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Error(err)
		}
		c.Close()
	})
}

// A context that ends takes the caller away, not the connection; the late
// answer goes to nobody.
func TestConn_Do_late(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			first := d.Expect("Action: PJSIPNotify")
			second := d.Expect("Action: Ping")
			d.Answer(first, "late")
			d.Answer(second, "on time")
			d.ExpectClose()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Do(ctx, notify)
		var conn *amiclient.ConnError
		if !errors.As(err, &conn) || !conn.Written || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if m, err := c.Do(t.Context(), ping); err != nil || m.Get("Message") != "on time" {
			t.Errorf("%v, %v", m, err)
		}
		c.Close()
	})
}

// AMI answers in order. An answer that overtakes one says that one was lost, so
// that where answers begin is no longer known: all that is in flight is.
func TestConn_order(t *testing.T) {
	bubble(t, "an answer is missing", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Answer(d.Expect("ActionID: 1"), "NOTIFY sent")
			d.Expect("ActionID: 2")
			d.Answer(d.Expect("ActionID: 3"), "NOTIFY sent")
			d.ExpectClose()
		})
		var r results
		for _, id := range []string{"1", "2", "3"} {
			if err := c.Go(t.Context(), id, notify, r.done(id)); err != nil {
				t.Fatal(err)
			}
		}
		<-c.Done()
		synctest.Wait()
		if got := r.outcome("1") + " " + r.outcome("2") + " " + r.outcome("3"); got != "ok written written" {
			t.Error(got)
		}
		if err := c.Err(); !errors.Is(err, amiclient.ErrProtocol) || !strings.Contains(err.Error(), "the answer to PJSIPNotify 3 came, but that to the earlier PJSIPNotify 2 did not") {
			t.Errorf("%v", err)
		}
	})
	bubble(t, "the end of a list is missing", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: PJSIPShowEndpoints")
			d.Send("Response: Success⏎ActionID: {id}⏎EventList: start⏎⏎Event: EndpointList⏎ActionID: {id}⏎⏎")
			d.Answer(d.Expect("ActionID: 1"), "NOTIFY sent")
			d.ExpectClose()
		})
		var r results
		n := 0
		for _, err := range c.List(t.Context(), amiclient.Action{Name: "PJSIPShowEndpoints"}) {
			if n++; n == 1 {
				if err := c.Go(t.Context(), "1", notify, r.done("1")); err != nil {
					t.Fatal(err)
				}
			} else if !errors.Is(err, amiclient.ErrProtocol) {
				t.Errorf("the list ended with %v", err)
			}
		}
		if got := r.outcome("1"); got != "written" || n != 2 {
			t.Error(got, n)
		}
	})
}

func TestConn_Go(t *testing.T) {
	bubble(t, "pipelined", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			var actions []amitest.Action
			for range 10 {
				actions = append(actions, d.Expect("Action: PJSIPNotify"))
			}
			for _, a := range actions {
				d.Answer(a, "NOTIFY sent")
			}
			d.ExpectClose()
		})
		var r results
		for i := range 10 {
			id := strconv.Itoa(i)
			if err := c.Go(t.Context(), id, notify, r.done(id)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		for i := range 10 {
			if got := r.outcome(strconv.Itoa(i)); got != "ok" {
				t.Errorf("%d: %s", i, got)
			}
		}
		c.Close()
	})
	bubble(t, "bounded", func(t *testing.T) {
		c := dial(t, amiclient.Config{MaxInFlight: 2}, func(d *amitest.Dialogue) { d.Wait() })
		var r results
		for _, id := range []string{"1", "2"} {
			if err := c.Go(t.Context(), id, ping, r.done(id)); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.Go(ctx, "3", ping, r.done("3"))
		var conn *amiclient.ConnError
		if !errors.As(err, &conn) || conn.Written || r.got["3"] != nil {
			t.Errorf("third: %v", err)
		}
		c.Close()
		if got := r.outcome("1") + " " + r.outcome("2"); got != "written written" {
			t.Error(got)
		}
	})
	bubble(t, "refused", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { d.ExpectClose() })
		var field *amiclient.FieldError
		if err := c.Go(t.Context(), "a b", ping, nil); !errors.As(err, &field) || field.Field != amiclient.FieldActionID {
			t.Errorf("error %v", err)
		}
		c.Close()
		if err := c.Go(t.Context(), "1", ping, nil); !errors.Is(err, amiclient.ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
}

package amiclient_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
			return fmt.Errorf("wrong answer: %v", m.Headers)
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

// Written is what the retry rule hangs on, so it is shown at each place where a
// connection can end.
func TestConn_Go_written(t *testing.T) {
	for _, test := range []struct {
		name          string
		script        amitest.Script
		first, second string
		is            error
	}{
		{"closed before reading", func(d *amitest.Dialogue) {}, "unwritten", "unwritten", nil},
		{"closed within the first", func(d *amitest.Dialogue) { d.ReadBytes(20) }, "written", "unwritten", nil},
		{"closed after the first", func(d *amitest.Dialogue) { d.Expect("ActionID: 1") }, "written", "unwritten", nil},
		{"closed after both", func(d *amitest.Dialogue) { d.Expect("ActionID: 1"); d.Expect("ActionID: 2") }, "written", "written", io.EOF},
		{"closed within the answer", func(d *amitest.Dialogue) {
			d.Expect("ActionID: 1")
			d.Expect("ActionID: 2")
			d.Send("Response: Success⏎ActionID: 1⏎")
		}, "written", "written", io.ErrUnexpectedEOF},
		{"closed after one answer", func(d *amitest.Dialogue) {
			d.Answer(d.Expect("ActionID: 1"), "a")
			d.Expect("ActionID: 2")
		}, "ok", "written", io.EOF},
		{"silence", func(d *amitest.Dialogue) { d.Wait() }, "written", "written", amiclient.ErrTimeout},
		{"silence after one answer", func(d *amitest.Dialogue) { d.Answer(d.Expect("ActionID: 1"), "a"); d.Wait() }, "ok", "written", amiclient.ErrTimeout},
		{"nothing read", func(d *amitest.Dialogue) { d.Stall() }, "unwritten", "unwritten", amiclient.ErrTimeout},
		{"parse error without id", func(d *amitest.Dialogue) {
			d.Expect("ActionID: 1")
			d.Expect("ActionID: 2")
			d.Send("Response: Error⏎Message: Missing action in request⏎⏎")
			d.ExpectClose()
		}, "written", "written", amiclient.ErrProtocol},
		{"endless line", func(d *amitest.Dialogue) {
			d.Expect("ActionID: 1")
			d.Expect("ActionID: 2")
			d.TrySend(strings.Repeat("x", 3<<20))
		}, "written", "written", amiclient.ErrProtocol},
		{"shutdown", func(d *amitest.Dialogue) {
			d.Expect("ActionID: 1")
			d.Expect("ActionID: 2")
			d.Send("Event: Shutdown⏎Privilege: system,all⏎Shutdown: Cleanly⏎Restart: True⏎⏎")
		}, "written", "written", amiclient.ErrShuttingDown},
	} {
		bubble(t, test.name, func(t *testing.T) {
			// The script begins when both are queued. The first goes out in a
			// batch of its own: net.Pipe's Write waits for its reader.
			begin := make(chan struct{})
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { <-begin; test.script(d) })
			var r results
			for _, id := range []string{"1", "2"} {
				if err := c.Go(t.Context(), id, notify, r.done(id)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			close(begin)
			<-c.Done()
			synctest.Wait()
			if first, second := r.outcome("1"), r.outcome("2"); first != test.first || second != test.second {
				t.Errorf("outcomes %s, %s, want %s, %s (%v)", first, second, test.first, test.second, c.Err())
			}
			if test.is != nil && !errors.Is(c.Err(), test.is) {
				t.Errorf("Err: %v, want %v", c.Err(), test.is)
			}
			var conn *amiclient.ConnError
			if _, err := c.Do(t.Context(), ping); !errors.As(err, &conn) || conn.Written {
				t.Errorf("Do afterwards: %v", err)
			}
		})
	}
}

// brokenPipe is a connection on which writing fails once told so.
type brokenPipe struct {
	net.Conn
	broken atomic.Bool
}

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, syscall.EPIPE
	}
	return b.Conn.Write(p)
}

// The answers that came before the end of the connection count, also if a
// write fails first.
func TestConn_answersAfterFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		dialler := amitest.Dialler(t, func(d *amitest.Dialogue) {
			d.Accept()
			a := d.Expect("ActionID: 1")
			<-gate
			d.Answer(a, "NOTIFY sent")
			d.ExpectClose()
		})
		var pipe brokenPipe
		c, err := amiclient.Dial(t.Context(), amiclient.Config{DialContext: func(ctx context.Context, network, address string) (_ net.Conn, err error) {
			pipe.Conn, err = dialler(ctx, network, address)
			return &pipe, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		var r results
		for _, id := range []string{"1", "2"} {
			if err := c.Go(t.Context(), id, notify, r.done(id)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			pipe.broken.Store(true)
		}
		close(gate)
		<-c.Done()
		synctest.Wait()
		if got := r.outcome("1") + " " + r.outcome("2"); got != "ok unwritten" || !errors.Is(c.Err(), syscall.EPIPE) {
			t.Error(got, c.Err())
		}
	})
}

func TestConn_events(t *testing.T) {
	bubble(t, "in order", func(t *testing.T) {
		var got []string
		c := dial(t, amiclient.Config{Events: "user", OnEvent: func(m *amiclient.Message) { got = append(got, m.Get("UserEvent")) }}, func(d *amitest.Dialogue) {
			d.Send("Event: UserEvent⏎UserEvent: a⏎⏎Event: UserEvent⏎UserEvent: b⏎⏎")
			d.ExpectClose()
		})
		synctest.Wait()
		c.Close()
		if fmt.Sprint(got) != "[a b]" {
			t.Errorf("got %q", got)
		}
	})
	// A consumer that never returns costs events, which are counted, and no answer.
	bubble(t, "stuck consumer", func(t *testing.T) {
		stuck := make(chan struct{})
		var log strings.Builder
		cfg := amiclient.Config{Events: "user", OnEvent: func(*amiclient.Message) { <-stuck }, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		c := dial(t, cfg, func(d *amitest.Dialogue) {
			a := d.Expect("Action: Ping")
			for range 50 {
				d.Send(strings.Repeat("Event: UserEvent⏎UserEvent: a⏎⏎", 100))
			}
			d.Answer(a, "on time")
			d.ExpectClose()
		})
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Error(err)
		}
		c.Close()
		synctest.Wait()
		close(stuck)
		synctest.Wait()
		// One event is with the consumer, 4096 wait.
		if want := fmt.Sprintf("dropped=%d\n", 5000-4096-1); !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, log.String())
		}
	})
}

func TestConn_List(t *testing.T) {
	show := amiclient.Action{Name: "PJSIPShowEndpoints"}
	collect := func(t *testing.T, c *amiclient.Conn) (names []string, err error) {
		for m, err := range c.List(t.Context(), show) {
			if err != nil {
				return names, err
			}
			names = append(names, m.Get("ObjectName"))
		}
		return names, nil
	}
	const start = "Response: Success⏎ActionID: {id}⏎EventList: start⏎Message: Following are Events for each object⏎⏎"
	const complete = "Event: EndpointListComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 2⏎⏎"
	const item = "Event: EndpointList⏎ActionID: {id}⏎ObjectName: "
	for _, test := range []struct {
		name, answer, want string
		err                error
	}{
		{"items", start + item + "a⏎⏎Event: PeerStatus⏎Peer: x⏎⏎" + item + "b⏎⏎" + complete, "[a b]", nil},
		{"none", start + complete, "[]", nil},
		{"no list", "Response: Success⏎ActionID: {id}⏎Message: There are no voicemail users currently defined.⏎⏎", "[]", nil},
		{"error", "Response: Error⏎ActionID: {id}⏎Message: Permission denied⏎⏎", "[]", amiclient.ErrPermission},
		{"cut", start + item + "a⏎⏎" + item, "[a]", io.ErrUnexpectedEOF},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				d.Expect("Action: PJSIPShowEndpoints")
				d.Send(test.answer)
				if test.name != "cut" {
					d.Answer(d.Expect("Action: Ping"), "x")
					d.ExpectClose()
				}
			})
			names, err := collect(t, c)
			if fmt.Sprint(names) != test.want || !errors.Is(err, test.err) {
				t.Errorf("%q, %v", names, err)
			}
			if test.name != "cut" {
				if _, err := c.Do(t.Context(), ping); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			}
			c.Close()
		})
	}
	bubble(t, "left early", func(t *testing.T) {
		c := dial(t, amiclient.Config{MaxInFlight: 1}, func(d *amitest.Dialogue) {
			d.Expect("Action: PJSIPShowEndpoints")
			d.Send(start + item + "a⏎⏎")
			d.Send(item + "b⏎⏎" + complete)
			d.Answer(d.Expect("Action: Ping"), "x")
			d.ExpectClose()
		})
		for range c.List(t.Context(), show) {
			break
		}
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		c.Close()
	})
}

func TestConn_Contacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const start = "Response: Success⏎ActionID: {id}⏎EventList: start⏎Message: A listing follows⏎⏎"
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: PJSIPShowEndpoint", "Endpoint: 1001")
			d.Send(start + "Event: EndpointDetail⏎ActionID: {id}⏎ObjectName: 1001⏎⏎Event: AorDetail⏎ActionID: {id}⏎TotalContacts: 2⏎⏎" +
				"Event: ContactStatusDetail⏎ActionID: {id}⏎⏎Event: ContactStatusDetail⏎ActionID: {id}⏎⏎" +
				"Event: EndpointDetailComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 4⏎⏎")
			d.Expect("Action: PJSIPShowEndpoint", "Endpoint: nope")
			d.Send("Response: Error⏎ActionID: {id}⏎Message: Unable to retrieve endpoint nope␊⏎⏎")
			d.Expect("Action: PJSIPShowEndpoints")
			d.Send(start + "Event: EndpointList⏎ActionID: {id}⏎ObjectName: 1001⏎Contacts: 1001/sip:1001@192.0.2.7:5060,⏎⏎" +
				"Event: EndpointList⏎ActionID: {id}⏎ObjectName: 1002⏎Contacts: ⏎⏎" +
				"Event: EndpointList⏎ActionID: {id}⏎ObjectName: 1003⏎Contacts: a/sip:1@h,a/sips:2@h;x=1,2,⏎Contacts: b/sip:3@h,⏎⏎" +
				"Event: EndpointListComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 3⏎⏎")
			d.ExpectClose()
		})
		if n, err := c.Contacts(t.Context(), "1001"); n != 2 || err != nil {
			t.Errorf("Contacts: %d, %v", n, err)
		}
		if _, err := c.Contacts(t.Context(), "nope"); !errors.Is(err, amiclient.ErrUnknownEndpoint) {
			t.Errorf("Contacts of an unknown endpoint: %v", err)
		}
		all, err := c.AllContacts(t.Context())
		if fmt.Sprint(all) != "map[1001:1 1002:0 1003:3]" || err != nil {
			t.Errorf("AllContacts: %v, %v", all, err)
		}
		c.Close()
	})
}

// An Option goes to no server that would send a NOTIFY without Event for it.
func TestConn_option(t *testing.T) {
	option := amiclient.PJSIPNotify{Endpoint: "1001", Option: "reboot"}.Action()
	for _, test := range []struct {
		name, answer string
		sent         bool
	}{
		{"known", "PJSIPNotify requires either an Option or Variable(s).You must use only one of them.", true},
		{"unknown", "Unable to retrieve endpoint notifyrun-x", false},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				probe := d.Expect("Action: PJSIPNotify")
				if len(probe.Lines) != 3 || !strings.HasPrefix(probe.Get("Endpoint"), "notifyrun-") {
					t.Errorf("the probe is %q", probe.Lines)
				}
				d.Error(probe, test.answer)
				if test.sent {
					d.Answer(d.Expect("Action: PJSIPNotify", "Option: reboot"), "NOTIFY sent")
					d.Answer(d.Expect("Action: PJSIPNotify", "Option: reboot"), "NOTIFY sent")
				}
				d.ExpectClose()
			})
			for range 2 {
				_, err := c.Do(t.Context(), option)
				var field *amiclient.FieldError
				if (err == nil) != test.sent || !test.sent && !errors.As(err, &field) {
					t.Errorf("error %v", err)
				}
			}
			c.Close()
		})
	}
}

func TestConn_Capabilities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: ListCommands")
			d.Send("Response: Success⏎ActionID: {id}⏎PJSIPNotify: Send a NOTIFY to an endpoint. (Priv: system,all)⏎UserEvent: Send an arbitrary event. (Priv: user,all)⏎⏎")
			d.Expect("Action: CoreSettings")
			d.Send("Response: Success⏎ActionID: {id}⏎AMIversion: 11.0.0⏎AsteriskVersion: 22.10.1+dfsg⏎⏎")
			d.Error(d.Expect("Action: PJSIPNotify"), "PJSIPNotify requires either an Option or Variable(s).You must use only one of them.")
			d.ExpectClose()
		})
		got, err := c.Capabilities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.AMIVersion != "11.0.0" || got.AsteriskVersion != "22.10.1+dfsg" || !got.NotifyOption || len(got.Actions) != 2 ||
			!got.Has("pjsipnotify") || !got.Has("UserEvent") || got.Has("SIPnotify") {
			t.Errorf("%+v", got)
		}
		c.Close()
	})
}

func key(challenge, secret string) string {
	sum := md5.Sum([]byte(challenge + secret))
	return hex.EncodeToString(sum[:])
}

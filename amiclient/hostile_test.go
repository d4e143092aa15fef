package amiclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"iter"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// checkPrintable: what a server says may reach a terminal by way of an error or
// a log, so nothing there may steer one.
func checkPrintable(t testing.TB, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		t.Errorf("%s is not printable: %q", what, text)
	}
}

// hostileConfig is a Config whose log must be printable.
func hostileConfig(t testing.TB) amiclient.Config {
	return amiclient.Config{Address: "pbx:5038", Username: "notifyrun", Secret: "s3cret", Logger: slog.New(&printableHandler{t: t})}
}

type printableHandler struct {
	t     testing.TB
	mu    sync.Mutex
	lines int
}

func (h *printableHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h *printableHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h *printableHandler) WithGroup(string) slog.Handler            { return h }
func (h *printableHandler) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lines++; h.lines == 101 {
		h.t.Errorf("the server fills the log: %s", r.Message)
	}
	checkPrintable(h.t, "the log", r.Message)
	r.Attrs(func(a slog.Attr) bool {
		checkPrintable(h.t, "the log", a.String())
		return true
	})
	return nil
}

// nasty is text of everything that has no business in a log.
const nasty = "\x1b[31m\x1b]0;title\x07\x00\xff\xfe\x9b2J\u202e\u200b\x7f\b\t"

// forever sends text until the client closes.
func forever(d *amitest.Dialogue, text string) {
	d.Raw(func(nc net.Conn) {
		for {
			if _, err := io.WriteString(nc, text); err != nil {
				return
			}
		}
	})
}

// slowly sends a part a second, then nothing, until the client closes.
func slowly(d *amitest.Dialogue, parts iter.Seq[string]) {
	d.Raw(func(nc net.Conn) {
		for part := range parts {
			if _, err := io.WriteString(nc, part); err != nil {
				return
			}
			nc.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := io.Copy(io.Discard, nc); err == nil {
				return
			}
		}
		nc.SetReadDeadline(time.Time{})
		io.Copy(io.Discard, nc)
	})
}

// trickle sends one byte a second.
func trickle(d *amitest.Dialogue, text string) { slowly(d, slices.Values(strings.Split(text, ""))) }

// drip sends text once a second.
func drip(d *amitest.Dialogue, text string) {
	slowly(d, func(yield func(string) bool) {
		for yield(text) {
		}
	})
}

func TestDial_hostile(t *testing.T) {
	login := func(then func(*amitest.Dialogue, amitest.Action)) amitest.Script {
		return func(d *amitest.Dialogue) {
			d.Greet()
			d.Expect("Action: Challenge")
			d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 1⏎⏎")
			then(d, d.Expect("Action: Login"))
		}
	}
	for _, test := range []struct {
		name   string
		script amitest.Script
		is     error
		within time.Duration
	}{
		{"binary greeting", func(d *amitest.Dialogue) { forever(d, nasty) }, amiclient.ErrNotAMI, 0},
		{"binary greeting that ends", func(d *amitest.Dialogue) { d.TrySend(nasty + "⏎"); d.Wait() }, amiclient.ErrNotAMI, 0},
		{"greeting without end", func(d *amitest.Dialogue) { d.Send("Asterisk Call Manager/"); forever(d, "1") }, amiclient.ErrNotAMI, 0},
		{"empty lines for a greeting", func(d *amitest.Dialogue) { forever(d, "\r\n") }, amiclient.ErrNotAMI, 0},
		{"greeting trickled", func(d *amitest.Dialogue) { trickle(d, "Asterisk Call Manager/11.0.0\r\n") }, amiclient.ErrTimeout, 10 * time.Second},
		{"greeting, then garbage", func(d *amitest.Dialogue) { d.Greet(); d.Expect("Action: Challenge"); forever(d, nasty) }, amiclient.ErrProtocol, 0},
		{"no answer to Challenge", func(d *amitest.Dialogue) { d.Greet(); d.Wait() }, amiclient.ErrTimeout, 10 * time.Second},
		{"no answer to Login", login(func(d *amitest.Dialogue, _ amitest.Action) { d.Wait() }), amiclient.ErrTimeout, 10 * time.Second},
		{"events for ever in place of an answer to Login", login(func(d *amitest.Dialogue, _ amitest.Action) { drip(d, "Event: X\r\n\r\n") }), amiclient.ErrTimeout, 10 * time.Second},
		{"answer to Login trickled", login(func(d *amitest.Dialogue, _ amitest.Action) {
			trickle(d, "Response: Success\r\nActionID: x\r\nMessage: Authentication accepted\r\n\r\n")
		}), amiclient.ErrTimeout, 10 * time.Second},
		{"nasty refusal", login(func(d *amitest.Dialogue, _ amitest.Action) {
			d.TrySend("Response: Error⏎ActionID: {id}⏎Message: " + nasty + "⏎⏎")
			d.Wait()
		}), nil, 0},
		{"nasty answer without ActionID", login(func(d *amitest.Dialogue, _ amitest.Action) {
			d.TrySend("Response: " + nasty + "⏎Message: " + nasty + "⏎⏎")
			d.Wait()
		}), amiclient.ErrTimeout, 10 * time.Second},
		{"ListCommands without end", login(func(d *amitest.Dialogue, a amitest.Action) {
			d.Answer(a, "Authentication accepted")
			d.Expect("Action: ListCommands")
			d.Send("Response: Success⏎ActionID: {id}⏎")
			forever(d, "Command: x\r\n")
		}), amiclient.ErrProtocol, 0},
		{"login taken, then nothing", login(func(d *amitest.Dialogue, a amitest.Action) {
			d.Answer(a, "Authentication accepted")
			d.Wait()
		}), amiclient.ErrTimeout, 10 * time.Second},
	} {
		bubble(t, test.name, func(t *testing.T) {
			cfg := hostileConfig(t)
			cfg.DialContext = amitest.Dialler(t, test.script)
			start := time.Now()
			c, err := amiclient.Dial(t.Context(), cfg)
			var conn *amiclient.ConnError
			if c != nil || !errors.As(err, &conn) || conn.Written || test.is != nil && !errors.Is(err, test.is) {
				t.Fatalf("got %v", err)
			}
			if took := time.Since(start); took != test.within {
				t.Errorf("it took %s, want %s: %v", took, test.within, err)
			}
			checkPrintable(t, "the error", err.Error())
		})
	}
	bubble(t, "nasty version", func(t *testing.T) {
		cfg := hostileConfig(t)
		cfg.DialContext = amitest.Dialler(t, func(d *amitest.Dialogue) {
			d.TrySend("Asterisk Call Manager/" + nasty + "⏎")
			d.Wait()
		})
		if _, err := amiclient.Dial(t.Context(), cfg); !errors.Is(err, amiclient.ErrTimeout) {
			t.Error(err)
		}
	})
}

// Two actions are in flight when the server misbehaves.
func TestConn_hostile(t *testing.T) {
	const good = "Response: Success⏎ActionID: %⏎Message: NOTIFY sent⏎⏎"
	reply := func(id string) string { return strings.Replace(good, "%", id, 1) }
	send := func(text string) func(*amitest.Dialogue) { return func(d *amitest.Dialogue) { d.TrySend(text) } }
	for _, test := range []struct {
		name    string
		script  func(*amitest.Dialogue)
		outcome string
		is      error // why the connection ended; nil: it did not
		took    time.Duration
	}{
		{"answers twice", send(reply("1") + reply("1") + reply("2") + reply("2") + reply("1")), "ok ok", nil, 0},
		{"answers once to each of many others", send(strings.Repeat(reply("3"), 10000) + reply("1") + reply("2")), "ok ok", nil, 0},
		{"answers with a nasty id", send(reply(nasty) + reply("1") + reply("2")), "ok ok", nil, 0},
		{"answers without id", send(strings.Repeat(reply(""), 10000) + reply("1") + reply("2")), "ok ok", nil, 0},
		{"answers the second first", send(reply("2") + reply("1")), "written written", amiclient.ErrProtocol, 0},
		{"answers only the second", send(reply("2")), "written written", amiclient.ErrProtocol, 0},
		{"answers the second later", send(reply("1") + reply("1") + "Event: X⏎ActionID: 2⏎Response: Error⏎⏎" + reply("2")), "ok ok", nil, 0},
		{"events with the ids", send("Event: X⏎ActionID: 1⏎EventList: start⏎⏎Event: X⏎ActionID: 2⏎EventList: Complete⏎⏎" + reply("1") + reply("2")), "ok ok", nil, 0},
		{"an event that contains an answer", send("Event: UserEvent⏎Response: Error⏎ActionID: 1⏎Message: x⏎⏎" + reply("1") + reply("2")), "ok ok", nil, 0},
		{"a list for an answer", send("Response: Success⏎ActionID: 1⏎EventList: start⏎⏎Event: X⏎ActionID: 1⏎⏎Event: X⏎ActionID: 1⏎EventList: Complete⏎⏎" + reply("2")), "ok ok", nil, 0},
		{"neither response nor event", send(strings.Repeat("ActionID: 1⏎Message: x⏎⏎", 10000) + nasty + "⏎⏎" + nasty + ": " + nasty + "⏎⏎" + reply("1") + reply("2")), "ok ok", nil, 0},
		{"nasty headers in answers", send(strings.ReplaceAll(reply("1")+reply("2"), "Message", nasty+": "+nasty+"⏎"+nasty+"⏎Message")), "ok ok", nil, 0},
		{"NUL in an id", send(reply("1\x00") + reply("1") + reply("\x002") + reply("2")), "ok ok", nil, 0},
		{"nasty errors", send(strings.NewReplacer("Success", "Error", "NOTIFY sent", nasty).Replace(reply("1") + reply("2"))), "refused refused", nil, 0},
		{"Follows without a Command", send(strings.ReplaceAll(reply("1")+reply("2"), "Success", "Follows")), "ok ok", nil, 0},
		{"Follows without id", send("Response: Follows⏎Privilege: Command⏎x␊--END COMMAND--⏎⏎" + reply("1") + reply("2")), "ok ok", nil, 0},
		{"a response of no known kind", send(strings.ReplaceAll(reply("1"), "Success", nasty)), "written written", amiclient.ErrProtocol, 0},
		{"a response of no kind", send(strings.ReplaceAll(reply("1"), "Success", "")), "written written", amiclient.ErrProtocol, 0},
		{"Goodbye uncalled for", send("Response: Goodbye⏎Message: Thanks for all the fish.⏎⏎" + reply("1") + reply("2")), "ok ok", nil, 0},
		{"an answer trickled", func(d *amitest.Dialogue) { trickle(d, strings.ReplaceAll(reply("1"), "⏎", "\r\n")) }, "written written", amiclient.ErrTimeout, 10 * time.Second},
		{"events for ever, no answer", func(d *amitest.Dialogue) { drip(d, "Event: X\r\n\r\n") }, "written written", amiclient.ErrTimeout, 10 * time.Second},
		{"unknown answers for ever", func(d *amitest.Dialogue) { drip(d, "Response: Success\r\nActionID: 77\r\n\r\n") }, "written written", amiclient.ErrTimeout, 10 * time.Second},
		{"empty lines for ever", func(d *amitest.Dialogue) { drip(d, "\r\n") }, "written written", amiclient.ErrTimeout, 10 * time.Second},
		{"garbage", func(d *amitest.Dialogue) { forever(d, nasty) }, "written written", amiclient.ErrProtocol, 0},
		{"a line without end", func(d *amitest.Dialogue) { d.TrySend("Event: X⏎Y: "); forever(d, "x") }, "written written", amiclient.ErrProtocol, 0},
		{"headers without end", func(d *amitest.Dialogue) {
			d.TrySend("Response: Success⏎ActionID: 1⏎")
			forever(d, strings.Repeat("Y: "+strings.Repeat("y", 1000)+"\r\n", 100))
		}, "written written", amiclient.ErrProtocol, 0},
		{"100,000 headers", send("Response: Success⏎ActionID: 1⏎" + strings.Repeat("a⏎", 99_998) + "⏎" + reply("2")), "ok ok", nil, 0},
		{"100,001 headers", send("Response: Success⏎ActionID: 1⏎" + strings.Repeat("a⏎", 99_999) + "⏎" + reply("2")), "written written", amiclient.ErrProtocol, 0},
	} {
		bubble(t, test.name, func(t *testing.T) {
			begin := make(chan struct{})
			c := dial(t, hostileConfig(t), func(d *amitest.Dialogue) {
				d.Expect("ActionID: 1")
				d.Expect("ActionID: 2")
				<-begin
				test.script(d)
				if test.is == nil {
					d.Answer(d.Expect("Action: Ping"), "x")
				}
				d.Wait()
			})
			start := time.Now()
			var r results
			for _, id := range []string{"1", "2"} {
				done := r.done(id)
				err := c.Go(t.Context(), id, notify, func(m *amiclient.Message, err error) {
					if err != nil {
						checkPrintable(t, "the error", err.Error())
					}
					if refused, ok := errors.AsType[*amiclient.ResponseError](err); ok {
						m, err = nil, errors.New("refused")
						checkPrintable(t, "Text", refused.Text)
					}
					done(m, err)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			close(begin)
			if test.is == nil {
				if _, err := c.Do(t.Context(), ping); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			} else {
				<-c.Done()
				if !errors.Is(c.Err(), test.is) {
					t.Errorf("the connection ended with %v, want %v", c.Err(), test.is)
				}
			}
			if took := time.Since(start); took != test.took {
				t.Errorf("it took %s, want %s", took, test.took)
			}
			c.Close()
			synctest.Wait()
			checkPrintable(t, "Err", c.Err().Error())
			if got := r.outcome("1") + " " + r.outcome("2"); got != test.outcome {
				t.Errorf("outcomes %s, want %s", got, test.outcome)
			}
		})
	}
}

// An answer of another connection's belongs to nobody.
func TestConn_hostile_idOfAnotherConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := [2]chan string{make(chan string, 1), make(chan string, 1)}
		var pings [2]string
		var running sync.WaitGroup
		for i := range 2 {
			c := dial(t, hostileConfig(t), func(d *amitest.Dialogue) {
				a := d.Expect("Action: Ping")
				ids[i] <- a.ID
				d.Answer(amitest.Action{ID: <-ids[1-i]}, "the other's")
				d.Answer(a, strconv.Itoa(i))
				d.ExpectClose()
			})
			running.Go(func() {
				m, err := c.Do(t.Context(), ping)
				if err != nil {
					t.Error(err)
					return
				}
				pings[i] = m.Get("Message")
			})
		}
		running.Wait()
		if pings != [2]string{"0", "1"} {
			t.Errorf("answers %q", pings)
		}
	})
}

func TestConn_List_hostile(t *testing.T) {
	const start = "Response: Success⏎ActionID: {id}⏎EventList: start⏎⏎"
	const item = "Event: EndpointList⏎ActionID: {id}⏎ObjectName: a⏎⏎"
	const complete = "Event: EndpointListComplete⏎ActionID: {id}⏎EventList: Complete⏎⏎"
	const other = "Event: EndpointList⏎ActionID: other⏎ObjectName: b⏎⏎"
	for _, test := range []struct {
		name   string
		answer func(*amitest.Dialogue)
		items  string
		is     error // nil: the list ends well
		took   time.Duration
	}{
		{"no Complete", func(d *amitest.Dialogue) { d.TrySend(start + item + item) }, "[a a]", amiclient.ErrTimeout, 10 * time.Second},
		{"no item", func(d *amitest.Dialogue) { d.TrySend(start) }, "[]", amiclient.ErrTimeout, 10 * time.Second},
		{"nothing", func(d *amitest.Dialogue) {}, "[]", amiclient.ErrTimeout, 10 * time.Second},
		{"items of another list", func(d *amitest.Dialogue) {
			d.TrySend(start + other + item + other + strings.ReplaceAll(complete, "{id}", "other") + complete)
		}, "[a]", nil, 0},
		{"items before the start", func(d *amitest.Dialogue) { d.TrySend(item + complete + start + item + complete) }, "[a]", nil, 0},
		{"items after the end", func(d *amitest.Dialogue) { d.TrySend(start + item + complete + item + complete) }, "[a]", nil, 0},
		{"items without id", func(d *amitest.Dialogue) {
			d.TrySend(start + strings.Replace(item, "ActionID: {id}⏎", "", 1) + item + complete)
		}, "[a]", nil, 0},
		{"two starts", func(d *amitest.Dialogue) { d.TrySend(start + item + start + item + complete) }, "[a a]", nil, 0},
		{"an error within", func(d *amitest.Dialogue) {
			d.TrySend(start + item + "Response: Error⏎ActionID: {id}⏎Message: " + nasty + "⏎⏎" + item + complete)
		}, "[a]", errAny, 0},
		{"a nasty end", func(d *amitest.Dialogue) {
			d.TrySend(start + item + strings.Replace(complete, "Complete⏎⏎", nasty+"⏎⏎", 1))
		}, "[a]", errAny, 0},
		{"an answer to the next within", func(d *amitest.Dialogue) { d.TrySend(start + item + "Response: Success⏎ActionID: next⏎⏎") }, "[a]", amiclient.ErrProtocol, 0},
		{"an item without end", func(d *amitest.Dialogue) {
			d.TrySend(start + item + "Event: EndpointList⏎ActionID: {id}⏎X: ")
			forever(d, "x")
		}, "[a]", amiclient.ErrProtocol, 0},
	} {
		bubble(t, test.name, func(t *testing.T) {
			read := make(chan struct{})
			c := dial(t, hostileConfig(t), func(d *amitest.Dialogue) {
				d.Expect("Action: PJSIPShowEndpoints")
				if test.is == amiclient.ErrProtocol { // the next one is in flight too
					<-read
				}
				test.answer(d)
				d.Wait()
			})
			begin := time.Now()
			items := []string{}
			var last error
			if test.is == amiclient.ErrProtocol {
				go func() {
					synctest.Wait()
					c.Go(t.Context(), "next", ping, func(*amiclient.Message, error) {})
					synctest.Wait()
					close(read)
				}()
			}
			for m, err := range c.List(t.Context(), amiclient.Action{Name: "PJSIPShowEndpoints"}) {
				if last = err; err != nil {
					checkPrintable(t, "the error", err.Error())
					break
				}
				items = append(items, m.Get("ObjectName"))
			}
			if got := "[" + strings.Join(items, " ") + "]"; got != test.items || !errors.Is(last, test.is) && (test.is != errAny || last == nil) {
				t.Errorf("items %s, %v; want %s, %v", got, last, test.items, test.is)
			}
			if took := time.Since(begin); took != test.took {
				t.Errorf("it took %s, want %s", took, test.took)
			}
			c.Close()
		})
	}
}

// TestConn_hostile_tls: the layer below is hostile.
func TestConn_hostile_tls(t *testing.T) {
	certificate, roots := selfSigned(t)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	for _, test := range []struct {
		name   string
		script amitest.Script
		is     error // nil: any
	}{
		{"a line without end", func(d *amitest.Dialogue) {
			d.TLS(config, nil)
			d.Accept()
			d.Expect("ActionID: 1")
			forever(d, strings.Repeat("x", 64<<10))
		}, amiclient.ErrProtocol},
		{"no close_notify", func(d *amitest.Dialogue) {
			var raw net.Conn
			d.Raw(func(nc net.Conn) { raw = nc })
			d.TLS(config, nil)
			d.Accept()
			d.Expect("ActionID: 1")
			d.TrySend("Response: Success⏎")
			raw.Close()
		}, io.ErrUnexpectedEOF},
		{"garbage after the handshake", func(d *amitest.Dialogue) {
			var raw net.Conn
			d.Raw(func(nc net.Conn) { raw = nc })
			d.TLS(config, nil)
			d.Accept()
			d.Expect("ActionID: 1")
			io.WriteString(raw, strings.Repeat(nasty, 1000))
			raw.Close()
		}, nil},
		{"records that are not ours", func(d *amitest.Dialogue) {
			var raw net.Conn
			d.Raw(func(nc net.Conn) { raw = nc })
			d.TLS(config, nil)
			d.Accept()
			d.Expect("ActionID: 1")
			raw.Write(append([]byte{23, 3, 3, 0x40, 0x11}, make([]byte, 0x4011)...))
			d.Wait()
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := hostileConfig(t)
			cfg.Address, cfg.TLS, cfg.Timeout = amitest.Listen(t, test.script), &tls.Config{RootCAs: roots}, 5*time.Second
			c, err := amiclient.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var r results
			if err := c.Go(t.Context(), "1", ping, r.done("1")); err != nil {
				t.Fatal(err)
			}
			<-c.Done()
			c.Close()
			checkPrintable(t, "Err", c.Err().Error())
			if test.is != nil && !errors.Is(c.Err(), test.is) {
				t.Errorf("Err %v, want %v", c.Err(), test.is)
			}
		})
	}
}

// TestDial_hostile_tls: so it is during the handshake, whose errors name what
// stands in the server's certificate.
func TestDial_hostile_tls(t *testing.T) {
	certificate := func(names ...string) *tls.Config {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		nasty := strings.ToValidUTF8(nasty, "")
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
			Subject: pkix.Name{CommonName: nasty, Organization: []string{nasty}}, Issuer: pkix.Name{CommonName: nasty}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	}
	withCertificate := func(config *tls.Config) amitest.Script {
		return func(d *amitest.Dialogue) {
			d.TLS(config, nil)
			d.Wait()
		}
	}
	for _, test := range []struct {
		name   string
		script amitest.Script
		text   string // of the error
	}{
		{"certificate without names", withCertificate(certificate()), "wanted to match"},
		{"certificate with nasty names", withCertificate(certificate("\x1b[31m\a", "x")), "x509"},
		{"certificate with our name", withCertificate(certificate("pbx")), "not signed by an authority"},
		{"garbage", func(d *amitest.Dialogue) { d.TrySend(nasty + "⏎"); d.Wait() }, "does not speak TLS"},
		{"a handshake without end", func(d *amitest.Dialogue) { forever(d, "\x16\x03\x03\x40\x00"+strings.Repeat("\x02\xff\xff\xff", 4096)) }, "tls: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := hostileConfig(t)
			cfg.Address, cfg.TLS = amitest.Listen(t, test.script), &tls.Config{ServerName: "pbx"}
			c, err := amiclient.Dial(t.Context(), cfg)
			if c != nil || err == nil || !strings.Contains(err.Error(), test.text) {
				t.Fatalf("got %v, want %s", err, test.text)
			}
			checkPrintable(t, "the error", err.Error())
		})
	}
}

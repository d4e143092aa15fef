package amiclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestDial_login(t *testing.T) {
	const accepted = "Response: Success⏎ActionID: {id}⏎Message: Authentication accepted⏎⏎"
	const commands = "Response: Success⏎ActionID: {id}⏎Filter: x⏎PJSIPNotify: x⏎⏎"
	for _, test := range []struct {
		name   string
		cfg    amiclient.Config
		script amitest.Script
	}{
		{"challenge", amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: Challenge", "AuthType: MD5")
			d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 824784021⏎⏎")
			d.Expect("Action: Login", "AuthType: MD5", "Username: notifyrun", "Key: "+key("824784021", "s3cret"), "Events: system")
			d.Send(accepted)
			d.Expect("Action: ListCommands")
			d.Send(commands)
			d.Expect("Action: Events", "EventMask: off")
			d.Send("Response: Success⏎ActionID: {id}⏎Events: Off⏎⏎")
		}},
		{"plain", amiclient.Config{Plain: true}, func(d *amitest.Dialogue) {
			d.Expect("Action: Login", "Username: notifyrun", "Secret: s3cret", "Events: system")
			d.Send(accepted)
			d.Expect("Action: ListCommands")
			d.Send(commands)
			d.Expect("Action: Events")
			d.Send("Response: Success⏎ActionID: {id}⏎Events: Off⏎⏎")
		}},
		{"byte by byte", amiclient.Config{Plain: true}, func(d *amitest.Dialogue) {
			d.Expect("Action: Login")
			d.SendBytes(accepted)
			d.Expect("Action: ListCommands")
			d.SendBytes(commands)
			d.Expect("Action: Events")
			d.SendBytes("Response: Success⏎ActionID: {id}⏎Events: Off⏎⏎")
		}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			cfg := test.cfg
			cfg.Username, cfg.Secret = "notifyrun", "s3cret"
			cfg.DialContext = amitest.Dialler(t, func(d *amitest.Dialogue) {
				d.SendBytes("Asterisk Call Manager/5.0.4⏎")
				test.script(d)
				d.ExpectClose()
			})
			c, err := amiclient.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if c.Version() != "5.0.4" {
				t.Errorf("Version %q", c.Version())
			}
			c.Close()
		})
	}
}

func TestDial_errors(t *testing.T) {
	for _, test := range []struct {
		name   string
		script amitest.Script // nil: the port is closed
		is     error
		text   string
	}{
		{"closed port", nil, nil, "connection refused"},
		{"silent port", func(d *amitest.Dialogue) { d.Wait() }, amiclient.ErrTimeout, "within 10s"},
		{"port that closes", func(d *amitest.Dialogue) {}, nil, "authlimit"},
		{"HTTP", func(d *amitest.Dialogue) { d.Send("HTTP/1.1 400 Bad Request⏎⏎") }, amiclient.ErrNotAMI, "HTTP"},
		{"SSH", func(d *amitest.Dialogue) { d.Send("SSH-2.0-OpenSSH\x1b[31m⏎") }, amiclient.ErrNotAMI, `SSH-2.0-OpenSSH\x1b`},
		{"endless greeting", func(d *amitest.Dialogue) { d.TrySend(strings.Repeat("x", 10000)) }, amiclient.ErrNotAMI, "xxx…"},
		{"cut greeting", func(d *amitest.Dialogue) { d.Send("Asterisk Call M") }, nil, "closed the connection"},
		{"wrong secret", func(d *amitest.Dialogue) {
			d.Greet()
			d.Expect("Action: Challenge")
			d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 1⏎⏎")
			login := d.Expect("Action: Login")
			time.Sleep(time.Second)
			d.Error(login, "Authentication failed")
		}, amiclient.ErrAuth, "check username and secret"},
		{"login in use", func(d *amitest.Dialogue) {
			d.Greet()
			d.Expect("Action: Challenge")
			d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 1⏎⏎")
			d.Error(d.Expect("Action: Login"), "Login Already In Use")
		}, amiclient.ErrLoginInUse, "allowmultiplelogin"},
		{"silent login", func(d *amitest.Dialogue) { d.Greet(); d.Wait() }, amiclient.ErrTimeout, "log in to pbx:5038"},
		{"cut login", func(d *amitest.Dialogue) { d.Greet(); d.Expect("Action: Challenge") }, nil, "closed the connection"},
	} {
		bubble(t, test.name, func(t *testing.T) {
			var scripts []amitest.Script
			if test.script != nil {
				scripts = append(scripts, test.script)
			}
			cfg := amiclient.Config{Address: "pbx:5038", Username: "notifyrun", Secret: "s3cretcanary", DialContext: amitest.Dialler(t, scripts...)}
			_, err := amiclient.Dial(t.Context(), cfg)
			var conn *amiclient.ConnError
			if !errors.As(err, &conn) || conn.Written {
				t.Fatalf("error %v", err)
			}
			if test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v", err)
			}
			if strings.Contains(err.Error(), cfg.Secret) || strings.ContainsAny(err.Error(), "\x1b\r\n") {
				t.Errorf("error shows what it must not: %q", err)
			}
		})
	}
}

func TestDial_canceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("told to stop")
		time.AfterFunc(time.Second, func() { cancel(why) })
		_, err := amiclient.Dial(ctx, amiclient.Config{DialContext: amitest.Dialler(t, func(d *amitest.Dialogue) { d.Wait() })})
		if !errors.Is(err, why) {
			t.Errorf("error %v", err)
		}
	})
}

// While Asterisk starts it takes logins and knows no PJSIPNotify: that must
// never be taken for a missing module.
func TestDial_whileBooting(t *testing.T) {
	booting := func(d *amitest.Dialogue) {
		d.Greet()
		d.Expect("Action: Challenge")
		d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 1⏎⏎")
		d.Answer(d.Expect("Action: Login"), "Authentication accepted")
	}
	list := func(d *amitest.Dialogue, actions ...string) {
		d.Expect("Action: ListCommands")
		text := "Response: Success⏎ActionID: {id}⏎"
		for _, a := range actions {
			text += a + ": (Priv: system,all)⏎"
		}
		d.Send(text + "⏎")
	}
	off := func(d *amitest.Dialogue) {
		d.Expect("Action: Events", "EventMask: off")
		d.Send("Response: Success⏎ActionID: {id}⏎Events: Off⏎⏎")
		d.ExpectClose()
	}
	for _, test := range []struct {
		name     string
		script   amitest.Script
		min, max time.Duration
		err      error
	}{
		{"FullyBooted comes", func(d *amitest.Dialogue) {
			booting(d)
			list(d, "Ping", "Filter")
			time.Sleep(100 * time.Millisecond)
			d.Send("Event: PeerStatus⏎Peer: PJSIP/1⏎⏎Event: FullyBooted⏎Privilege: system,all⏎Uptime: 0⏎Status: Fully Booted⏎⏎")
			off(d)
		}, 100 * time.Millisecond, 100 * time.Millisecond, nil},
		{"module appears", func(d *amitest.Dialogue) {
			booting(d)
			for range 8 {
				list(d, "Ping", "Filter")
			}
			list(d, "Ping", "Filter", "PJSIPNotify")
			off(d)
		}, 2 * time.Second, 2 * time.Second, nil},
		{"chan_sip alone", func(d *amitest.Dialogue) {
			booting(d)
			for range 5 { // for a second: PJSIP may be on its way
				list(d, "Ping", "Filter", "SIPnotify")
			}
			off(d)
		}, time.Second, time.Second, nil},
		{"one module after the other", func(d *amitest.Dialogue) {
			booting(d)
			for range 4 {
				list(d, "Ping", "Filter", "SIPnotify")
			}
			list(d, "Ping", "Filter", "SIPnotify", "PJSIPNotify")
			off(d)
		}, time.Second, time.Second, nil},
		{"no right to notify", func(d *amitest.Dialogue) {
			booting(d)
			list(d, "Ping", "UserEvent")
			off(d)
		}, 0, 0, nil},
		{"no such module", func(d *amitest.Dialogue) {
			booting(d)
			for range 41 {
				list(d, "Ping", "Filter")
			}
			off(d)
		}, 10 * time.Second, 10 * time.Second, nil},
		{"never done", func(d *amitest.Dialogue) {
			booting(d)
			actions := []string{"Ping", "Filter"}
			for range 240 {
				list(d, actions...)
				actions = append(actions, fmt.Sprint("Action", len(actions)))
			}
			d.Wait()
		}, 60 * time.Second, 60 * time.Second, amiclient.ErrTimeout},
		{"ends while booting", func(d *amitest.Dialogue) { booting(d); list(d, "Ping", "Filter") }, 0, time.Second, nil},
	} {
		bubble(t, test.name, func(t *testing.T) {
			start := time.Now()
			c, err := amiclient.Dial(t.Context(), amiclient.Config{Username: "u", Secret: "s", DialContext: amitest.Dialler(t, test.script)})
			if took := time.Since(start); took < test.min || took > test.max {
				t.Errorf("took %s", took)
			}
			switch {
			case test.name == "ends while booting":
				if err == nil || !strings.Contains(err.Error(), "closed the connection") {
					t.Errorf("error %v", err)
				}
			case !errors.Is(err, test.err):
				t.Errorf("error %v", err)
			case err == nil:
				c.Close()
			}
		})
	}
}

// Over TLS every record is at most 1024 bytes long and ends at a line end, or a
// real Asterisk would wait for more.
func TestDial_tls(t *testing.T) {
	certificate, roots := selfSigned(t)
	var mu sync.Mutex
	var records []int
	long := amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "a"}, {Name: "Content-Type", Value: "text/plain"}}}
	for i := range 60 {
		long.Variables = append(long.Variables, amiclient.Variable{Name: "Content", Value: strings.Repeat("x", 1+i*16)})
	}
	script := func(d *amitest.Dialogue) {
		d.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}, func(n int, lastByte byte) {
			mu.Lock()
			defer mu.Unlock()
			records = append(records, n)
			if n > 1024 || lastByte != '\n' {
				t.Errorf("a record of %d bytes ends in %q", n, lastByte)
			}
		})
		d.Accept()
		for range 20 {
			d.Answer(d.Expect("Action: PJSIPNotify"), "NOTIFY sent")
		}
		d.ExpectClose()
	}
	cfg := amiclient.Config{Address: amitest.Listen(t, script), Username: "u", Secret: "s", TLS: &tls.Config{RootCAs: roots}}
	c, err := amiclient.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := make(chan error, 20)
	for i := range 20 {
		if err := c.Go(t.Context(), fmt.Sprint(i), long.Action(), func(_ *amiclient.Message, err error) { answers <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(records) < 20*30 {
		t.Errorf("only %d records", len(records))
	}
}

// Where the kernel cannot be told to keep records apart, one record waits for its
// answers, whatever MaxInFlight says, or Asterisk would find parts of records.
func TestConn_oneRecord(t *testing.T) {
	certificate, roots := selfSigned(t)
	now := time.Now() // a bubble has a time of its own
	big := amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{
		{Name: "Event", Value: "a"}, {Name: "X-A", Value: strings.Repeat("x", 350)}}}.Action()
	synctest.Test(t, func(t *testing.T) {
		const fit = 2 // of about 500 bytes each
		answer := make(chan struct{})
		script := func(d *amitest.Dialogue) {
			d.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}, nil)
			d.Accept()
			var first []amitest.Action
			for range fit {
				first = append(first, d.Expect("Action: PJSIPNotify"))
			}
			<-answer
			for _, r := range first {
				d.Answer(r, "NOTIFY sent")
			}
			for range 50 - fit {
				d.Answer(d.Expect("Action: PJSIPNotify"), "NOTIFY sent")
			}
			d.ExpectClose()
		}
		c, err := amiclient.Dial(t.Context(), amiclient.Config{
			DialContext: amitest.Dialler(t, script), Username: "u", Secret: "s", Address: "127.0.0.1:5039",
			TLS: &tls.Config{RootCAs: roots, Time: func() time.Time { return now }},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		answers := make(chan error, 50)
		var queued atomic.Int64
		go func() {
			for i := range 50 {
				queued.Add(1)
				if err := c.Go(t.Context(), fmt.Sprint(i), big, func(_ *amiclient.Message, err error) { answers <- err }); err != nil {
					answers <- err
				}
			}
		}()
		synctest.Wait()
		if n := queued.Load(); n != fit+1 { // the last one waits in Go
			t.Errorf("%d actions of 500 bytes wait for their answers", n-1)
		}
		close(answer)
		for range 50 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestDial_tlsUnverified(t *testing.T) {
	certificate, _ := selfSigned(t)
	script := func(d *amitest.Dialogue) {
		d.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}, nil)
		d.Wait()
	}
	_, err := amiclient.Dial(t.Context(), amiclient.Config{Address: amitest.Listen(t, script), TLS: &tls.Config{}})
	var unknown x509.UnknownAuthorityError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "TLS: the server's certificate is not signed by an authority that is trusted here") {
		t.Errorf("error %v", err)
	}
	plain := amitest.Listen(t, func(d *amitest.Dialogue) { d.Greet(); d.Wait() })
	if _, err := amiclient.Dial(t.Context(), amiclient.Config{Address: plain, TLS: &tls.Config{}}); err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("error %v", err)
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, roots
}

func TestConfig_noSecret(t *testing.T) {
	const canary = "s3cr3tcanary"
	cfg := amiclient.Config{Address: "pbx:5038", Username: "u", Secret: canary}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", cfg, "pointer", &cfg)
	client := amiclient.NewClient(cfg)
	for _, s := range []string{fmt.Sprint(cfg), fmt.Sprintf("%v %+v %#v %q %s", cfg, &cfg, cfg, cfg, struct{ C amiclient.Config }{cfg}), fmt.Sprintf("%v %+v %s", client, client, client), log.String()} {
		if strings.Contains(s, canary) {
			t.Errorf("the secret shows in %s", s)
		}
	}
}

func key(challenge, secret string) string {
	sum := md5.Sum([]byte(challenge + secret))
	return hex.EncodeToString(sum[:])
}

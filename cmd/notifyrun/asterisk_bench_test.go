package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

// BenchmarkAsterisk sends to real servers through everything, durable ledger
// included, and through a bare socket loop with the same number in flight, in
// turn within one run. The ratios are of the rate of the former over that of
// the latter: "heard" until the phone has had the last NOTIFY, "answered" until
// the last answer, which Asterisk gives when it has queued the NOTIFY, and for
// notifyrun its last record too. The look at the contacts, which the bare loop
// does without, is told apart. Run it with -benchtime 10x or so.
func BenchmarkAsterisk(b *testing.B) {
	const phones, inFlight = 5000, 256
	for _, c := range []struct {
		major int
		tech  string
	}{{16, "SIP"}, {16, "PJSIP"}, {22, "PJSIP"}} {
		b.Run(fmt.Sprintf("%s on %d", c.tech, c.major), func(b *testing.B) {
			phone := amitest.StartPhone(b)
			phone.SetCounting(true)
			server := amitest.StartAsterisk(b, c.major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: phones})
			cfg := benchConfig(b, server.Addr, c.tech, phones, inFlight)
			client := amiclient.NewClient(amiclient.Config{Address: server.Addr, Username: amitest.UserFull, Secret: amitest.Secret, MaxInFlight: inFlight})
			defer client.Close()
			bare := newBareLoop(b, server.Addr, c.tech, phones, inFlight)
			var look, ours, oursHeard, theirs, theirsHeard time.Duration
			sent := 0
			heard := func() { // Asterisk answers when it has queued; the phone hears it later
				sent += phones
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				defer cancel()
				if _, err := phone.Wait(ctx, sent); err != nil {
					b.Fatalf("the phone got %d of %d NOTIFYs: %v", phone.Count(), sent, err)
				}
			}
			for b.Loop() {
				started := time.Now()
				theirs += bare.run(b)
				heard()
				theirsHeard += time.Since(started)

				l, s, began := runOnce(b, cfg, client)
				look, ours = look+l, ours+s
				heard()
				oursHeard += time.Since(began)
			}
			b.ReportMetric(float64(phones*b.N)/ours.Seconds(), "notifyrun/s")
			b.ReportMetric(float64(phones*b.N)/theirs.Seconds(), "bare/s")
			b.ReportMetric(theirsHeard.Seconds()/oursHeard.Seconds(), "heard-ratio")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "answered-ratio")
			b.ReportMetric(look.Seconds()/float64(b.N)*1000, "look-ms")
		})
	}
}

func benchConfig(b *testing.B, addr, tech string, phones, inFlight int) *schema.Config {
	b.Helper()
	var targets bytes.Buffer
	for i := range phones {
		fmt.Fprintf(&targets, "%q,", fmt.Sprintf("%s/%d", tech, 1001+i))
	}
	file := filepath.Join(b.TempDir(), "main.hcl")
	config := fmt.Sprintf("pbx \"rig\" {\n address = %q\n username = %q\n secret = %q\n rate_limit = \"unlimited\"\n max_in_flight = %d\n}\n"+
		"sip_notify \"x\" {\n pbx = pbx.rig\n targets = [%s]\n message {\n event = \"check-sync\"\n }\n}\n",
		addr, amitest.UserFull, amitest.Secret, inFlight, targets.Bytes())
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	src, diags := schema.Open(file)
	cfg, more := schema.Load(src, schema.Values{Version: version})
	if diags = append(diags, more...); diags.HasErrors() {
		b.Fatal(diags)
	}
	return cfg
}

// firstClaim is a ledger that knows when the first delivery was claimed.
type firstClaim struct {
	engine.Ledger
	at time.Time
}

func (l *firstClaim) Commit(ctx context.Context, batch engine.Batch) error {
	if l.at.IsZero() {
		l.at = time.Now()
	}
	return l.Ledger.Commit(ctx, batch)
}

// runOnce fires the job over all phones, into a new ledger, and returns how
// long the run looked at the contacts, and how long it took from then to its
// last record.
func runOnce(b *testing.B, cfg *schema.Config, client *amiclient.Client) (look, send time.Duration, began time.Time) {
	b.Helper()
	led, err := ledger.Open(b.Context(), filepath.Join(b.TempDir(), "bench.db"), ledger.ReadWrite)
	if err != nil {
		b.Fatal(err)
	}
	defer led.Close()
	state, err := led.State(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	p, diags, err := engine.NewFire(cfg, state, time.Now(), "sip_notify.x", nil)
	if err != nil || diags.HasErrors() {
		b.Fatal(err, diags)
	}
	pub, works := p.Publication(time.Now(), nil)
	if err := led.Publish(b.Context(), pub); err != nil {
		b.Fatal(err)
	}
	clocked := &firstClaim{Ledger: led}
	runner := &engine.Runner{
		Ledger: clocked, Senders: map[string]engine.Sender{"pbx.rig": client},
		Log: slog.New(slog.DiscardHandler), Patience: time.Second,
	}
	started := time.Now()
	report, err := runner.Run(b.Context(), works)
	ended := time.Now()
	if err != nil || !report.Complete() {
		b.Fatalf("run: %v, report %+v", err, report.Runs[0])
	}
	return clocked.at.Sub(started), ended.Sub(clocked.at), clocked.at
}

// bareLoop is what a bare socket gets out of a server: requests made
// beforehand, written as fast as a window of unanswered ones allows.
type bareLoop struct {
	conn     net.Conn
	answers  *bufio.Reader
	requests [][]byte
	inFlight int
}

func newBareLoop(b *testing.B, addr, tech string, phones, inFlight int) *bareLoop {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	l := &bareLoop{conn: conn, answers: bufio.NewReaderSize(conn, 1<<16), inFlight: inFlight}
	if _, err := l.answers.ReadString('\n'); err != nil { // greeting
		b.Fatal(err)
	}
	fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: off\r\n\r\n", amitest.UserFull, amitest.Secret)
	l.await(b, 1)
	for i := range phones {
		to := fmt.Sprintf("Action: PJSIPNotify\r\nActionID: %d\r\nEndpoint: %d", i, 1001+i)
		if tech == "SIP" {
			to = fmt.Sprintf("Action: SIPnotify\r\nActionID: %d\r\nChannel: SIP/%d", i, 1001+i)
		}
		l.requests = append(l.requests, []byte(to+"\r\nVariable: Event=check-sync\r\n\r\n"))
	}
	return l
}

// await reads n answers; each ends with an empty line.
func (l *bareLoop) await(b *testing.B, n int) {
	for n > 0 {
		line, err := l.answers.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if len(line) <= 2 {
			n--
		}
	}
}

func (l *bareLoop) run(b *testing.B) time.Duration {
	started := time.Now()
	sent, answered := 0, 0
	var buf []byte
	for answered < len(l.requests) {
		buf = buf[:0]
		for sent < len(l.requests) && sent-answered < l.inFlight {
			buf = append(buf, l.requests[sent]...)
			sent++
		}
		if len(buf) > 0 {
			if _, err := l.conn.Write(buf); err != nil {
				b.Fatal(err)
			}
		}
		l.await(b, 1)
		answered++
		for l.answers.Buffered() > 0 && answered < sent {
			l.await(b, 1)
			answered++
		}
	}
	return time.Since(started)
}

// Package amitest has servers for tests of what speaks AMI: scripted
// dialogues, and real Asterisks where they can be had. Between such a server and
// its client may stand a Proxy, which adds what networks do.
package amitest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A Script plays the server's side of one connection. The connection is closed
// when it returns.
type Script func(*Dialogue)

// A Dialogue is the server's end of one connection. Its methods report what goes
// otherwise than scripted as a test error and end the script.
type Dialogue struct {
	t    testing.TB
	nc   net.Conn
	in   *bufio.Reader
	last Action
}

// An Action is one action as it arrived at a scripted server.
type Action struct {
	ID    string   // its ActionID
	Lines []string // all lines, without their ends
}

// Get returns the value of the first header of that name, or "".
func (r Action) Get(name string) string {
	for _, line := range r.Lines {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return value
		}
	}
	return ""
}

// Dialler returns a function for Config.DialContext. Each dial gets one end of
// a net.Pipe, at whose other end the next script runs; further dials are
// refused as by a closed port. It works within a synctest bubble. The scripts
// must have ended when the test does.
func Dialler(t testing.TB, scripts ...Script) func(context.Context, string, string) (net.Conn, error) {
	var mu sync.Mutex
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if len(scripts) > 0 && !t.Failed() {
			t.Errorf("%d scripted connections were not made", len(scripts))
		}
	})
	return func(context.Context, string, string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(scripts) == 0 {
			return nil, syscall.ECONNREFUSED
		}
		client, server := net.Pipe()
		go run(t, server, scripts[0])
		scripts = scripts[1:]
		return client, nil
	}
}

// Listen serves the script on a loopback TCP port, each connection a run of its
// own, until the test ends, and returns the address.
func Listen(t testing.TB, script Script) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, nc)
			mu.Unlock()
			running.Go(func() { run(t, nc, script) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		mu.Lock()
		for _, nc := range open {
			nc.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return listener.Addr().String()
}

func run(t testing.TB, nc net.Conn, script Script) {
	defer nc.Close()
	script(&Dialogue{t: t, nc: nc, in: bufio.NewReader(nc)})
}

// fail ends the script with a test error.
func (d *Dialogue) fail(format string, args ...any) {
	d.t.Helper()
	d.t.Errorf("scripted server: "+format, args...)
	d.nc.Close()
	runtime.Goexit()
}

// Read returns the next action. The error is io.EOF if the client closed the
// connection instead.
func (d *Dialogue) Read() (Action, error) {
	var r Action
	for {
		line, err := d.in.ReadString('\n')
		if err != nil {
			if len(r.Lines) == 0 && line == "" {
				err = io.EOF
			}
			return r, err
		}
		line, ok := strings.CutSuffix(line, "\r\n")
		if !ok || strings.ContainsAny(line, "\r\x00") {
			d.fail("the client wrote the line %q", line)
		}
		if line == "" {
			r.ID = r.Get("ActionID")
			d.last = r
			return r, nil
		}
		r.Lines = append(r.Lines, line)
	}
}

// Expect reads the next action, which must have all of these lines.
func (d *Dialogue) Expect(lines ...string) Action {
	d.t.Helper()
	r, err := d.Read()
	if err != nil {
		d.fail("want %q: %v", lines, err)
	}
	for _, line := range lines {
		if !slices.Contains(r.Lines, line) {
			d.fail("want the line %q, got %q", line, r.Lines)
		}
	}
	return r
}

// wire holds how the scripts and the recorded dialogues write line ends.
var wire = strings.NewReplacer("⏎", "\r\n", "␊", "\n")

// Send writes text, in which ⏎ stands for CR LF, ␊ for a bare LF, and {id} for
// the ActionID of the last action read.
func (d *Dialogue) Send(text string) {
	d.t.Helper()
	if _, err := io.WriteString(d.nc, strings.ReplaceAll(wire.Replace(text), "{id}", d.last.ID)); err != nil {
		d.fail("send %q: %v", text, err)
	}
}

// SendBytes is Send one byte a Write.
func (d *Dialogue) SendBytes(text string) {
	d.t.Helper()
	for _, b := range []byte(strings.ReplaceAll(wire.Replace(text), "{id}", d.last.ID)) {
		if _, err := d.nc.Write([]byte{b}); err != nil {
			d.fail("send %q: %v", text, err)
		}
	}
}

// Answer sends a successful answer to r.
func (d *Dialogue) Answer(r Action, message string) {
	d.t.Helper()
	d.Send(fmt.Sprintf("Response: Success⏎ActionID: %s⏎Message: %s⏎⏎", r.ID, message))
}

// Error sends an answer that refuses r.
func (d *Dialogue) Error(r Action, message string) {
	d.t.Helper()
	d.Send(fmt.Sprintf("Response: Error⏎ActionID: %s⏎Message: %s⏎⏎", r.ID, message))
}

// ExpectClose waits until the client closes the connection.
func (d *Dialogue) ExpectClose() {
	d.t.Helper()
	if r, err := d.Read(); err == nil {
		d.fail("want the end of the connection, got %q", r.Lines)
	}
}

// Wait blocks until the client closes the connection, whatever it sends.
func (d *Dialogue) Wait() {
	io.Copy(io.Discard, d.in)
}

// Close closes the connection.
func (d *Dialogue) Close() { d.nc.Close() }

// Greet sends Asterisk 22's greeting.
func (d *Dialogue) Greet() { d.Send("Asterisk Call Manager/11.0.0⏎") }

// Accept plays greeting and login of a booted Asterisk 22, up to the event mask.
func (d *Dialogue) Accept() {
	d.t.Helper()
	d.Greet()
	d.Expect("Action: Challenge", "AuthType: MD5")
	d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 824784021⏎⏎")
	d.Expect("Action: Login", "AuthType: MD5")
	d.Send("Response: Success⏎ActionID: {id}⏎Message: Authentication accepted⏎⏎" +
		"Event: FullyBooted⏎Privilege: system,all⏎Uptime: 417⏎LastReload: 417⏎Status: Fully Booted⏎⏎")
	d.Expect("Action: ListCommands")
	d.Send("Response: Success⏎ActionID: {id}⏎Filter: Dynamically add filters for the current manager session.  (Priv: system,all)⏎PJSIPNotify: Send a NOTIFY.  (Priv: system,all)⏎⏎")
	if d.Expect("Action: Events").Get("EventMask") == "off" {
		d.Send("Response: Success⏎ActionID: {id}⏎Events: Off⏎⏎")
	} else {
		d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
	}
}

// ReadBytes reads just that many bytes.
func (d *Dialogue) ReadBytes(n int) {
	d.t.Helper()
	if _, err := io.ReadFull(d.nc, make([]byte, n)); err != nil {
		d.fail("read %d bytes: %v", n, err)
	}
}

// TrySend is Send for what the client may refuse to read to its end.
func (d *Dialogue) TrySend(text string) {
	io.WriteString(d.nc, strings.ReplaceAll(wire.Replace(text), "{id}", d.last.ID))
}

// Stall neither reads nor sends until the test ends.
func (d *Dialogue) Stall() { <-d.t.Context().Done() }

// TLS makes the rest of the dialogue one over TLS. onRecord, if given, is called
// for each record that holds data, with its length and its last byte.
func (d *Dialogue) TLS(config *tls.Config, onRecord func(n int, last byte)) {
	d.nc = tls.Server(d.nc, config)
	// A Read with room for a whole record returns one record.
	d.in = bufio.NewReaderSize(recordReader{d.nc, onRecord}, 32<<10)
}

type recordReader struct {
	src      io.Reader
	onRecord func(n int, last byte)
}

func (r recordReader) Read(p []byte) (int, error) {
	n, err := r.src.Read(p)
	if n > 0 && r.onRecord != nil {
		r.onRecord(n, p[n-1])
	}
	return n, err
}

// Raw hands the connection to f, for servers that must be fast.
func (d *Dialogue) Raw(f func(nc net.Conn)) {
	if d.in.Buffered() > 0 {
		d.fail("%d bytes were read already", d.in.Buffered())
	}
	f(d.nc)
}

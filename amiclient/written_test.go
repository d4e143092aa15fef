package amiclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

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
		}, "written", "written", amiclient.ErrTimeout},
		{"parse error without id, then an answer", func(d *amitest.Dialogue) {
			d.Expect("ActionID: 1")
			second := d.Expect("ActionID: 2")
			d.Send("Response: Error⏎Message: Missing action in request⏎⏎")
			d.Answer(second, "a")
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

// A timeout is told once, and differently for what was sent and what was not.
func TestConnError_silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { d.Wait() })
		_, err := c.Do(t.Context(), notify)
		var conn *amiclient.ConnError
		if !errors.As(err, &conn) || !conn.Written || !errors.Is(err, amiclient.ErrTimeout) || err.Error() != "PJSIPNotify: sent, but Asterisk answered nothing for 10s" {
			t.Errorf("got %v", err)
		}
		_, err = c.Do(t.Context(), notify)
		if !errors.As(err, &conn) || conn.Written || !errors.Is(err, amiclient.ErrTimeout) || err.Error() != "PJSIPNotify: Asterisk answered nothing for 10s" {
			t.Errorf("got %v", err)
		}
	})
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

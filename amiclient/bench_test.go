package amiclient_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// echo answers every action with Success as fast as it can: what is measured is
// the client.
func echo(d *amitest.Dialogue) {
	d.Accept()
	d.Raw(func(nc net.Conn) {
		in, out := make([]byte, 0, 256<<10), make([]byte, 0, 256<<10)
		for {
			n, err := nc.Read(in[len(in):cap(in)])
			if err != nil {
				return
			}
			in, out = in[:len(in)+n], out[:0]
			rest := in
			for {
				end := bytes.Index(rest, []byte("\r\n\r\n"))
				if end < 0 {
					break
				}
				id := rest[bytes.Index(rest, []byte("ActionID: "))+10:]
				id = id[:bytes.IndexByte(id, '\r')]
				out = fmt.Appendf(out, "Response: Success\r\nActionID: %s\r\nMessage: NOTIFY sent\r\n\r\n", id)
				rest = rest[end+4:]
			}
			in = in[:copy(in, rest)]
			if _, err := nc.Write(out); err != nil {
				return
			}
		}
	})
}

// BenchmarkConnGo measures one action from Go to its done function, over
// loopback TCP, by the number in flight. "bare" is a loop on a socket that
// writes a window of actions and counts the answers.
func BenchmarkConnGo(b *testing.B) {
	address := amitest.Listen(b, echo)
	action := amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "check-sync;reboot=true"}, {Name: "X-Notifyrun-Delivery", Value: "01J9Z3QK4M"}}}.Action()
	ids := make([]string, 4096)
	for i := range ids {
		ids[i] = "01J9Z3QK4M-" + strconv.Itoa(i)
	}
	for _, window := range []int{1, 16, 64, 256} {
		b.Run("bare/"+strconv.Itoa(window), func(b *testing.B) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			login(b, c)
			bare(b, c, action, ids, window)
		})
		b.Run("conn/"+strconv.Itoa(window), func(b *testing.B) {
			c, err := amiclient.Dial(b.Context(), amiclient.Config{Address: address, Username: "u", Secret: "s", MaxInFlight: window})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			b.ResetTimer()
			answered := 0
			all := make(chan struct{})
			done := func(_ *amiclient.Message, err error) {
				if err != nil {
					b.Error(err)
				}
				if answered++; answered == b.N {
					close(all)
				}
			}
			for i := range b.N {
				if err := c.Go(b.Context(), ids[i%len(ids)], action, done); err != nil {
					b.Fatal(err)
				}
			}
			<-all
		})
	}
}

// login plays the client's side of Accept without looking.
func login(b *testing.B, c net.Conn) {
	b.Helper()
	io.WriteString(c, "Action: Challenge\r\nActionID: 1\r\nAuthType: MD5\r\n\r\nAction: Login\r\nActionID: 2\r\nAuthType: MD5\r\n\r\n"+
		"Action: ListCommands\r\nActionID: 3\r\n\r\nAction: Events\r\nActionID: 4\r\nEventMask: off\r\n\r\n")
	buf := make([]byte, 4096)
	for n := 0; !bytes.Contains(buf[:n], []byte("Events: Off\r\n\r\n")); {
		k, err := c.Read(buf[n:])
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
}

// bare keeps window actions in flight: as many leave as were answered.
func bare(b *testing.B, c net.Conn, action amiclient.Action, ids []string, window int) {
	b.ReportAllocs()
	b.ResetTimer()
	in, out := make([]byte, 64<<10), make([]byte, 0, 64<<10)
	sent, answered, kept := 0, 0, 0
	for answered < b.N {
		out = out[:0]
		for ; sent < b.N && sent-answered < window; sent++ {
			out, _ = action.Append(out, ids[sent%len(ids)])
		}
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				b.Fatal(err)
			}
		}
		n, err := c.Read(in[kept:])
		if err != nil {
			b.Fatal(err)
		}
		n += kept
		answered += bytes.Count(in[:n], []byte("\r\n\r\n"))
		kept = copy(in, in[max(0, n-3):n]) // an answer's end may come in two pieces
	}
}

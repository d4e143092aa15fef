package amitest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A client writes "0123456789" in one Write and closes a minute later. What the
// server reads, and when, tells what the fault did.
func TestProxy_Dialler(t *testing.T) {
	for _, test := range []struct {
		name  string
		proxy *Proxy
		want  string // seconds:bytes of each Read; $ is the end
	}{
		{"nothing", &Proxy{}, "0:0123456789 60:$"},
		{"split", &Proxy{Faults: []Fault{{Kind: Split, At: 4}, {Kind: Split, At: 7}}}, "0:0123 0:456 0:789 60:$"},
		{"split later", &Proxy{Faults: []Fault{{Kind: Split, At: 4, For: time.Second}}}, "0:0123 1:456789 60:$"},
		{"split first and last", &Proxy{Faults: []Fault{{Kind: Split}, {Kind: Split, At: 9}}}, "0:012345678 0:9 60:$"},
		{"stall", &Proxy{Faults: []Fault{{Kind: Stall, At: 4, For: time.Second}}}, "0:0123 1:456789 61:$"}, // the writer was held up
		{"stall for ever", &Proxy{Faults: []Fault{{Kind: Stall, At: 4}}}, "0:0123 3600:$"},
		{"trickle", &Proxy{Faults: []Fault{{Kind: Trickle, At: 4, Bytes: 3, For: time.Second}}}, "0:0123 0:4 1:5 2:6 2:789 60:$"},
		{"trickle to the end", &Proxy{Faults: []Fault{{Kind: Trickle, At: 7, For: time.Second}}}, "0:0123456 0:7 1:8 2:9 60:$"},
		{"duplicate", &Proxy{Faults: []Fault{{Kind: Duplicate, At: 4, Bytes: 2}}}, "0:0123 0:23 0:456789 60:$"},
		{"duplicate more than there is", &Proxy{Faults: []Fault{{Kind: Duplicate, At: 2, Bytes: 5}}}, "0:01 0:01 0:23456789 60:$"},
		{"corrupt", &Proxy{Faults: []Fault{{Kind: Corrupt, At: 4, Mask: 1}}}, "0:0123 0:556789 60:$"},
		{"cut", &Proxy{Faults: []Fault{{Kind: Cut, At: 4}}}, "0:0123 0:$"},
		{"cut first", &Proxy{Faults: []Fault{{Kind: Cut}}}, "0:$"},
		{"cut last", &Proxy{Faults: []Fault{{Kind: Cut, At: 10}}}, "0:0123456789 0:$"},
		{"the other direction", &Proxy{Faults: []Fault{{Kind: Cut, Direction: ToClient, At: 1}}}, "0:0123456789 60:$"},
		{"another connection", &Proxy{Faults: []Fault{{Kind: Cut, Conn: 2}}}, "0:0123456789 60:$"},
		{"delay", &Proxy{Delay: [2]time.Duration{ToServer: 5 * time.Second}}, "5:0123456789 65:$"},
		{"delay and split", &Proxy{Delay: [2]time.Duration{ToServer: 5 * time.Second}, Faults: []Fault{{Kind: Split, At: 4}, {Kind: Split, At: 7, For: time.Second}}},
			"5:0123 5:456 6:789 65:$"},
		{"several", &Proxy{Faults: []Fault{{Kind: Cut, At: 8}, {Kind: Duplicate, At: 4, Bytes: 1}, {Kind: Trickle, At: 2, Bytes: 2, For: time.Second}}},
			"0:01 0:2 1:3 2:3 2:4567 2:$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var got []string
				ended := make(chan struct{})
				dial := test.proxy.Dialler(t, func(context.Context, string, string) (net.Conn, error) {
					near, server := net.Pipe()
					server.SetDeadline(start.Add(time.Hour))
					go func() {
						defer close(ended)
						defer server.Close()
						buf := make([]byte, 100)
						for {
							n, err := server.Read(buf)
							if err != nil {
								got = append(got, fmt.Sprintf("%d:$", int(time.Since(start).Seconds())))
								return
							}
							got = append(got, fmt.Sprintf("%d:%s", int(time.Since(start).Seconds()), buf[:n]))
						}
					}()
					return near, nil
				})
				client, err := dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(client, "0123456789")
				time.Sleep(time.Minute)
				client.Close()
				<-ended
				if got := strings.Join(got, " "); got != test.want {
					t.Errorf("the server read %s, want %s", got, test.want)
				}
			})
		})
	}
}

// A delay is not a bound on what passes in a second.
func TestProxy_delay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, writes = 1000, 4000
		start := time.Now()
		p := Proxy{Delay: [2]time.Duration{3 * time.Millisecond, 7 * time.Millisecond}}
		dial := p.Dialler(t, Dialler(t, func(d *Dialogue) {
			d.Raw(func(nc net.Conn) { io.CopyN(nc, nc, size*writes) })
		}))
		client, err := dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for range writes {
				client.Write(make([]byte, size))
			}
		}()
		n, err := io.Copy(io.Discard, client)
		if took := time.Since(start); n != size*writes || err != nil || took != 10*time.Millisecond {
			t.Errorf("%d bytes came back in %s, %v", n, took, err)
		}
		if p.Carried(ToServer) != size*writes || p.Carried(ToClient) != size*writes {
			t.Errorf("carried %d and %d bytes", p.Carried(ToServer), p.Carried(ToClient))
		}
	})
}

// Over TCP there are more ways to end.
func TestProxy_Listen(t *testing.T) {
	// The server greets, echoes what it gets, and says bye when that ends.
	server := Listen(t, func(d *Dialogue) {
		d.Raw(func(nc net.Conn) {
			io.WriteString(nc, "hello")
			if _, err := io.Copy(nc, nc); err == nil {
				io.WriteString(nc, "bye")
			}
		})
	})
	for _, test := range []struct {
		name  string
		fault Fault
		want  string
		err   error
	}{
		{"nothing", Fault{Kind: Split, At: 3}, "hello0123456789bye", nil},
		{"half-close to server", Fault{Kind: HalfClose, At: 4}, "hello0123bye", nil},
		{"half-close to client", Fault{Kind: HalfClose, Direction: ToClient, At: 9}, "hello0123", nil},
		{"cut", Fault{Kind: Cut, Direction: ToClient, At: 9}, "hello0123", nil},
		{"reset", Fault{Kind: Reset, At: 4}, "", syscall.ECONNRESET},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Proxy{Faults: []Fault{test.fault}}
			client, err := net.Dial("tcp", p.Listen(t, server))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			io.WriteString(client, "0123456789")
			client.(*net.TCPConn).CloseWrite()
			got, err := io.ReadAll(client)
			switch test.fault.Kind {
			case Cut:
				err = nil // closing with bytes unread is a reset
			case Reset:
				got = nil // how much comes before it is not sure
			}
			if string(got) != test.want || !errors.Is(err, test.err) {
				t.Errorf("the client read %q, %v; want %q, %v", got, err, test.want, test.err)
			}
		})
	}
}

// No byte is lost or changed on a long line.
func TestProxy_Listen_delay(t *testing.T) {
	server := Listen(t, func(d *Dialogue) { d.Raw(func(nc net.Conn) { io.Copy(nc, nc) }) })
	p := Proxy{Delay: [2]time.Duration{time.Millisecond, time.Millisecond}}
	client, err := net.Dial("tcp", p.Listen(t, server))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sent := make([]byte, 8<<20)
	rand.Read(sent)
	go func() {
		for part := range slices.Chunk(sent, 10007) {
			client.Write(part)
		}
		client.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

// The rate and the round trip of a delayed line: 20 ms and little more.
func BenchmarkProxy(b *testing.B) {
	server := Listen(b, func(d *Dialogue) { d.Raw(func(nc net.Conn) { io.Copy(nc, nc) }) })
	p := Proxy{Delay: [2]time.Duration{10 * time.Millisecond, 10 * time.Millisecond}}
	client, err := net.Dial("tcp", p.Listen(b, server))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.Run("rate", func(b *testing.B) {
		part := make([]byte, 64<<10)
		b.SetBytes(int64(len(part)))
		go func() {
			for range b.N {
				client.Write(part)
			}
		}()
		if _, err := io.CopyN(io.Discard, client, int64(b.N*len(part))); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("round trip", func(b *testing.B) {
		var trips []time.Duration
		var one [1]byte
		for b.Loop() {
			start := time.Now()
			client.Write(one[:])
			if _, err := client.Read(one[:]); err != nil {
				b.Fatal(err)
			}
			trips = append(trips, time.Since(start)-20*time.Millisecond)
		}
		slices.Sort(trips)
		for _, percent := range []int{0, 50, 99} {
			b.ReportMetric(float64(trips[(len(trips)-1)*percent/100].Microseconds()), fmt.Sprintf("µs-late-p%d", percent))
		}
	})
}

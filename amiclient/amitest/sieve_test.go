package amitest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// counting is a connection that counts what it reads.
type counting struct {
	net.Conn
	bytes *atomic.Int64
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

// TestFilterEvents: of a flood of events that nobody has named nothing reaches the wire, what is named comes, also when
// the names are replaced, and a connection made later is told by itself.
func TestFilterEvents(t *testing.T) {
	eachPBX(t, func(t *testing.T, p *pbx) {
		sender, err := amiclient.Dial(t.Context(), amiclient.Config{Address: p.addr, Username: UserFull, Secret: Secret})
		if err != nil {
			t.Fatal(err)
		}
		defer sender.Close()
		// raise returns how many bytes a client reads while so many user events are raised, each of some 200 bytes.
		const flood = 200
		raise := func(t *testing.T, client *amiclient.Client, read *atomic.Int64) int64 {
			t.Helper()
			if _, err := (amiclient.Ping{}).Do(t.Context(), client); err != nil { // it dials, if need be
				t.Fatal(err)
			}
			before := read.Load()
			for i := range flood {
				e := amiclient.UserEvent{Name: "Flood", Headers: []amiclient.Header{{Name: "N", Value: fmt.Sprint(i)}, {Name: "X", Value: strings.Repeat("x", 150)}}}
				if _, err := e.Do(t.Context(), sender); err != nil {
					t.Fatal(err)
				}
			}
			// Real servers send what waits before they look at an action, and again after it.
			for range 2 {
				if _, err := (amiclient.Ping{}).Do(t.Context(), client); err != nil {
					t.Fatal(err)
				}
			}
			return read.Load() - before
		}
		start := func(user string, filter bool, log *strings.Builder) (*amiclient.Client, *atomic.Int64) {
			read := new(atomic.Int64)
			client := amiclient.NewClient(amiclient.Config{Address: p.addr, Username: user, Secret: Secret, FilterEvents: filter, KeepAlive: time.Second,
				Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, address)
					return counting{conn, read}, err
				}})
			t.Cleanup(func() { client.Close() })
			return client, read
		}
		subscribe := func(client *amiclient.Client, names ...string) *amiclient.Subscription {
			t.Helper()
			sub, err := client.Subscribe(t.Context(), amiclient.Filter{Events: names, Classes: []string{"user", "call", "system"}})
			if err != nil {
				t.Fatal(err)
			}
			return sub
		}
		next := func(sub *amiclient.Subscription) string {
			t.Helper()
			for {
				m, err := sub.Next(t.Context())
				if err == nil {
					return m.Event()
				}
				if _, missed := err.(*amiclient.MissedError); !missed {
					t.Fatal(err)
				}
			}
		}
		const room = 2000 // for the answers to the Pings

		var log strings.Builder
		plain, read := start(UserFull, false, &log)
		subscribe(plain, "Newchannel")
		if n := raise(t, plain, read); n < flood*150 {
			t.Errorf("without a filter only %d bytes were read", n)
		}

		client, read := start(UserFull, true, &log)
		first := subscribe(client, "Newchannel", `User.*`, `(`, `a|b`, `[`, `*`, `\`, "line\r\nend", strings.Repeat("long", 300), strings.Repeat("q", 800), strings.Repeat("r", 800))
		for range 2 {
			if n := raise(t, client, read); n > room {
				t.Errorf("%d bytes were read of what nobody has named", n)
			}
			// More names, as of a configuration that is replaced: let through at once.
			second := subscribe(client, "UserEvent")
			if n := raise(t, client, read); n < flood*150 {
				t.Errorf("only %d bytes were read of what was named meanwhile", n)
			}
			for range flood {
				if name := next(second); name != "UserEvent" {
					t.Errorf("event %s", name)
				}
			}
			second.Close()
			conn, err := client.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			conn.Close() // the next one holds back again what nobody names now
		}
		// Those that were named from the beginning come. A server may hold them back until it is spoken to.
		if _, err := (amiclient.Ping{}).Do(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		keeping, stop := context.WithCancel(t.Context())
		kept := make(chan error, 1)
		go func() { kept <- client.Keep(keeping) }()
		if _, err := (amiclient.Originate{Channel: hold[len("Channel: "):], Application: "Wait", Data: "0.01", Async: true}).Do(t.Context(), sender); err != nil {
			t.Fatal(err)
		}
		if name := next(first); name != "Newchannel" {
			t.Errorf("event %s", name)
		}
		stop()
		if err := <-kept; err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "filter") || strings.Contains(log.String(), "level=WARN") {
			t.Errorf("it says: %s", &log)
		}
		// Whoever wants every event gets every event.
		subscribe(client)
		if n := raise(t, client, read); n < flood*150 {
			t.Errorf("only %d bytes were read of everything", n)
		}

		// Without the right to it, all is as without a filter.
		poor, read := start(UserNoSystem, true, &log)
		sub := subscribe(poor, "UserEvent")
		if n := raise(t, poor, read); n < flood*150 {
			t.Errorf("without the right only %d bytes were read", n)
		}
		if name := next(sub); name != "UserEvent" {
			t.Errorf("event %s", name)
		}
		if said := log.String(); !strings.Contains(said, "level=DEBUG") || !strings.Contains(said, "they are not filtered at the server") || !strings.Contains(said, "write = system") {
			t.Errorf("it says: %s", said)
		}
	})
}

package amiclient_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// heapGrowth runs f and returns how far the heap grew meanwhile, with as much
// garbage as half of it.
func heapGrowth(t *testing.T, f func()) (mebibytes int) {
	t.Helper()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	runtime.GC()
	before, most := heap(), uint64(0)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, heap())
			select {
			case <-ended:
				return
			case <-tick.C:
			}
		}
	})
	f()
	close(ended)
	watching.Wait()
	return int(max(most, before)-before) >> 20
}

// volume is what a server sends that does not stop: 1 GB, or a part of it where
// that would take long. What matters here takes effect after 100 MB.
func volume() int {
	if testing.Short() || underRace() {
		return 100 << 20
	}
	return 1 << 30
}

// flood sends text over and over, volume bytes in all, then end. It returns how
// many times it was sent whole.
func flood(nc net.Conn, text, end string) (times int) {
	block := bytes.Repeat([]byte(text), max(1, 256<<10/max(1, len(text))))
	for sent := 0; len(block) > 0 && sent < volume(); sent += len(block) {
		if _, err := nc.Write(block); err != nil {
			return times
		}
		times += len(block) / len(text)
	}
	io.WriteString(nc, end)
	return times
}

// dialFlood connects to a server that answers the first action with begin, what
// flood sends, and end, in which % stands for the ActionID. It answers all others.
func dialFlood(t *testing.T, begin, text, end string) *amiclient.Conn {
	t.Helper()
	cfg := hostileConfig(t)
	cfg.Address = amitest.Listen(t, func(d *amitest.Dialogue) {
		d.Accept()
		a, err := d.Read()
		if err != nil {
			return
		}
		with := strings.NewReplacer("%", a.ID, "⏎", "\r\n", "␊", "\n")
		d.Raw(func(nc net.Conn) {
			io.WriteString(nc, with.Replace(begin))
			flood(nc, with.Replace(text), with.Replace(end))
		})
		for {
			a, err := d.Read()
			if err != nil {
				return
			}
			d.Answer(a, "x")
		}
	})
	c, err := amiclient.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// What has no end is given up long before the memory has.
func TestConn_hostileMemory(t *testing.T) {
	for _, test := range []struct {
		name, begin, text, end string
		action                 string
		is                     error // nil: the action succeeds
		limit                  int   // MiB
	}{
		{"a line", "Event: X⏎Y: ", strings.Repeat("y", 1000), "⏎⏎", "Ping", amiclient.ErrProtocol, 24},
		{"headers", "Response: Success⏎ActionID: %⏎", "Y: " + strings.Repeat("y", 1000) + "⏎", "⏎", "Ping", amiclient.ErrProtocol, 128},
		{"short headers", "Response: Success⏎ActionID: %⏎", "Y␊", "⏎⏎", "Ping", amiclient.ErrProtocol, 24},
		{"output of a Command", "Response: Success⏎ActionID: %⏎Message: Command output follows⏎", "Output: " + strings.Repeat("y", 1000) + "⏎", "⏎", "Command",
			amiclient.ErrProtocol, 128},
		{"output of a Command that Follows", "Response: Follows⏎Privilege: Command⏎ActionID: %⏎", strings.Repeat("y", 1000) + "␊", "--END COMMAND--⏎⏎", "Command",
			amiclient.ErrProtocol, 128},
		{"empty lines of a Command that Follows", "Response: Follows⏎Privilege: Command⏎ActionID: %⏎" + strings.Repeat("␊", 15<<20) + "--END COMMAND--⏎⏎", "", "", "Command",
			amiclient.ErrProtocol, 128},
		{"events", "", "Event: VarSet⏎Privilege: dialplan,all⏎Value: " + strings.Repeat("y", 4000) + "⏎⏎", "Response: Success⏎ActionID: %⏎⏎", "Ping", nil, 24},
		{"answers to others", "", "Response: Success⏎ActionID: x⏎Value: " + strings.Repeat("y", 4000) + "⏎⏎", "Response: Success⏎ActionID: %⏎⏎", "Ping", nil, 24},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dialFlood(t, test.begin, test.text, test.end)
			grown := heapGrowth(t, func() {
				_, err := c.Do(t.Context(), amiclient.Action{Name: test.action, Headers: []amiclient.Header{{Name: "Command", Value: "x"}}})
				if !errors.Is(err, test.is) || (err == nil) != (test.is == nil) {
					t.Errorf("got %v, want %v", err, test.is)
				}
			})
			if grown > test.limit {
				t.Errorf("the heap grew by %d MiB, %d are allowed", grown, test.limit)
			}
		})
	}
}

// A list of 1 GB costs no more than its bound if nobody takes it, and next to
// nothing if somebody does.
func TestConn_List_hostileMemory(t *testing.T) {
	const start = "Response: Success⏎ActionID: %⏎EventList: start⏎⏎"
	item := "Event: EndpointList⏎ActionID: %⏎X: " + strings.Repeat("x", 40000) + "⏎⏎"
	const complete = "Event: EndpointListComplete⏎ActionID: %⏎EventList: Complete⏎⏎"
	show := amiclient.Action{Name: "PJSIPShowEndpoints"}
	t.Run("taken", func(t *testing.T) {
		c := dialFlood(t, start, item, complete)
		taken := 0
		grown := heapGrowth(t, func() {
			for m, err := range c.List(t.Context(), show) {
				if err != nil {
					t.Fatal(err)
				}
				taken += len(m.Get("X"))
			}
		})
		if taken < volume()*9/10 {
			t.Errorf("only %d bytes came", taken)
		}
		if grown > 16 {
			t.Errorf("the heap grew by %d MiB", grown)
		}
	})
	t.Run("not taken", func(t *testing.T) {
		c := dialFlood(t, start, item, complete)
		taken := 0
		var last error
		grown := heapGrowth(t, func() {
			for m, err := range c.List(t.Context(), show) {
				if last = err; err != nil {
					break
				}
				if taken == 0 { // wait until the server has sent all
					if _, err := c.Do(t.Context(), ping); err != nil {
						t.Errorf("an action behind the list: %v", err)
					}
				}
				taken += len(m.Get("X"))
			}
		})
		if last == nil || taken < 60<<20 || taken > 72<<20 {
			t.Errorf("%d bytes came, then %v", taken, last)
		}
		if grown > 130 {
			t.Errorf("the heap grew by %d MiB", grown)
		}
	})
}

// Events that nobody takes cost no more than their bound, and are counted.
func TestSubscription_hostileMemory(t *testing.T) {
	sent := make(chan int, 1)
	cfg := hostileConfig(t)
	cfg.Address = amitest.Listen(t, func(d *amitest.Dialogue) {
		d.Accept()
		d.Expect("Action: Events")
		d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
		a := d.Expect("Action: Ping")
		d.Raw(func(nc net.Conn) {
			sent <- flood(nc, "Event: VarSet\r\nPrivilege: dialplan,all\r\nValue: "+strings.Repeat("y", 40000)+"\r\n\r\n", "")
		})
		d.Answer(a, "x")
		d.Wait()
	})
	c, err := amiclient.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sub, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"VarSet"}})
	if err != nil {
		t.Fatal(err)
	}
	grown := heapGrowth(t, func() {
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Fatal(err)
		}
	})
	c.Close()
	lost, came := 0, 0
	for {
		_, err := sub.Next(t.Context())
		missed, ok := errors.AsType[*amiclient.MissedError](err)
		if ok {
			lost += missed.Lost
		} else if err != nil {
			break
		} else {
			came++
		}
	}
	if want := <-sent; came+lost != want || came == 0 {
		t.Errorf("%d events came and %d were lost of %d", came, lost, want)
	}
	if grown > 130 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
}

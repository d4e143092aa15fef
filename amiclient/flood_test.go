package amiclient_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// heapWatch tells how far the heap has grown since it was made, of what is in
// use: garbage depends on what else the machine does. Whoever sends looks from
// time to time, between two writes, so that what comes in while it looks, and is
// counted too, is no more than sockets hold.
type heapWatch struct {
	before, most atomic.Uint64
	await        func(sent int) // before a look; nil: for nothing
}

// lookEvery is how many bytes are sent between two looks.
const lookEvery = 4 << 20

func watchHeap() *heapWatch {
	h := &heapWatch{}
	h.look()
	h.before.Store(h.most.Load())
	return h
}

func (h *heapWatch) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for most := h.most.Load(); m.HeapAlloc > most && !h.most.CompareAndSwap(most, m.HeapAlloc); most = h.most.Load() {
	}
}

func (h *heapWatch) grown() (mebibytes int) {
	h.look()
	return int(h.most.Load()-h.before.Load()) >> 20
}

// watchedWriter looks at the heap after each lookEvery bytes.
type watchedWriter struct {
	w       io.Writer
	heap    *heapWatch
	written int // since the last look
	sent    int // in all
}

func (w *watchedWriter) Write(b []byte) (sent int, err error) {
	for len(b) > 0 && err == nil {
		var n int
		n, err = w.w.Write(b[:min(len(b), lookEvery)])
		sent, b = sent+n, b[n:]
		w.sent += n
		if w.written += n; w.written >= lookEvery {
			if w.heap.await != nil {
				w.heap.await(w.sent)
			}
			w.heap.look()
			w.written = 0
		}
	}
	return sent, err
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
func flood(w io.Writer, text, end string) (times int) {
	block := bytes.Repeat([]byte(text), max(1, 256<<10/max(1, len(text))))
	for sent := 0; len(block) > 0 && sent < volume(); sent += len(block) {
		if _, err := w.Write(block); err != nil {
			return times
		}
		times += len(block) / len(text)
	}
	io.WriteString(w, end)
	return times
}

// dialFlood connects to a server that answers the first action with begin, what
// flood sends, and end, in which % stands for the ActionID. It answers all others.
func dialFlood(t *testing.T, begin, text, end string) (*amiclient.Conn, *heapWatch) {
	t.Helper()
	began := make(chan *heapWatch, 1)
	cfg := hostileConfig(t)
	cfg.Address = amitest.Listen(t, func(d *amitest.Dialogue) {
		d.Accept()
		a, err := d.Read()
		if err != nil {
			return
		}
		with := strings.NewReplacer("%", a.ID, "⏎", "\r\n", "␊", "\n")
		d.Raw(func(nc net.Conn) {
			w := &watchedWriter{w: nc, heap: <-began}
			io.WriteString(w, with.Replace(begin))
			flood(w, with.Replace(text), with.Replace(end))
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
	heap := watchHeap()
	began <- heap
	return c, heap
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
		{"headers", "Response: Success⏎ActionID: %⏎", "Y: " + strings.Repeat("y", 1000) + "⏎", "⏎", "Ping", amiclient.ErrProtocol, 80},
		{"short headers", "Response: Success⏎ActionID: %⏎", "Y␊", "⏎⏎", "Ping", amiclient.ErrProtocol, 24},
		{"output of a Command", "Response: Success⏎ActionID: %⏎Message: Command output follows⏎", "Output: " + strings.Repeat("y", 1000) + "⏎", "⏎", "Command",
			amiclient.ErrProtocol, 80},
		{"output of a Command that Follows", "Response: Follows⏎Privilege: Command⏎ActionID: %⏎", strings.Repeat("y", 1000) + "␊", "--END COMMAND--⏎⏎", "Command",
			amiclient.ErrProtocol, 80},
		{"empty lines of a Command that Follows", "Response: Follows⏎Privilege: Command⏎ActionID: %⏎" + strings.Repeat("␊", 15<<20) + "--END COMMAND--⏎⏎", "", "", "Command",
			amiclient.ErrProtocol, 80},
		{"events", "", "Event: VarSet⏎Privilege: dialplan,all⏎Value: " + strings.Repeat("y", 4000) + "⏎⏎", "Response: Success⏎ActionID: %⏎⏎", "Ping", nil, 24},
		{"answers to others", "", "Response: Success⏎ActionID: x⏎Value: " + strings.Repeat("y", 4000) + "⏎⏎", "Response: Success⏎ActionID: %⏎⏎", "Ping", nil, 24},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, heap := dialFlood(t, test.begin, test.text, test.end)
			_, err := c.Do(t.Context(), amiclient.Action{Name: test.action, Headers: []amiclient.Header{{Name: "Command", Value: "x"}}})
			if !errors.Is(err, test.is) || (err == nil) != (test.is == nil) {
				t.Errorf("got %v, want %v", err, test.is)
			}
			if grown := heap.grown(); grown > test.limit {
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
		c, heap := dialFlood(t, start, item, complete)
		// Whoever sends waits for whoever takes, so that however slow that is made
		// by what else goes on, nothing waits to be taken when the heap is looked at.
		taken, progress := 0, make(chan int, 1)
		seen := 0
		heap.await = func(sent int) {
			const framing = 2 << 20 // of 1 GB of items
			for seen < sent-framing {
				n, ok := <-progress
				if !ok {
					return
				}
				seen = n
			}
		}
		defer close(progress)
		for m, err := range c.List(t.Context(), show) {
			if err != nil {
				t.Fatal(err)
			}
			taken += len(m.Get("X"))
			select {
			case <-progress:
			default:
			}
			progress <- taken
		}
		if taken < volume()*9/10 {
			t.Errorf("only %d bytes came", taken)
		}
		if grown := heap.grown(); grown > 16 {
			t.Errorf("the heap grew by %d MiB", grown)
		}
	})
	t.Run("of one endpoint", func(t *testing.T) {
		c, heap := dialFlood(t, start, strings.Replace(item, "Event: EndpointList⏎", "Event: ContactStatusDetail⏎", 1), complete)
		_, err := amiclient.PJSIPShowEndpoint{Endpoint: "1001"}.Do(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "more than 16777216 bytes") {
			t.Errorf("got %v", err)
		}
		if grown := heap.grown(); grown > 96 {
			t.Errorf("the heap grew by %d MiB", grown)
		}
	})
	t.Run("not taken", func(t *testing.T) {
		c, heap := dialFlood(t, start, item, complete)
		taken := 0
		var last error
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
		if last == nil || taken < 60<<20 || taken > 72<<20 {
			t.Errorf("%d bytes came, then %v", taken, last)
		}
		if grown := heap.grown(); grown > 96 {
			t.Errorf("the heap grew by %d MiB", grown)
		}
	})
}

// Events that nobody takes cost no more than their bound, and are counted.
func TestSubscription_hostileMemory(t *testing.T) {
	sent := make(chan int, 1)
	began := make(chan *heapWatch, 1)
	cfg := hostileConfig(t)
	cfg.Address = amitest.Listen(t, func(d *amitest.Dialogue) {
		d.Accept()
		d.Expect("Action: Events")
		d.Send("Response: Success⏎ActionID: {id}⏎Events: On⏎⏎")
		a := d.Expect("Action: Ping")
		d.Raw(func(nc net.Conn) {
			sent <- flood(&watchedWriter{w: nc, heap: <-began}, "Event: VarSet\r\nPrivilege: dialplan,all\r\nValue: "+strings.Repeat("y", 40000)+"\r\n\r\n", "")
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
	heap := watchHeap()
	began <- heap
	if _, err := c.Do(t.Context(), ping); err != nil {
		t.Fatal(err)
	}
	grown := heap.grown()
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
	if grown > 96 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
}

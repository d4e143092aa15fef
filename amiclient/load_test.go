package amiclient_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// loopback dials a server on TCP that, after an ordinary login, calls answer for
// each action with its id.
func loopback(t testing.TB, cfg amiclient.Config, answer func(w io.Writer, id []byte)) *amiclient.Conn {
	t.Helper()
	cfg.Address = amitest.Listen(t, func(d *amitest.Dialogue) {
		d.Accept()
		d.Raw(func(nc net.Conn) { answerAll(nc, answer) })
	})
	cfg.Username, cfg.Secret = "u", "s"
	c, err := amiclient.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func answerAll(nc net.Conn, answer func(w io.Writer, id []byte)) {
	r, w := bufio.NewReader(nc), bufio.NewWriterSize(nc, 64<<10)
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		if id, ok := bytes.CutPrefix(line, []byte("ActionID: ")); ok {
			answer(w, bytes.TrimSpace(id))
			if r.Buffered() < 100 { // there may be no whole action more
				w.Flush()
			}
		}
	}
}

func success(w io.Writer, id []byte) {
	fmt.Fprintf(w, "Response: Success\r\nActionID: %s\r\nEvents: On\r\n\r\n", id)
}

// A consumer that sleeps through it all costs events, each of which is counted,
// and not one answer of 20,000.
func TestConn_sleepingConsumer(t *testing.T) {
	const actions, each = 20_000, 3
	c := loopback(t, amiclient.Config{MaxInFlight: 256}, func(w io.Writer, id []byte) {
		if bytes.HasPrefix(id, []byte("n")) {
			for i := range each {
				fmt.Fprintf(w, "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: %s-%d\r\n\r\n", id, i)
			}
		}
		success(w, id)
	})
	s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"UserEvent"}})
	if err != nil {
		t.Fatal(err)
	}
	var r results
	var answered sync.WaitGroup
	answered.Add(actions)
	for i := range actions {
		id := fmt.Sprint("n", i)
		done := r.done(id)
		if err := c.Go(t.Context(), id, ping, func(m *amiclient.Message, err error) { done(m, err); answered.Done() }); err != nil {
			t.Fatal(err)
		}
	}
	answered.Wait()
	for i := range actions {
		if got := r.outcome(fmt.Sprint("n", i)); got != "ok" {
			t.Fatalf("action %d: %s", i, got)
		}
	}
	c.Close()
	events, lost := 0, 0
	for {
		m, err := s.Next(t.Context())
		var missed *amiclient.MissedError
		if errors.As(err, &missed) {
			lost += missed.Lost
			continue
		}
		if err != nil {
			break
		}
		if want := fmt.Sprintf("n%d-%d", events/each, events%each); m.Get("UserEvent") != want {
			t.Fatalf("event %d is %s, want %s", events, m.Get("UserEvent"), want)
		}
		events++
	}
	if events != 4096 || events+lost != actions*each {
		t.Errorf("%d events and %d lost, want 4096 and together %d", events, lost, actions*each)
	}
}

// heap returns how many bytes live objects take.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// flat fails if live memory grew by more than a queue of events may take.
func flat(t *testing.T, before int64, what string) {
	t.Helper()
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("%s: %d bytes more are alive than at the beginning", what, grown)
	}
}

// A million events leave nothing behind, taken or not wanted.
func TestSubscription_memory(t *testing.T) {
	const events = 1_000_000
	chunk := bytes.Repeat([]byte("Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: PJSIP/p000001\r\nState: NOT_INUSE\r\n\r\n"+
		"Event: Newexten\r\nPrivilege: call,all\r\nChannel: PJSIP/p000001-00000001\r\nApplication: Dial\r\n\r\n"), 500)
	c := loopback(t, amiclient.Config{}, func(w io.Writer, id []byte) {
		if bytes.HasPrefix(id, []byte("n")) {
			w.Write(chunk)
		}
		success(w, id)
	})
	s, err := c.Subscribe(t.Context(), amiclient.Filter{Events: []string{"DeviceStateChange"}})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	for sent := 0; sent < events; sent += 1000 {
		answered := make(chan error, 1)
		if err := c.Go(t.Context(), fmt.Sprint("n", sent), ping, func(_ *amiclient.Message, err error) { answered <- err }); err != nil {
			t.Fatal(err)
		}
		for range 500 {
			if m, err := s.Next(t.Context()); err != nil || m.Get("State") != "NOT_INUSE" {
				t.Fatal(m, err)
			}
		}
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		if sent%100_000 == 0 {
			flat(t, before, fmt.Sprint(sent, " events"))
		}
	}
	flat(t, before, "at the end")
}

// A list of 100,000 entries passes through; so does one that its caller leaves.
func TestConn_List_memory(t *testing.T) {
	const entries = 100_000
	c := loopback(t, amiclient.Config{}, func(w io.Writer, id []byte) {
		if string(id) == "ping" {
			success(w, id)
			return
		}
		fmt.Fprintf(w, "Response: Success\r\nActionID: %s\r\nEventList: start\r\n\r\n", id)
		for i := range entries {
			fmt.Fprintf(w, "Event: EndpointList\r\nActionID: %s\r\nObjectType: endpoint\r\nObjectName: p%06d\r\nContacts: p/sip:p@127.0.0.1:5999,\r\nDeviceState: Not in use\r\n\r\n", id, i)
		}
		fmt.Fprintf(w, "Event: EndpointListComplete\r\nActionID: %s\r\nEventList: Complete\r\nListItems: %d\r\n\r\n", id, entries)
	})
	before := heap()
	for round := range 3 {
		n := 0
		for m, err := range c.List(t.Context(), amiclient.Action{Name: "PJSIPShowEndpoints"}) {
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("p%06d", n); m.Get("ObjectName") != want {
				t.Fatalf("entry %d is %s", n, m.Get("ObjectName"))
			}
			if n++; round == 1 && n == 10 {
				break
			}
		}
		if round != 1 && n != entries {
			t.Errorf("%d entries, want %d", n, entries)
		}
		if round == 1 { // the rest of the list that was left comes first
			answered := make(chan error, 1)
			if err := c.Go(t.Context(), "ping", ping, func(_ *amiclient.Message, err error) { answered <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-answered; err != nil {
				t.Fatal(err)
			}
		}
		flat(t, before, fmt.Sprint("after list ", round))
	}
}

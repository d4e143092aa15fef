package amiclient

import (
	"net"
	"testing"
)

// What nobody wants costs no memory, and what somebody keeps costs its text and
// itself: on a Conn as in a Reader.
func TestConn_allocations(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	c := newConn(Config{}.withDefaults(), client, client, false, NewReader(client), "11.0.0")
	defer c.Close()
	s, err := newSubscription(Filter{Events: []string{"DeviceStateChange"}, Buffer: 64})
	if err != nil {
		t.Fatal(err)
	}
	for range 64 { // until its ring is as large as it gets
		s.put(NewMessage())
	}
	s.mu.Lock()
	s.first, s.count, s.bytes = 0, 0, 0
	s.mu.Unlock()
	c.change(func([]*Subscription) []*Subscription { return []*Subscription{s} })

	wanted := &Message{"Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: PJSIP/p000001\r\nState: NOT_INUSE\r\n"}
	unwanted := &Message{"Event: Newexten\r\nPrivilege: call,all\r\nChannel: PJSIP/p000001-00000001\r\nApplication: Dial\r\n"}
	foreign := &Message{"Response: Success\r\nActionID: somebody-1\r\nMessage: NOTIFY sent\r\n"}
	for _, test := range []struct {
		name    string
		message *Message
		most    float64
	}{
		{"an event that nobody wants", unwanted, 0},
		{"an answer to nobody", foreign, 2}, // in all, for the log that hears of each power of two
		{"an event that is kept", wanted, 2},
	} {
		if got := testing.AllocsPerRun(200, func() {
			c.receive(test.message)
			s.take()
		}); got > test.most {
			t.Errorf("%s: %v allocations, at most %v are due", test.name, got, test.most)
		}
	}
}

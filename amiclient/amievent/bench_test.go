package amievent_test

import (
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amievent"
)

// measured are events as servers send them most, and the allocations that each
// may cost: the result alone.
var measured = []struct {
	name, text  string
	allocations float64
}{
	{"DeviceStateChange", "Event: DeviceStateChange⏎Privilege: call,all⏎Device: PJSIP/1001⏎State: INUSE", 1},
	{"ContactStatus", "Event: ContactStatus⏎Privilege: system,all⏎URI: sip:1001@192.0.2.7:5060⏎ContactStatus: Reachable⏎AOR: 1001⏎EndpointName: 1001⏎RoundtripUsec: 279", 1},
	{"PeerStatus", "Event: PeerStatus⏎Privilege: system,all⏎ChannelType: PJSIP⏎Peer: PJSIP/1001⏎PeerStatus: Reachable", 1},
	{"SuccessfulAuth", "Event: SuccessfulAuth⏎Privilege: security,all⏎EventTV: 2026-11-22T02:04:11.222+0000⏎Severity: Informational⏎Service: PJSIP⏎EventVersion: 1⏎AccountID: 1001⏎SessionID: 1-2@phone⏎LocalAddress: IPV4/UDP/192.0.2.1/5060⏎RemoteAddress: IPV4/UDP/192.0.2.7/5060⏎UsingPassword: 1", 1},
	{"UserEvent", "Event: UserEvent⏎Privilege: user,all⏎UserEvent: Reboot⏎ActionID: r1⏎Phone: 101⏎Site: hq", 1},
	{"UserEvent of the dialplan", "Event: UserEvent⏎Privilege: user,all⏎" + snapshot + "UserEvent: Reboot⏎Phone: 101⏎Site: hq", 1},
	{"Other", "Event: Newchannel⏎Privilege: call,all⏎" + snapshot, 1},
}

func TestParse_allocations(t *testing.T) {
	for _, test := range measured {
		m := message(t, test.text)
		var e amievent.Event
		if got := testing.AllocsPerRun(100, func() { e = amievent.Parse(m) }); got != test.allocations {
			t.Errorf("%s: %.0f allocations, want %.0f", test.name, got, test.allocations)
		}
		if got := testing.AllocsPerRun(100, func() { e.Get("Site"); e.Timestamp() }); got != 0 {
			t.Errorf("%s: Get and Timestamp make %.0f allocations", test.name, got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, test := range measured {
		b.Run(test.name, func(b *testing.B) {
			m := message(b, test.text)
			b.ReportAllocs()
			for b.Loop() {
				amievent.Parse(m)
			}
		})
	}
}

package amisim

import (
	"strings"
	"testing"
	"time"
)

func TestPhone_reboot(t *testing.T) {
	for _, test := range []struct {
		name   string
		how    Reboot
		expect func(c *client)
	}{
		{"clean", RebootClean, func(c *client) {
			c.wantEvent("SuccessfulAuth", "Service: PJSIP", "AccountID: a", "SessionID: a-boot-0@phone.invalid")
			c.wantEvent("PeerStatus", "ChannelType: PJSIP", "Peer: PJSIP/a", "PeerStatus: Unreachable")
			c.wantEvent("DeviceStateChange", "Device: PJSIP/a", "State: UNAVAILABLE")
			c.wantEvent("ContactStatus", "URI: sip:a@198.18.0.1:5060", "ContactStatus: Removed", "AOR: a", "EndpointName: a")
			c.wantEvent("SuccessfulAuth", "Service: PJSIP", "AccountID: a", "SessionID: a-boot-1@phone.invalid")
			c.wantEvent("ContactStatus", "URI: sip:a@198.18.0.1:5061", "ContactStatus: NonQualified")
			c.wantEvent("PeerStatus", "PeerStatus: Reachable")
			c.wantEvent("DeviceStateChange", "State: NOT_INUSE")
		}},
		{"silent", RebootSilent, func(c *client) { c.wantEvent("SuccessfulAuth", "SessionID: a-boot-1@phone.invalid") }},
		{"lost", RebootLost, func(c *client) {
			c.wantEvent("PeerStatus", "PeerStatus: Unreachable")
			c.wantEvent("ContactStatus", "ContactStatus: Unreachable")
			c.wantEvent("PeerStatus", "PeerStatus: Reachable")
			c.wantEvent("ContactStatus", "ContactStatus: Reachable")
		}},
		{"gone", RebootGone, func(c *client) {
			c.wantEvent("SuccessfulAuth", "SessionID: a-boot-0@phone.invalid")
			c.wantEvent("PeerStatus", "PeerStatus: Unreachable")
			c.wantEvent("DeviceStateChange", "State: UNAVAILABLE")
			c.wantEvent("ContactStatus", "ContactStatus: Removed")
		}},
		{"never", RebootNever, func(c *client) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, Config{Phones: []Phone{{Name: "a", Reboot: test.how, RebootTime: time.Millisecond}}})
			c, other := login(t, s, "off"), login(t, s, "off")
			other.ping() // its login event is out
			c.send("Events", "EventMask: system,call,security")
			c.want("Response: Success\r\nEvents: On\r\n\r\n")
			other.send("PJSIPNotify", "Endpoint: a", "Variable: Event=check-sync;reboot=false")
			other.want(accepted)
			other.send("PJSIPNotify", "Endpoint: a", "Variable: Event=check-sync;reboot=true")
			other.want(accepted)
			test.expect(c)
			c.ping()
			if s.Count() != 2 {
				t.Errorf("%d NOTIFYs arrived", s.Count())
			}
		})
	}
}

func TestPhone_states(t *testing.T) {
	s := start(t, Config{Version: Asterisk16, Phones: []Phone{{Name: "a", State: "INUSE"}, {Name: "b", Status: 481}, {Name: "c", Status: -1}}})
	c := login(t, s, "call")
	c.send("DeviceStateList")
	c.want("Response: Success\r\nEventList: start\r\nMessage: Device State Changes will follow\r\n\r\n")
	c.wantEvent("DeviceStateChange", "Device: PJSIP/a", "State: INUSE")
	c.wantEvent("DeviceStateChange", "Device: PJSIP/b", "State: NOT_INUSE")
	c.wantEvent("DeviceStateChange", "Device: PJSIP/c", "State: NOT_INUSE")
	c.wantEvent("DeviceStateListComplete", "ListItems: 3")
	s.SetState("a", "NOT_INUSE")
	c.wantEvent("DeviceStateChange", "Device: PJSIP/a", "State: NOT_INUSE")
	s.Unregister("a")
	c.wantEvent("DeviceStateChange", "Device: PJSIP/a", "State: UNAVAILABLE")
	s.Register("a", "sip:a@192.0.2.1", "sip:a@192.0.2.2")
	c.wantEvent("DeviceStateChange", "Device: PJSIP/a", "State: NOT_INUSE")

	for _, name := range []string{"a", "b", "c"} {
		c.send("PJSIPNotify", "Endpoint: "+name, "Variable: Event=x")
		c.want(accepted)
	}
	c.send("SIPnotify", "Channel: SIP/a", "Variable: Event=x") // chan_sip has one contact for a peer
	c.want("Response: Success\r\nMessage: Notify Sent\r\n\r\n")
	var got []string
	status := map[string]int{}
	for _, n := range s.Notifies() {
		got = append(got, n.Driver+" "+n.URI)
		status[n.Phone] = n.Status
	}
	if strings.Join(got, ", ") != "PJSIP sip:a@192.0.2.1, PJSIP sip:a@192.0.2.2, PJSIP sip:b@198.18.0.2:5060, PJSIP sip:c@198.18.0.3:5060, SIP sip:a@192.0.2.1" {
		t.Errorf("NOTIFYs went to %q", got)
	}
	if status["a"] != 200 || status["b"] != 481 || status["c"] != 0 {
		t.Errorf("phones answered %v", status)
	}
}

package amisim

import (
	"strings"
	"testing"
)

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

package amisim

import (
	"strings"
	"testing"
)

func TestServer_Call(t *testing.T) {
	s := start(t, Config{Version: Asterisk16, Phones: []Phone{{Name: "a"}, {Name: "b", Unregistered: true}}, Hints: []Hint{{"100", "default", "PJSIP/a"}}})
	c := login(t, s, "call")
	for target, want := range map[string]string{"b": "not registered", "PJSIP/c": "no such phone", "IAX2/a": "no such channel driver"} {
		if _, err := s.Call(target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("call %s: %v, want %q", target, err, want)
		}
	}
	call, err := s.Call("a")
	if err != nil {
		t.Fatal(err)
	}
	c.wantEvent("Newchannel", "Channel: "+call.Channel, "ChannelStateDesc: Down")
	c.wantEvent("Newstate", "Channel: "+call.Channel, "ChannelStateDesc: Up")
	c.wantEvent("DeviceStateChange", "Device: PJSIP/a", "State: INUSE")
	c.wantEvent("ExtensionStatus", "Exten: 100", "Hint: PJSIP/a", "Status: 1")

	bySIP, err := s.Call("SIP/a")
	if err != nil {
		t.Fatal(err)
	}
	c.wantEvent("Newchannel", "Channel: "+bySIP.Channel)
	c.wantEvent("Newstate", "Channel: "+bySIP.Channel)
	c.wantEvent("DeviceStateChange", "Device: SIP/a", "State: INUSE")
	if got := s.Calls(); len(got) != 2 || got[0] != bySIP || got[1] != call {
		t.Errorf("calls %+v, want %+v and %+v", got, bySIP, call)
	}

	c.send("PJSIPNotify", "Channel: "+call.Channel, "Variable: Event=x")
	c.want(accepted)
	c.send("PJSIPNotify", "Channel: "+bySIP.Channel, "Variable: Event=x")
	c.want("Response: Error\r\nMessage: Channel not found\r\n\r\n")
	for _, body := range []string{"one", "two"} {
		c.send("SIPnotify", "Channel: SIP/a", "Call-ID: "+bySIP.CallID, "Variable: Event=y,Content="+body)
		c.want("Response: Success\r\nMessage: Notify Sent\r\n\r\n")
	}
	n := s.Notifies()
	if len(n) != 3 || n[0].Channel != call.Channel || n[1].Channel != bySIP.Channel || n[2].Body != "one\r\ntwo" {
		t.Fatalf("NOTIFYs %+v", n)
	}
	for i, want := range []string{call.CallID, bySIP.CallID, bySIP.CallID} {
		if got := find(n[i].Headers(), "Call-ID"); got != want {
			t.Errorf("NOTIFY %d came in call %q, want %q", i, got, want)
		}
	}
	if first, second := find(n[1].Headers(), "CSeq"), find(n[2].Headers(), "CSeq"); first != "103 NOTIFY" || second != "104 NOTIFY" {
		t.Errorf("CSeq %q and %q, want 103 and 104", first, second)
	}

	s.HangUp(call.Channel)
	c.wantEvent("Hangup", "Channel: "+call.Channel)
	c.wantEvent("DeviceStateChange", "Device: PJSIP/a", "State: NOT_INUSE")
	c.wantEvent("ExtensionStatus", "Status: 0")
	s.HangUp(call.Channel) // gone already
	s.Restart()
	if got := s.Calls(); len(got) != 0 {
		t.Errorf("calls after the restart: %+v", got)
	}
}

// The two events of an Originate come in either order, as real servers send them.
func TestServer_Originate(t *testing.T) {
	s := start(t, Config{})
	c := login(t, s, "user,call")
	orders := make(map[string]int)
	for range 4 {
		c.send("Originate", "Channel: Local/hold@default/n", "Application: UserEvent", "Data: Reboot,Phone: 101", "Async: true")
		c.want("Response: Success\r\nMessage: Originate successfully queued\r\n\r\n")
		order := ""
		for hangups := 0; hangups < 2 || !strings.Contains(order, "O"); {
			m, err := c.read()
			if err != nil {
				t.Fatal(err)
			}
			switch event, _, _ := strings.Cut(m, "\r\n"); event {
			case "Event: UserEvent":
				order += "U"
			case "Event: OriginateResponse":
				order += "O"
			case "Event: Hangup":
				hangups++
			}
		}
		orders[order]++
	}
	if orders["UO"] != 2 || orders["OU"] != 2 {
		t.Errorf("orders %v, want each two times", orders)
	}
	if got := s.Calls(); len(got) != 0 {
		t.Errorf("channels left: %+v", got)
	}
}

// Extensions runs one application after the other, and hangs up at the end.
func TestConfig_Extensions(t *testing.T) {
	s := start(t, Config{Extensions: map[string][]string{
		"hold@default": {"Echo()"}, "two@default": {"UserEvent(One)", "Wait(0.01)", "UserEvent(Two,Key: v)"},
	}})
	c := login(t, s, "user")
	c.send("Originate", "Channel: Local/hold@default", "Context: default", "Exten: two", "Priority: 1")
	c.want("Response: Success\r\nMessage: Originate successfully queued\r\n\r\n")
	c.wantEvent("UserEvent", "Exten: two", "UserEvent: One")
	c.wantEvent("UserEvent", "Exten: two", "UserEvent: Two", "Key: v")
}

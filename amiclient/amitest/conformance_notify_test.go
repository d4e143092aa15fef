package amitest

import (
	"fmt"
	"strings"
)

// notify is a PJSIPNotify with one more header and these Variable headers.
func notify(header string, variables ...string) string {
	return notifyAction("PJSIPNotify\n"+header, variables)
}

// notifySIP is a SIPnotify.
func notifySIP(channel string, variables ...string) string {
	return notifyAction("SIPnotify\nChannel: "+channel, variables)
}

func notifyAction(start string, variables []string) string {
	text := "Action: " + start + "\n"
	for _, v := range variables {
		text += "Variable: " + v + "\n"
	}
	return text + "\n"
}

const (
	noTarget   = "PJSIPNotify requires either an endpoint name, a SIP URI, or a channel."
	oneTarget  = "PJSIPNotify requires either an endpoint name, a SIP URI, or a channel.  You must use only one of them."
	eitherRule = "PJSIPNotify requires either an Option or Variable(s).You must use only one of them."
)

// A row must never send a Content-Type without "/" or without Content: it would end the real server.
var pjsipNotify = []dialogue{
	{name: "PJSIPNotify", send: notify("Endpoint: 1001", "Event=check-sync;reboot=true", "X-One=1"), want: sent,
		gets: []string{pj("1001", "Event: check-sync;reboot=true", "X-One: 1")}},
	{name: "PJSIPNotify with ActionID", send: notify("Endpoint: 1002\nActionID: x1", "Event=e"),
		want: "Response: Success\nActionID: x1\nMessage: NOTIFY sent\n\n", gets: []string{pj("1002", "Event: e")}},
	{name: "PJSIPNotify with the driver's name", send: notify("Endpoint: PJsip/1003", "Event=e") + notify("Endpoint: SIP/1003", "Event=f"), want: sent + sent,
		gets: []string{pj("1003", "Event: e"), pj("1003", "Event: f")}},
	{name: "PJSIPNotify to every contact", send: notify("Endpoint: twin", "Event=e"), want: sent,
		gets: []string{pj("twin-a", "Event: e"), pj("twin-b", "Event: e")}},
	{name: "PJSIPNotify to no contact", send: notify("Endpoint: absent", "Event=e"), want: sent},
	{name: "PJSIPNotify to an unknown endpoint", send: notify("Endpoint: nope", "Event=e"), want: failure("Unable to retrieve endpoint nope")},
	{name: "PJSIPNotify to an unknown channel", send: notify("Channel: PJSIP/x-1", "Event=e"), want: failure("Channel not found")},
	{name: "PJSIPNotify to a URI", send: notify("URI: sip:1004@PHONE", "Event=e"), want: sent, gets: []string{pj("1004", "Event: e")}},
	{name: "PJSIPNotify to a URI in brackets", send: notify("URI: <sip:1004@PHONE>", "Event=e"), want: sent, gets: []string{pj("1004", "Event: e")}},
	{name: "PJSIPNotify to a bad URI", send: notify("URI: 1001", "Event=e"), want: sent},
	{name: "PJSIPNotify to nobody", send: notify("X: y", "Event=e"), want: failure(noTarget)},
	{name: "PJSIPNotify to two", send: notify("Endpoint: 1001\nURI: sip:1001@PHONE", "Event=e"), want: failure(oneTarget)},
	{name: "PJSIPNotify saying nothing", send: notify("Endpoint: 1001"), want16: sent, gets16: []string{pj("1001")}, want22: failure(eitherRule)},
	{name: "PJSIPNotify saying nothing to nobody", send: notify("X: y"), want16: failure(noTarget), want22: failure(eitherRule)},
	{name: "PJSIPNotify with an empty Variable", send: notify("Endpoint: 1001", ""), want16: sent, gets16: []string{pj("1001")}, want22: failure(eitherRule)},
	{name: "PJSIPNotify with a Variable without =", send: notify("Endpoint: 1001", "Event"), want: sent, gets: []string{pj("1001")}},
	{name: "PJSIPNotify with Option", send: notify("Endpoint: 1001\nOption: Reboot-OPTION"), want: sent,
		gets16: []string{pj("1001")}, gets22: []string{pj("1001", "Event: check-sync;reboot=true", "X-Vendor: option")}},
	{name: "PJSIPNotify with an unknown Option", only: 22, send: notify("Endpoint: 1001\nOption: nope"), want: failure("Unable to find notify type 'nope'␊")},
	{name: "PJSIPNotify with Option and Variable", send: notify("Endpoint: 1001\nOption: reboot-option", "Event=e"),
		want16: sent, gets16: []string{pj("1001", "Event: e")}, want22: failure(eitherRule)},
	{name: "PJSIPNotify with Option, an empty and a full Variable", send: notify("Endpoint: 1001\nOption: reboot-option", "", "Event=e"),
		want: sent, gets16: []string{pj("1001", "Event: e")}, gets22: []string{pj("1001", "Event: check-sync;reboot=true", "X-Vendor: option")}},

	{name: "headers that PJSIPNotify refuses", want: sent, gets: []string{pj("1001", "Event: e", "X-Kept: yes")},
		send: notify("Endpoint: 1001", "Event=e", "Call-ID=x", "contact=x", "CSeq=x", "TO=x", "From=x", "Record-Route=x", "Route=x", "Request-URI=x", "Via=x", "Content-Length=5", "X-Kept=yes")},
	{name: "second Event in PJSIPNotify", send: notify("Endpoint: 1001", "Event=one", "event=two"), want: sent, gets: []string{pj("1001", "Event: one")}},
	{name: "second Subscription-State in PJSIPNotify", send: notify("Endpoint: 1001", "Event=e", "Subscription-State=active"), want: sent,
		gets: []string{pj("1001", "Event: e", "Subscription-State: active")}},
	{name: "headers of the server in PJSIPNotify", send: notify("Endpoint: 1001", "User-Agent=me", "Max-Forwards=3", "Event=e"), want: sent,
		gets: []string{pjWith("1001", []string{"User-Agent: me", "Max-Forwards: 3", "Event: e"}, "Content-Length:  0")}},
	{name: "repeated header in PJSIPNotify", send: notify("Endpoint: 1001", "Event=e", "X-A=1", "X-A=2"), want: sent, gets: []string{pj("1001", "Event: e", "X-A: 1", "X-A: 2")}},
	{name: "body in PJSIPNotify", send: notify("Endpoint: 1001", "Content=one", "Event=e", "Content-type=text/plain;charset=utf-8", "content=two", "Content="), want: sent,
		gets: []string{pjBody("1001", "text/plain;charset=utf-8", "one\r\ntwo\r\n", "Event: e")}},
	{name: "body of PJSIPNotify that begins with empty lines", send: notify("Endpoint: 1001", "Event=e", "Content-type=text/plain", "Content=", "Content=", "Content=one", "Content=", "Content=two"), want: sent,
		gets: []string{pjBody("1001", "text/plain", "one\r\n\r\ntwo", "Event: e")}},
	{name: "empty body in PJSIPNotify", send: notify("Endpoint: 1001", "Event=e", "Content-type=text/plain", "Content="), want: sent,
		gets: []string{pjWith("1001", []string{"Event: e"}, "Max-Forwards: 70", "User-Agent: Asterisk PBX VERSION", "Content-Type: text/plain", "Content-Length:     0")}},
	{name: "body without type in PJSIPNotify", send: notify("Endpoint: 1001", "Event=e", "Content=lost"), want: sent, gets: []string{pj("1001", "Event: e")}},
	{name: "message-summary by PJSIPNotify", want: sent,
		send: notify("Endpoint: 1001", "Event=message-summary", "Content-type=application/simple-message-summary", "Content=Messages-Waiting: yes",
			"Content=Message-Account: sip:101@pbx.example", `Content=Voice-Message: 1/0 \(0/0\)`, "Content="),
		gets: []string{pjBody("1001", "application/simple-message-summary",
			"Messages-Waiting: yes\r\nMessage-Account: sip:101@pbx.example\r\nVoice-Message: 1/0 (0/0)\r\n", "Event: message-summary")}},
}

var sipNotify = []dialogue{
	{name: "SIPnotify of 22", only: 22, send: notifySIP("SIP/1001", "Event=e"), want: unknown("SIPnotify")},
	{name: "SIPnotify", only: 16, send: notifySIP("SIP/1001", "Event=check-sync;reboot=true", "X-One=1"), want: sentSIP,
		gets: []string{sip("", "Event: check-sync;reboot=true", "X-One: 1")}},
	{name: "SIPnotify without the driver's name", only: 16, send: notifySIP("1001", "Event=e") + notifySIP("sIp/1001", "Event=f"), want: sentSIP + sentSIP,
		gets: []string{sip("", "Event: e"), sip("", "Event: f")}},
	{name: "SIPnotify to nobody", only: 16, send: notifyAction("SIPnotify", []string{"Event=e"}), want: failure("SIPNotify requires a channel name")},
	{name: "SIPnotify to an unregistered peer", only: 16, send: notifySIP("SIP/absent", "Event=e"), want: failure("Could not create address")},
	{name: "SIPnotify to a number that is no peer", only: 16, send: notifySIP("SIP/9999", "Event=e"), want: failure("Could not create address")},
	{name: "SIPnotify to a user at an address", only: 16, send: notifySIP("SIP/1001@127.0.0.1", "Event=e"), want: failure("Could not create address")},
	{name: "SIPnotify in an unknown dialog", only: 16, send: notifySIP("SIP/1001\nCall-ID: nope", "Event=e"), want: failure("Call-ID not found")},
	{name: "SIPnotify saying nothing", only: 16, send: notifySIP("SIP/1001") + notifySIP("SIP/1001\nOption: x"), want: sentSIP + sentSIP, gets: []string{sip(""), sip("")}},
	{name: "SIPnotify refuses no header", only: 16, send: notifySIP("SIP/1001", "Event=one", "Event=two", "X-To=x", "Subscription-State=active", "Content-Length=5"), want: sentSIP,
		gets: []string{sip("", "Event: one", "Event: two", "X-To: x", "Subscription-State: active")}},
	{name: "body in SIPnotify", only: 16, send: notifySIP("SIP/1001", "Content=", "content=one", "Event=e", "Content-Type=text/plain", "Content=two", "Content="), want: sentSIP,
		gets: []string{sip("one\r\ntwo\r\n", "Event: e", "Content-Type: text/plain")}},
	{name: "body without type in SIPnotify", only: 16, send: notifySIP("SIP/1001", "Event=e", "Content=one"), want: sentSIP, gets: []string{sip("one", "Event: e")}},
}

// cut sends one Variable header and tells which headers the phone gets of it.
func cut(variable string, headers ...string) dialogue {
	return dialogue{name: fmt.Sprintf("variable %.60q", variable), send: notify("Endpoint: 1001", variable), want: sent, gets: []string{pj("1001", headers...)}}
}

// many returns n items a0=0,a1=1 …, from the given one on.
func many(from, n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf("a%d=%d", from+i, from+i)
	}
	return strings.Join(items, ",")
}

func manyHeaders(n int) []string {
	headers := make([]string, n)
	for i := range headers {
		headers[i] = fmt.Sprintf("a%d: %d", i, i)
	}
	return headers
}

var cutting = []dialogue{
	cut("Event=e,X-A=1,X-B=2", "Event: e", "X-A: 1", "X-B: 2"),
	cut("X-A=1=2==3", "X-A: 1=2==3"),
	cut("X-A=a;b", "X-A: a;b"),
	cut(`X-A="a,b",X-B=c`, "X-A: a,b", "X-B: c"),
	cut(`X-A=(a,b),X-B=c`, "X-A: (a,b)", "X-B: c"),
	cut(`X-A=[a,b],X-B=c`, "X-A: [a,b]", "X-B: c"),
	cut(`X-A=a\,b\\c\"d\x,X-B=c`, `X-A: a,b\c"dx`, "X-B: c"),
	cut(`X-A=(a,X-B=c`, "X-A: (a,X-B=c"),
	cut(`X-A="a,X-B=c`, "X-A: a,X-B=c"),
	cut(`X-A=")",X-B=c`, "X-A: )", "X-B: c"),
	cut(`X-A="(",X-B=c`, "X-A: (,X-B=c"),
	cut(`X-A=a)b]c,X-B=c`, "X-A: a)b]c", "X-B: c"),
	cut(`X-A=a\`, "X-A: a"),
	cut("X-A=1,nothing,X-B=2,,=3,X-C=4,", "X-A: 1", "X-B: 2", "X-C: 4"),
	cut("X-A=  a  ", "X-A:   a  "),
	cut("X-A=,X-B=1", "X-A: ", "X-B: 1"),
	cut("X-A=tab\tin", "X-A: tab\tin"),
	cut("  X-A=1", "X-A: 1"),
	cut("X-A=ü${EXTEN}%24<>{}'", "X-A: ü${EXTEN}%24<>{}'"),
	cut("X-A=1, X-B=2", "X-A: 1", " X-B: 2"), // the blank before the name makes it a folded line of the header above
	cut(many(0, 64), manyHeaders(64)...),
	cut(many(0, 66), append(manyHeaders(63), "a63: 63,a64=64,a65=65")...),
	{name: "variables of two headers", send: notify("Endpoint: 1001", "Event=e,X-A=1", "X-B=2"), want: sent, gets: []string{pj("1001", "Event: e", "X-A: 1", "X-B: 2")}},
	{name: "variables of SIPnotify", only: 16, send: notifySIP("SIP/1001", `Event=e,X-A="a,b"\,(c,d)`, "X-B=[e,f]\\,"), want: sentSIP,
		gets: []string{sip("", "Event: e", "X-A: a,b,(c,d)", "X-B: [e,f],")}},
}

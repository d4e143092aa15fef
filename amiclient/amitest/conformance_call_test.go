package amitest

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
)

// local is a channel's snapshot in an event: of the first half of a Local channel to an extension that holds.
func local(exten string) string {
	return "Channel: Local/hold@default-«[0-9a-f]{8}»;1\nChannelState: 6\nChannelStateDesc: Up\nCallerIDNum: <unknown>\nCallerIDName: <unknown>\n" +
		"ConnectedLineNum: <unknown>\nConnectedLineName: <unknown>\nLanguage: en\nAccountCode: \nContext: default\nExten: " + exten + "\nPriority: 1\n" +
		"Uniqueid: «\\d+\\.\\d+»\nLinkedid: «\\d+\\.\\d+»\n"
}

func said(exten, rest string) string {
	return "Event: UserEvent\nPrivilege: user,all\n" + local(exten) + "UserEvent: " + rest + "\n\n"
}

// identified is the snapshot of the first half whose Uniqueid was given.
func identified(id string) string {
	return strings.ReplaceAll(local("hold"), "«\\d+\\.\\d+»", id)
}

// numbered repeats a text with numbers in it, twice each.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i)
	}
	return b.String()
}

// typed is an action of the client as it writes it.
func typed(id string, a amiclient.Action) string {
	wire, err := a.Append(nil, id)
	if err != nil {
		panic(err)
	}
	return strings.ReplaceAll(string(wire), "\r\n", "\n")
}

func hungUp(channel string) string {
	return "Event: Hangup\nPrivilege: call,all\nChannel: " + channel + "\n«.*»Cause: «\\d+»\nCause-txt: «[A-Z].*»\n\n"
}

// originated is the event that tells how an Originate with the ActionID o ended.
func originated(response, channel, what, reason, uniqueid string) string {
	return "Event: OriginateResponse\nPrivilege: call,all\nActionID: o\nResponse: " + response + "\nChannel: " + channel + "\n" + what + "\nReason: " + reason +
		"\nUniqueid: " + uniqueid + "\nCallerIDNum: <unknown>\nCallerIDName: <unknown>\n\n"
}

// originate is an Originate with the ActionID o.
func originate(headers ...string) string {
	return strings.Join(append([]string{"Action: Originate", "ActionID: o"}, headers...), "\n") + "\n\n"
}

const (
	hold      = "Channel: Local/hold@default/n"
	halfOne   = "Local/hold@default-«[0-9a-f]{8}»;1"
	halfTwo   = "Local/hold@default-«[0-9a-f]{8}»;2"
	queued    = "Response: Success\nActionID: o\nMessage: Originate successfully queued\n\n"
	someCalls = "Response: Success\nEventList: start\nMessage: Channels will follow\n\n"
	noCalls   = someCalls + "Event: CoreShowChannelsComplete\nEventList: Complete\nListItems: 0\n\n"
)

// originateFails is an Originate that is refused.
func originateFails(message string, headers ...string) dialogue {
	return dialogue{name: "originate: " + message, send: originate(headers...), want: "Response: Error\nActionID: o\nMessage: " + message + "\n\n"}
}

// screened is an Originate of somebody who has no more than that right.
func screened(want16, want22 string, headers ...string) dialogue {
	const no = "Originate Access Forbidden: "
	answer := map[string]string{"": queued, "app": "Response: Error\nActionID: o\nMessage: " + no + "Application\n\n",
		"screen": "Response: Error\nActionID: o\nMessage: " + no + "app or data blacklisted\n\n"}
	d := dialogue{name: fmt.Sprintf("originate screened %q", headers), user: UserCaller, mask: "call", send: originate(append(headers, hold)...), want16: answer[want16], want22: answer[want22]}
	return d
}

var calls = []dialogue{
	{name: "user event by Originate", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: Reboot,Phone: 101,Site:hq", "Async: true"), want: queued,
		events: []string{said("hold", "Reboot\nPhone: 101\nSite: hq"), hungUp(halfOne), hungUp(halfTwo),
			originated("Success", halfOne, "Application: UserEvent\nData: Reboot,Phone: 101,Site:hq", "4", "«\\d+\\.\\d+»")}},
	{name: "user event by Originate, awaited", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: Reboot"), want: queued,
		events: []string{said("hold", "Reboot"), hungUp(halfOne), hungUp(halfTwo)}},
	{name: "user event of odd arguments", mask: "user,call",
		send: originate(hold, "Application: UserEvent", `Data: Reboot,A:1,B: 2 ,"C:3,4",D\,E:5,nocolon,A:9, Sp : x ,F:,eventname:New`), want: queued,
		events: []string{said("hold", "New\nA: 9\nB: 2\nC: 3,4\nD,E: 5\n Sp : x\nF: "), hungUp(halfOne), hungUp(halfTwo)}},
	// Of the arguments after the name the hundredth stays as it is written.
	{name: "user event of many arguments", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: R"+numbered(`,"h%d":\%d`, 99)+`,"x":\1,y:2`), want: queued,
		events: []string{said("hold", "R"+numbered("\nh%d: %d", 99)+"\n\"x\": \\1,y:2"), hungUp(halfOne), hungUp(halfTwo)}},
	{name: "user event of the typed action", mask: "user,call", want: queued,
		send: typed("o", amiclient.DialplanUserEvent{Channel: "Local/hold@default/n", Name: ` a "b", (c] \ ${EXTEN}`, ID: "conformance-2", Headers: []amiclient.Header{
			{Name: ` k,"(\ `, Value: `v: ",)\[ [é] \`}, {Name: "Exten", Value: "5"}, {Name: "Empty"}, {Name: "K", Value: "1"}, {Name: "k", Value: "2"}}}.Action()),
		events: []string{
			"Event: UserEvent\nPrivilege: user,all\n" + identified("conformance-2") + "UserEvent:  a \"b\", (c] \\ ${EXTEN}\n k,\"(\\ : v: \",)\\[ [é] \\\nExten: 5\nEmpty: \nK: 1\nk: 2\n\n",
			"Event: OriginateResponse\nPrivilege: call,all\nActionID: o\nResponse: Success\n«.*»Reason: 4\nUniqueid: conformance-2\n«.*»", hungUp(halfOne), hungUp(halfTwo)}},
	{name: "user event that is not UTF-8", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: Reboot,A:1,B:\xff", "Async: true"), want: queued,
		events: []string{originated("Success", halfOne, "Application: UserEvent\nData: Reboot,A:1,B:«.{1,3}»", "4", "«\\d+\\.\\d+»"), hungUp(halfOne), hungUp(halfTwo)}, never: []string{"Event: UserEvent\n«.*»"}},
	{name: "user event with a key that is not UTF-8", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: Reboot,A\xff:1"), want: queued,
		events: []string{hungUp(halfOne), hungUp(halfTwo)}, never: []string{"Event: UserEvent\n«.*»"}},
	{name: "user event with an empty name", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: ,A:\t1\t,:2"), want: queued,
		events: []string{said("hold", "\nA: 1\n: 2"), hungUp(halfOne), hungUp(halfTwo)}},
	{name: "ids of both halves", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: R", "ChannelId: conformance-3"), want: queued,
		events: []string{hungUp("«Local/hold@default-[0-9a-f]{8};1\n.*»Uniqueid: conformance-3"), hungUp("«Local/hold@default-[0-9a-f]{8};2\n.*»Uniqueid: conformance-3;2\nLinkedid: conformance-3")}},
	{name: "ids of both halves given", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: R", "ChannelId: conformance-4", "OtherChannelId: other"), want: queued,
		events: []string{hungUp("«Local/hold@default-[0-9a-f]{8};1\n.*»Uniqueid: conformance-4"), hungUp("«Local/hold@default-[0-9a-f]{8};2\n.*»Uniqueid: other\nLinkedid: conformance-4")}},
	{name: "one id for both halves", mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: R", "Async: true", "ChannelId: conformance-5", "OtherChannelId: conformance-5"), want: queued,
		events: []string{originated("Failure", "Local/hold@default/n", "Application: UserEvent\nData: R", "0", "conformance-5")}, never: []string{"Event: UserEvent\n«.*»"}},
	{name: "user event without a name", mask: "call", send: originate(hold, "Application: UserEvent", "Async: true"), want: queued,
		events: []string{originated("Success", halfOne, "Application: UserEvent\nData: ", "4", "«\\d+\\.\\d+»"), hungUp(halfOne), hungUp(halfTwo)}},
	{name: "user event of the dialplan", mask: "user,call", send: originate(hold, "Context: default", "Exten: say", "Priority: 1", "Async: yes"), want: queued,
		events: []string{said("say", "Said\nPhone: 101\nSite: hq"), originated("Success", halfOne, "Context: default\nExten: say", "4", "«\\d+\\.\\d+»"), hungUp(halfOne), hungUp(halfTwo)}},
	{name: "originate with a caller and an id", mask: "user,call",
		send: originate(hold, "Application: UserEvent", "Data: R", `CallerID: "Bob" <123>`, "Account: acc", "ChannelId: conformance-1"), want: queued,
		events: []string{"Event: UserEvent\nPrivilege: user,all\nChannel: " + halfOne + "\nChannelState: 6\nChannelStateDesc: Up\nCallerIDNum: 123\nCallerIDName: Bob\n" +
			"ConnectedLineNum: 123\nConnectedLineName: Bob\nLanguage: en\nAccountCode: acc\nContext: default\nExten: hold\nPriority: 1\nUniqueid: conformance-1\n" +
			"Linkedid: conformance-1\nUserEvent: R\n\n", hungUp(halfOne), hungUp(halfTwo)}},
	{name: "application that is not there", mask: "call", send: originate(hold, "Application: Nonsense", "Async: true"), want: queued,
		events: []string{originated("Success", halfOne, "Application: Nonsense\nData: ", "4", "«\\d+\\.\\d+»"), hungUp(halfOne), hungUp(halfTwo)}},
	{name: "originate that fails later", mask: "call", send: originate("Channel: PJSIP/nope", "Application: UserEvent", "Data: R", "Async: true"), want: queued,
		events: []string{originated("Failure", "PJSIP/nope", "Application: UserEvent\nData: R", "0", "<unknown>")}},
	{name: "originate to a phone that is not registered", mask: "call", send: originate("Channel: PJSIP/absent", "Application: UserEvent", "Async: true"), want: queued,
		events: []string{originated("Failure", "PJSIP/absent", "Application: UserEvent\nData: ", "0", "<unknown>")}},
	{name: "originate by nobody's driver", mask: "call", send: originate("Channel: Nonsense/1", "Context: default", "Exten: say", "Priority: 1", "Async: true"), want: queued,
		events: []string{originated("Failure", "Nonsense/1", "Context: default\nExten: say", "0", "<unknown>")}},
	originateFails("Originate failed", "Channel: Local/nope@default/n", "Application: UserEvent", "Data: R"),
	originateFails("Originate failed", "Channel: PJSIP/nope", "Application: UserEvent"),
	originateFails("Channel not specified"), originateFails("Invalid channel", "Channel: nonsense"), originateFails("Invalid timeout", hold, "Application: Wait", "Timeout: soon"),
	originateFails("Invalid priority", hold, "Priority: x"), originateFails("Originate with 'Exten' requires 'Context' and 'Priority'", hold),
	originateFails("Extension does not exist.", hold, "Context: default", "Exten: nope", "Priority: 1", "Async: true"),
	{name: "ChannelId too long", send: originate(hold, "Application: Wait", "ChannelId: "+strings.Repeat("i", 150)),
		want: "Response: Error\nActionID: o\nMessage: Uniqueid length exceeds maximum of 149␊\n\n"},
	screened("app", "screen", "Application: TryExec"), screened("app", "screen", "Application: System"), screened("app", "screen", "Application: AGI"),
	screened("app", "screen", "Application: Originate"), screened("app", "screen", "Application: ExternalIVR"), screened("app", "screen", "Application: mixmonitor"),
	{name: "originate screened by data", user: UserCaller, mask: "call", send: originate(hold, "Application: UserEvent", "Data: R,A:PROFILE"), want: "Response: Error\nActionID: o\nMessage: Originate Access Forbidden: app or data blacklisted\n\n", only: 22},
	{name: "originate screened by data on 16", user: UserCaller, mask: "call", send: originate(hold, "Application: UserEvent", "Data: R,A:PROFILE"), want: queued, only: 16,
		events: []string{hungUp(halfOne), hungUp(halfTwo)}},
	{name: "originate not screened", user: UserCaller, mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: R,A:profile"), want: queued,
		events: []string{said("hold", "R\nA: profile"), hungUp(halfOne), hungUp(halfTwo)}},
}

// channels has a Local channel up, and looks for it in the list.
func (p *pbx) channels(t *testing.T) {
	p.noChannels(t)
	p.run(t, dialogue{mask: "call", send: originate(hold, "Application: Wait", "Data: 60") + "Action: CoreShowChannels\nActionID: s\n\nAction: Command\nCommand: channel request hangup all\n\n",
		has: []string{queued + "Response: Success\nActionID: s\nEventList: start\nMessage: Channels will follow\n\nEvent: CoreShowChannel\nActionID: s\nChannel: Local/hold@default-",
			"\nApplication: ", "\nDuration: 00:00:0", "\nBridgeId: \n\n", "\n\nEvent: CoreShowChannelsComplete\nActionID: s\nEventList: Complete\nListItems: 2\n\n",
			"Output: Requested Hangup on channel 'Local/hold@default-"},
		events: []string{hungUp(halfOne), hungUp(halfTwo)}})
	p.noChannels(t)
}

// takenID calls with the Uniqueid of a channel that is up.
func (p *pbx) takenID(t *testing.T) {
	p.noChannels(t)
	p.run(t, dialogue{send: originate(hold, "Application: Wait", "Data: 60", "ChannelId: taken"), want: queued})
	p.run(t, dialogue{mask: "user,call", send: originate(hold, "Application: UserEvent", "Data: R", "ChannelId: taken", "Async: true"), want: queued,
		events: []string{originated("Failure", "Local/hold@default/n", "Application: UserEvent\nData: R", "0", "taken")}, never: []string{"Event: UserEvent\n«.*»"}})
	p.run(t, dialogue{mask: "call", send: "Action: Command\nCommand: channel request hangup all\n\n", has: []string{"Output: Requested Hangup on channel 'Local/hold@default-"},
		events: []string{hungUp(halfOne), hungUp(halfTwo)}})
	p.noChannels(t)
}

// noChannels waits until the list is empty: a channel whose Hangup has been told can be in it for a moment more.
func (p *pbx) noChannels(t *testing.T) {
	t.Helper()
	conn, r := p.dial(t)
	fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: off\r\n\r\n", UserFull, Secret)
	readMessage(t, r)
	for {
		io.WriteString(conn, "Action: CoreShowChannels\r\n\r\nAction: Ping\r\nActionID: "+lastID+"\r\n\r\n")
		if pattern(strings.ReplaceAll(noCalls, "\n", "\r\n")).MatchString(readAnswer(t, r, false)) {
			return
		}
	}
}

// call has the server call the phone by PJSIP, looks at what tells of the call, and sends NOTIFYs inside its dialog.
func (p *pbx) call(t *testing.T) {
	const (
		channel = "PJSIP/1001-00000000"
		device  = "Event: DeviceStateChange\nPrivilege: call,all\nDevice: PJSIP/1001\nState: %s\n\n"
		hint    = "Event: ExtensionStatus\nPrivilege: call,all\nExten: 1001\nContext: default\nHint: PJSIP/1001\nStatus: %s\n\n"
	)
	p.run(t, dialogue{mask: "call", send: originate("Channel: PJSIP/1001", "Application: Wait", "Data: 60", "Async: true"), want: queued,
		events: []string{originated("Success", channel, "Application: Wait\nData: 60", "4", "«\\d+\\.\\d+»"), fmt.Sprintf(device, "INUSE"), fmt.Sprintf(hint, "1\nStatusText: InUse")}})
	p.run(t, dialogue{send: "Action: CoreShowChannels\n\n", want: someCalls + "Event: CoreShowChannel\nChannel: " + channel + "\nChannelState: 6\nChannelStateDesc: Up\n" +
		"CallerIDNum: <unknown>\nCallerIDName: <unknown>\nConnectedLineNum: <unknown>\nConnectedLineName: <unknown>\nLanguage: en\nAccountCode: \nContext: default\nExten: s\n" +
		"Priority: 1\nUniqueid: «\\d+\\.\\d+»\nLinkedid: «\\d+\\.\\d+»\n" +
		// What was dialled is told of as an application until the one wanted begins, in a thread of its own.
		"Application: «(Wait\nApplicationData: 60|AppDial2\nApplicationData: .Outgoing Line.)»\nDuration: 00:00:«\\d\\d»\nBridgeId: \n\n" +
		"Event: CoreShowChannelsComplete\nEventList: Complete\nListItems: 1\n\n"})
	p.run(t, dialogue{send: "Action: DeviceStateList\n\n", has: []string{"\nDevice: PJSIP/1001\nState: INUSE\n"}})
	p.run(t, dialogue{send: "Action: ExtensionStateList\n\n", has: []string{"\nHint: PJSIP/1001\nStatus: 1\nStatusText: InUse\n"}})
	p.run(t, dialogue{send: "Action: CoreStatus\n\n", has: []string{"\nCoreCurrentCalls: 1\n"}})
	active := map[int]string{16: "", 22: "1"}[p.major]
	p.run(t, dialogue{send: "Action: PJSIPShowEndpoints\n\n", has: []string{"\nDeviceState: In use\nActiveChannels: " + active + "\n"}})

	inside := func(body string, headers ...string) string {
		text := pj("1001", headers...)
		if body != "" {
			text = pjBody("1001", "text/plain", body, headers...)
		}
		return text
	}
	p.run(t, dialogue{send: notify("Channel: pjsip/1001-00000000", "Event=check-sync;reboot=true", "X-One=1"), want: sent, gets: []string{inside("", "Event: check-sync;reboot=true", "X-One: 1")}})
	p.run(t, dialogue{send: notify("Channel: "+channel, "Event=e", "Content-type=text/plain", "Content=one"), want: sent, gets: []string{inside("one", "Event: e")}})
	p.run(t, dialogue{send: notify("Channel: "+channel, "Event=e", "Content-type=text/plain", "Content=two"), want: sent, gets: []string{inside("two", "Event: e")}})
	// A section of pjsip_notify.conf is not looked at inside a call, so the NOTIFY says nothing.
	p.run(t, dialogue{send: notify("Channel: " + channel + "\nOption: reboot-option"), want: sent, gets: []string{inside("")}})
	p.run(t, dialogue{send: notify("Channel: "+channel+"\nEndpoint: 1001", "Event=e"), want: failure(oneTarget)})
	p.run(t, dialogue{send: notify("Channel: PJSIP/1001-0000", "Event=e"), want: failure("Channel not found")})

	p.run(t, dialogue{mask: "call", send: "Action: Command\nCommand: channel request hangup all\n\n",
		want:   "Response: Success\nMessage: Command output follows\nOutput: Requested Hangup on channel '" + channel + "'\n\n",
		events: []string{hungUp(channel), fmt.Sprintf(device, "NOT_INUSE"), fmt.Sprintf(hint, "0\nStatusText: Idle")}})
	p.noChannels(t)
	p.run(t, dialogue{send: notify("Channel: "+channel, "Event=e"), want: failure("Channel not found")})
}

// callSIP is call by chan_sip, whose NOTIFYs are sent by the Call-ID, and which keeps the body of each for the next one.
func (p *pbx) callSIP(t *testing.T) {
	const (
		channel = "SIP/1001-00000000"
		device  = "Event: DeviceStateChange\nPrivilege: call,all\nDevice: SIP/1001\nState: %s\n\n"
	)
	p.run(t, dialogue{mask: "call", send: originate("Channel: SIP/1001", "Application: Wait", "Data: 60", "Async: true"), want: queued,
		events: []string{originated("Success", channel, "Application: Wait\nData: 60", "4", "«\\d+\\.\\d+»"), fmt.Sprintf(device, "INUSE")}})
	inside := "SIP/whoever\nCall-ID: " + p.callID()
	p.run(t, dialogue{send: notifySIP(inside, "Event=check-sync;reboot=true", "X-One=1"), want: sentSIP, gets: []string{sip("", "Event: check-sync;reboot=true", "X-One: 1")}})
	p.run(t, dialogue{send: notifySIP(inside, "Event=e", "Content-Type=text/plain", "Content=one"), want: sentSIP, gets: []string{sip("one", "Event: e", "Content-Type: text/plain")}})
	p.run(t, dialogue{send: notifySIP(inside, "Event=e", "Content-Type=text/plain", "Content=two"), want: sentSIP, gets: []string{sip("one\r\ntwo", "Event: e", "Content-Type: text/plain")}})
	p.run(t, dialogue{send: notify("Channel: "+channel, "Event=e"), want: failure("Channel not found")})
	p.run(t, dialogue{mask: "call", send: "Action: Command\nCommand: channel request hangup all\n\n",
		want:   "Response: Success\nMessage: Command output follows\nOutput: Requested Hangup on channel '" + channel + "'\n\n",
		events: []string{hungUp(channel), fmt.Sprintf(device, "NOT_INUSE")}})
}

package amitest

import (
	"context"
	"strings"
	"testing"
	"time"
)

// The scripts of the recorded dialogues. A Content-Type without "/" or without Content must never be among them: it would
// end the real server.
var recordings = []recording{
	{name: "login", about: "MD5 login, a second login, and a logoff", user: "-", steps: []step{
		do("Challenge", "AuthType: MD5"),
		do("Login", "AuthType: MD5", "Username: notifyrun", "Key: {key}", "Events: on").and("FullyBooted", "SuccessfulAuth"),
		do("Login", "AuthType: MD5", "Username: notifyrun"),
	}},
	{name: "login-refused", about: "a wrong key", user: "-", steps: []step{
		do("Challenge", "AuthType: MD5"), do("Challenge"), do("Ping"),
		do("Login", "AuthType: MD5", "Username: notifyrun", "Key: 00000000000000000000000000000000").last(),
	}},
	{name: "parse-errors", about: "a line of 1023 bytes, a longer one, 129 lines, a stray CR LF before a Ping, and no action", steps: []step{
		{send: ping(1023) + pingWith("r1")}, {send: ping(1100)}, {send: pingLines(129)}, {send: "\n" + pingWith("r2")}, {send: "ActionID: r3\n\n"},
	}},
	{name: "core", about: "actions of the core that change nothing", steps: []step{
		do("Ping"), do("CoreSettings"), do("CoreStatus"), do("ModuleCheck", "Module: res_pjsip_notify"), do("ModuleCheck", "Module: nope"), do("ModuleCheck"),
		do("Nonsense"),
	}},
	{name: "listcommands", about: "ListCommands of a user with all rights", steps: []step{do("ListCommands")}},
	{name: "listcommands-minimal", about: "ListCommands of a user with few rights", user: UserMinimal, steps: []step{do("ListCommands")}},
	{name: "denied", about: "what a user may not do who has no rights but user", user: UserNoSystem, steps: []step{
		do("PJSIPNotify", "Endpoint: 1001", "Variable: Event=check-sync"), do("SIPnotify", "Channel: SIP/1001", "Variable: Event=check-sync"),
		do("PJSIPShowEndpoints"), do("DeviceStateList"), do("Originate", "Channel: Local/hold@default"), do("Command", "Command: core show version"), do("Nonsense"),
		do("Ping"),
	}},
	{name: "command", about: "CLI commands: success, empty lines in the output, success that says it failed, failure, unknown, none", steps: []step{
		do("Command", "Command: core show version"), do("Command", "Command: manager show command Ping"), do("Command", "Command: pjsip show endpoint nope"),
		do("Command", "Command: dialplan show nope@nope"), do("Command", "Command: nope"), do("Command", "Command: core show"), do("Command"),
		do("Command", "Command: module unload app_echo.so"),
	}},
	{name: "events", about: "event masks, each with a user event after it", user: UserNoSystem, steps: []step{
		do("Events", "EventMask: user"), do("UserEvent", "UserEvent: Seen").and("UserEvent"), do("Events", "EventMask: usr"), do("UserEvent", "UserEvent: Unseen"),
		do("Events", "EventMask: "), do("Events", "EventMask: off"), do("Events", "EventMask: on"), do("UserEvent", "UserEvent: Seen").and("UserEvent"),
	}},
	{name: "filter", about: "filters as regular expressions over the whole event", user: UserFull, mask: "user", steps: []step{
		do("Filter", "Operation: Add", "Filter: UserEvent: Wanted"), do("UserEvent", "UserEvent: Wanted").and("UserEvent"), do("UserEvent", "UserEvent: Other"),
		do("Filter", "Operation: Add", "Filter: !Phone: 101"), do("UserEvent", "UserEvent: Wanted", "Phone: 101"),
		do("UserEvent", "UserEvent: Wanted", "Phone: 102").and("UserEvent"),
		do("Filter", "Operation: Add", "Filter: ("), do("Filter", "Operation: Del"), do("Filter", "Operation: Add"),
	}},
	{name: "filter-criteria", about: "filters with MatchCriteria, of which 16 knows nothing", mask: "user", steps: []step{
		do("Filter", "Operation: Add", "MatchCriteria: action(include),name(UserEvent),header(UserEvent),method(exact)", "Filter: Wanted"),
		do("UserEvent", "UserEvent: Wanted").and("UserEvent"), do("UserEvent", "UserEvent: Other"),
		do("Filter", "Operation: Add", "MatchCriteria: nonsense", "Filter: x"), do("Filter", "Operation: Add", "MatchCriteria: action(exclude),method(exact)"),
	}},
	{name: "userevent", about: "user events by AMI: repeated and odd headers", mask: "user", steps: []step{
		do("UserEvent", "UserEvent: Reboot", "Phone: 101", "Phone: 102", "phone: 103", "Empty: ").and("UserEvent"),
		do("UserEvent", "Event: Foo", "Response: Bar", "nocolon").and("UserEvent"),
	}},
	{name: "originate", about: "user events of the dialplan, by Originate", mask: "user,call", steps: []step{
		do("Originate", "Channel: Local/hold@default/n", "Application: UserEvent", "Data: Reboot,Phone: 101,Site:hq", "Async: true").and("UserEvent", "OriginateResponse", "Hangup", "Hangup"),
		do("Originate", "Channel: Local/hold@default/n", "Application: UserEvent", "Data: Reboot").and("UserEvent", "Hangup", "Hangup"),
		do("Originate", "Channel: Local/hold@default/n", "Context: default", "Exten: say", "Priority: 1", "Async: true").and("UserEvent", "OriginateResponse", "Hangup", "Hangup"),
	}},
	{name: "originate-errors", about: "Originate that fails", mask: "call", steps: []step{
		do("Originate", "Channel: Local/nope@default/n", "Application: UserEvent", "Data: Reboot", "Async: true").and("OriginateResponse"),
		do("Originate", "Channel: Local/nope@default/n", "Application: UserEvent", "Data: Reboot"),
		do("Originate", "Channel: Local/hold@default/n", "Application: Nonsense", "Async: true").and("OriginateResponse", "Hangup", "Hangup"),
		do("Originate"), do("Originate", "Channel: nonsense"), do("Originate", "Channel: Local/hold@default/n"),
		do("Originate", "Channel: Local/hold@default/n", "Application: UserEvent", "Timeout: soon"),
		do("Originate", "Channel: Local/hold@default/n", "Context: default", "Exten: nope", "Priority: 1", "Async: true"),
		do("Originate", "Channel: Nonsense/1", "Application: UserEvent", "Async: true").and("OriginateResponse"),
	}},
	{name: "originate-screened", about: "Originate of application and data that only users with write=system may give", own: true, user: UserCaller, steps: []step{
		do("Originate", "Channel: Local/hold@default/n", "Application: UserEvent", "Data: Reboot,A:PROFILE", "Async: true"),
		do("Originate", "Channel: Local/hold@default/n", "Application: UserEvent", "Data: Reboot,A:profile", "Async: true"),
		do("Originate", "Channel: Local/hold@default/n", "Application: System", "Data: true", "Async: true"),
	}},
	{name: "channels", about: "CoreShowChannels without and with a call", own: true, mask: "call", steps: []step{
		do("CoreShowChannels"),
		do("Originate", "Channel: Local/hold@default/n", "Application: Wait", "Data: 60", "Async: true").and("OriginateResponse"),
		do("CoreShowChannels"), do("CoreStatus"),
		do("Command", "Command: channel request hangup all").and("Hangup", "Hangup"),
	}},
	{name: "devicestates", about: "device states", steps: []step{do("DeviceStateList")}},
	{name: "hints", about: "ExtensionStateList with hints, and with none any more", own: true, steps: []step{
		do("ExtensionStateList"),
		away("the hints are removed", func(t *testing.T, s *stage) {
			s.cli(t, "dialplan remove extension 1001@default hint")
			s.cli(t, "dialplan remove extension dynamic@default hint")
		}),
		do("ExtensionStateList"),
	}},
	{name: "endpoints", about: "PJSIP endpoints and contacts", steps: []step{
		do("PJSIPShowEndpoints"), do("PJSIPShowEndpoint", "Endpoint: 1001"), do("PJSIPShowEndpoint", "Endpoint: twin"), do("PJSIPShowEndpoint", "Endpoint: absent"),
		do("PJSIPShowEndpoint", "Endpoint: nope"), do("PJSIPShowEndpoint"), do("PJSIPShowContacts"), do("PJSIPShowRegistrationInboundContactStatuses"),
		away("the phone registers as dynamic", registers), do("PJSIPShowEndpoint", "Endpoint: dynamic"), do("PJSIPShowContacts"),
		do("PJSIPShowRegistrationInboundContactStatuses"), away("the phone unregisters", unregisters), do("PJSIPShowContacts"),
	}},
	{name: "pjsipqualify", about: "PJSIPQualify", own: true, steps: []step{
		do("PJSIPQualify", "Endpoint: 1001"), do("PJSIPQualify"), do("PJSIPQualify", "Endpoint: nope"), do("PJSIPQualify", "Endpoint: absent"),
		away("an endpoint without AoR is added", func(t *testing.T, s *stage) {
			s.file(t, "pjsip.conf", "[bare]\ntype=endpoint\ncontext=default\ndisallow=all\nallow=ulaw\n")
			s.cli(t, "module reload res_pjsip.so")
		}),
		do("PJSIPQualify", "Endpoint: bare"), do("PJSIPShowEndpoint", "Endpoint: bare"), do("PJSIPNotify", "Endpoint: bare", "Variable: Event=check-sync"),
	}},
	{name: "registration", about: "a phone registers, refreshes, unregisters", mask: "system,call,security", steps: []step{
		{note: "the phone registers as dynamic", do: registers, events: []string{"SuccessfulAuth", "ContactStatus", "PeerStatus", "DeviceStateChange", "ExtensionStatus"}},
		{note: "the phone registers again", do: registers, events: []string{"SuccessfulAuth"}},
		{note: "the phone unregisters", do: unregisters, events: []string{"SuccessfulAuth", "ContactStatus", "PeerStatus", "DeviceStateChange", "ExtensionStatus"}},
		{note: "a phone with a wrong password tries", do: registersWrongly, events: []string{"ChallengeSent", "ChallengeResponseFailed"}},
	}},
	{name: "pjsipnotify", about: "answers to PJSIPNotify, and what the phone gets", steps: []step{
		do("PJSIPNotify", "Endpoint: 1001", "Variable: Event=check-sync;reboot=true", `Variable: X-Note=a\,b`).gotten(1),
		do("PJSIPNotify", "URI: sip:1002@{phone}", "Variable: Event=check-sync", "Variable: Content-type=text/plain", "Variable: Content=one", "Variable: Content=").gotten(1),
		do("PJSIPNotify", "Endpoint: absent", "Variable: Event=check-sync"), do("PJSIPNotify", "Endpoint: nope", "Variable: Event=check-sync"),
		do("PJSIPNotify", "Variable: Event=check-sync"), do("PJSIPNotify", "Endpoint: 1001", "URI: sip:1001@{phone}", "Variable: Event=check-sync"),
		do("PJSIPNotify", "Channel: PJSIP/1001-00000099", "Variable: Event=check-sync"),
	}},
	{name: "pjsipnotify-option", about: "answers to PJSIPNotify with and without an Option", only: 22, steps: []step{
		do("PJSIPNotify", "Endpoint: 1001", "Option: reboot-option").gotten(1), do("PJSIPNotify", "Endpoint: 1001"),
		do("PJSIPNotify", "Endpoint: 1001", "Option: reboot-option", "Variable: Event=check-sync"), do("PJSIPNotify", "Endpoint: 1001", "Option: nope"),
	}},
	{name: "sipnotify", about: "answers to SIPnotify, and what the phone gets", only: 16, steps: []step{
		do("SIPnotify", "Channel: SIP/1001", "Variable: Event=check-sync;reboot=true", `Variable: X-Note=a\,b`).gotten(1),
		do("SIPnotify", "Channel: SIP/nope", "Variable: Event=check-sync"), do("SIPnotify", "Variable: Event=check-sync"),
		do("SIPnotify", "Channel: SIP/1001", "Call-ID: nope", "Variable: Event=check-sync"),
	}},
	{name: "chansip-absent", about: "the actions of chan_sip, which is gone", only: 22, steps: []step{
		do("SIPnotify", "Channel: SIP/1001", "Variable: Event=check-sync"), do("SIPpeers"), do("SIPshowpeer", "Peer: 1001"),
	}},
	{name: "sippeers", about: "the peers of chan_sip", only: 16, steps: []step{
		do("SIPpeers"), do("SIPshowpeer", "Peer: 1001"), do("SIPshowpeer", "Peer: absent"), do("SIPshowpeer", "Peer: nope"), do("SIPshowpeer"),
	}},
	{name: "pjsip-call", about: "a call to the phone: device states, channels, and NOTIFYs inside its dialog", own: true, mask: "call", steps: []step{
		do("Originate", "Channel: PJSIP/1001", "Application: Wait", "Data: 60", "Async: true").and("OriginateResponse", "DeviceStateChange"),
		do("CoreShowChannels"), do("DeviceStateList"), do("ExtensionStateList"), do("PJSIPShowEndpoint", "Endpoint: 1001"),
		do("PJSIPNotify", "Channel: {channel}", "Variable: Event=check-sync;reboot=true", "Variable: X-Note=in the call").gotten(1),
		do("PJSIPNotify", "Channel: {channel}", "Variable: Event=check-sync", "Variable: Content-type=text/plain", "Variable: Content=one", "Variable: Content=").gotten(1),
		do("Command", "Command: channel request hangup all").and("Hangup", "DeviceStateChange"),
	}},
	{name: "sip-call", about: "a call to the phone by chan_sip, and NOTIFYs inside its dialog", only: 16, own: true, mask: "call", steps: []step{
		do("Originate", "Channel: SIP/1001", "Application: Wait", "Data: 60", "Async: true").and("OriginateResponse", "DeviceStateChange"),
		away("the Call-ID is that of the INVITE", func(t *testing.T, s *stage) {
			s.filled["call"] = callID(s.phone.Calls()[0])
		}),
		do("SIPnotify", "Channel: SIP/1001", "Call-ID: {call}", "Variable: Event=check-sync;reboot=true", "Variable: X-Note=in the call").gotten(1),
		do("SIPnotify", "Channel: SIP/1001", "Call-ID: {call}", "Variable: Event=check-sync", "Variable: Content-Type=text/plain", "Variable: Content=one").gotten(1),
		do("SIPnotify", "Channel: SIP/1001", "Call-ID: {call}", "Variable: Event=check-sync", "Variable: Content-Type=text/plain", "Variable: Content=two").gotten(1),
		do("CoreShowChannels"), do("DeviceStateList"), do("Command", "Command: channel request hangup all").and("Hangup", "DeviceStateChange"),
	}},
	{name: "voicemail", about: "voicemail boxes: none, one, refreshed", only: 22, own: true, mask: "call", steps: []step{
		do("VoicemailUsersList"), do("VoicemailRefresh"),
		away("a box is added", func(t *testing.T, s *stage) {
			s.file(t, "voicemail.conf", "[general]\nformat=wav\n[default]\n101 => 4242,Alice,alice@example.net\n102 => 4242,Bob\n")
			s.cli(t, "module reload app_voicemail.so")
		}),
		do("VoicemailUsersList"), do("VoicemailRefresh"), do("VoicemailRefresh", "Context: default", "Mailbox: 101"), do("VoicemailRefresh", "Context: default", "Mailbox: nope"),
		do("MailboxStatus", "Mailbox: 101@default"), do("MailboxCount", "Mailbox: 101@default"),
	}},
	{name: "voicemail-absent", about: "the actions of app_voicemail, which is not there", only: 16, steps: []step{do("VoicemailUsersList"), do("VoicemailRefresh")}},
	{name: "mwi-absent", about: "the actions of res_mwi_external_ami, which is not there", steps: []step{
		do("MWIUpdate", "Mailbox: 101@default", "NewMessages: 1"), do("MWIGet", "Mailbox: 101@default"), do("MWIDelete", "Mailbox: 101@default"),
	}},
	{name: "reload", about: "modules reloaded", own: true, mask: "system", steps: []step{
		do("Reload", "Module: res_pjsip_notify.so").and("Reload"), do("Reload", "Module: manager").and("Reload"), do("Reload", "Module: nope").and("Reload"),
		do("Reload", "Module: app_echo.so").and("Reload"), do("Reload").and("Reload"),
	}},
	{name: "restart", about: "core restart now", own: true, mask: "system", after: boots, steps: []step{
		{note: "somebody says core restart now at the console", do: restarts, events: []string{"Shutdown"}, ends: true},
	}},
	{name: "stop", about: "core stop now", own: true, mask: "system", steps: []step{
		{note: "somebody says core stop now at the console", do: stops, events: []string{"Shutdown"}, ends: true},
	}},
	{name: "boot", about: "a login while Asterisk boots", own: true, user: "-", before: restarts, steps: []step{
		do("Challenge", "AuthType: MD5"), do("Login", "AuthType: MD5", "Username: notifyrun", "Key: {key}", "Events: system").and("FullyBooted"),
		do("PJSIPNotify", "Endpoint: 1001", "Variable: Event=check-sync").gotten(1),
	}},
}

func pingWith(id string) string { return "Action: Ping\nActionID: " + id + "\n\n" }

// Not by the action Command: the session that gives such a command may hang in the dying server, without an end.
func restarts(t *testing.T, s *stage) { s.server.CLI(t, "core restart now") }
func stops(t *testing.T, s *stage)    { s.server.CLI(t, "core stop now") }

// boots waits until a server that restarts is there again.
func boots(t *testing.T, s *stage) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		err := s.server.waitBooted(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

func registers(t *testing.T, s *stage)   { s.register(t, EndpointDynamic, "pw", 600) }
func unregisters(t *testing.T, s *stage) { s.register(t, EndpointDynamic, "pw", 0) }
func registersWrongly(t *testing.T, s *stage) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.phone.Register(ctx, s.server.SIPAddr, EndpointDynamic, "wrong", "recorded", 600); err == nil || !strings.Contains(err.Error(), "401") {
		t.Fatalf("a wrong password: %v, want 401", err)
	}
}

func (s *stage) register(t *testing.T, endpoint, password string, seconds int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.phone.Register(ctx, s.server.SIPAddr, endpoint, password, "recorded", seconds); err != nil {
		t.Fatal(err)
	}
}

package amitest

import (
	"fmt"
	"strings"
)

// The rows of the conformance table, by subject.

const (
	pong    = "Response: Success\nPing: Pong\nTimestamp: «\\d+\\.\\d{6}»\n\n"
	missing = "Response: Error\nMessage: Missing action in request\n\n"
	tooLong = "Response: Error\nMessage: Failed to parse message: line too long\n\n"
	denied  = "Response: Error\nMessage: Permission denied\n\n"
	sent    = "Response: Success\nMessage: NOTIFY sent\n\n"
	sentSIP = "Response: Success\nMessage: Notify Sent\n\n"
)

func unknown(name string) string {
	return "Response: Error\nMessage: Invalid/unknown command: " + name + ". Use Action: ListCommands to show available commands.\n\n"
}

func failure(message string) string { return "Response: Error\nMessage: " + message + "\n\n" }

// ping is a Ping with a further line of so many bytes.
func ping(bytes int) string { return "Action: Ping\nX: " + strings.Repeat("x", bytes-3) + "\n\n" }

func pingLines(lines int) string { return "Action: Ping\n" + strings.Repeat("X: y\n", lines-1) + "\n" }

var framing = []dialogue{
	{name: "ping", send: "Action: Ping\n\n", want: pong},
	{name: "ActionID comes back", send: "Action: Ping\nActionID: a b,c;=\n\n", want: "Response: Success\nActionID: a b,c;=\nPing: Pong\nTimestamp: «[\\d.]+»\n\n"},
	{name: "empty ActionID", send: "Action: Ping\nActionID: \n\n", want: pong},
	{name: "bare line feeds", raw: "Action: Ping\n\n", want: pong},
	{name: "blank line", send: "\n", want: missing},
	{name: "only an ActionID", send: "ActionID: 7\n\n", want: "Response: Error\nActionID: 7\nMessage: Missing action in request\n\n"},
	{name: "empty action, then another", send: "Action: \nAction: Ping\n\n", want: pong},
	{name: "two actions in one message", send: "Action: Ping\nAction: Nonsense\n\n", want: pong},
	{name: "names and actions in any case", send: "aCTION:pING\n\n", want: pong},
	{name: "blank before the colon", send: "Action : Ping\n\n", want: missing},
	{name: "blanks after the action", send: "Action: Ping  \n\n", want: unknown("Ping  ")},
	{name: "tab before the action", send: "Action:\tPing\n\n", want: pong},
	{name: "line without colon", send: "Action: Ping\nnonsense\n\n", want: pong},
	{name: "NUL cuts a line", send: "Action: Ping\x00nonsense\n\n", want: pong},
	{name: "line of 1022 bytes", send: ping(1022), want: pong},
	{name: "line of 1023 bytes", send: ping(1023), want: tooLong + missing},
	{name: "line of 1024 bytes", send: ping(1024), want: tooLong},
	{name: "line of 1025 bytes", send: ping(1025), want: tooLong},
	{name: "line of 3000 bytes", send: ping(3000), want: tooLong},
	{name: "the rest of a long line is a line", send: "X: " + strings.Repeat("x", 1020) + "ActionID: 5\n\n",
		want: "Response: Error\nActionID: 5\nMessage: Failed to parse message: line too long\n\n"},
	{name: "128 lines", send: pingLines(128), want: pong},
	{name: "129 lines", send: pingLines(129), want: failure("Too many lines in message or allocation failure")},
	{name: "long ActionID", send: "Action: Ping\nActionID: " + strings.Repeat("i", 1000) + "\n\n",
		want: "Response: Success\nActionID: " + strings.Repeat("i", 1000) + "\nPing: Pong\nTimestamp: «[\\d.]+»\n\n"},
	{name: "long ActionID of CoreSettings", send: "Action: CoreSettings\nActionID: " + strings.Repeat("i", 200) + "\n\n",
		has: []string{"Response: Success\nActionID: " + strings.Repeat("i", 139) + "AMIversion: "}},
	{name: "longest ActionID of CoreStatus", send: "Action: CoreStatus\nActionID: " + strings.Repeat("i", 137) + "\n\n",
		has: []string{"Response: Success\nActionID: " + strings.Repeat("i", 137) + "\nCoreStartupDate: "}},
	{name: "long ActionID of Events", send: "Action: Events\nEventMask: off\nActionID: " + strings.Repeat("i", 300) + "\n\n",
		want: "Response: Success\nActionID: " + strings.Repeat("i", 245) + "Events: Off\n\n"},
}

var logins = []dialogue{
	{name: "login", user: "-", send: "Action: Login\nActionID: 1\nUsername: notifyrun\nSecret: s3cret\nEvents: off\n\n",
		want: "Response: Success\nActionID: 1\nMessage: Authentication accepted\n\n"},
	{name: "login with system events", user: "-", send: "Action: Login\nUsername: notifyrun\nSecret: s3cret\nEvents: system\n\n",
		want: "Response: Success\nMessage: Authentication accepted\n\n" +
			"Event: FullyBooted\nPrivilege: system,all\nUptime: «\\d+»\nLastReload: «\\d+»\nStatus: Fully Booted\n\n«.*»"}, // others may follow
	{name: "login without read=system", user: "-", send: "Action: Login\nUsername: nosystem\nSecret: s3cret\nEvents: on\n\n",
		want: "Response: Success\nMessage: Authentication accepted\n\n"},
	{name: "login with a misspelt mask", user: "-", send: "Action: Login\nUsername: notifyrun\nSecret: s3cret\nEvents: sytsem\n\n",
		want: "Response: Success\nMessage: Authentication accepted\n\n"},
	{name: "user name in another case", user: "-", send: "Action: Login\nUsername: NotifyRun\nSecret: s3cret\nEvents: off\n\n",
		want: "Response: Success\nMessage: Authentication accepted\n\n"},
	{name: "second login", send: "Action: Login\nUsername: notifyrun\nSecret: s3cret\n\n",
		want: "Response: Success\nMessage: Already authenticated\n\n"},
	{name: "wrong secret", user: "-", ends: true, send: "Action: Login\nActionID: 1\nUsername: notifyrun\nSecret: wrong\n\n",
		want: "Response: Error\nActionID: 1\nMessage: Authentication failed\n\n"},
	{name: "unknown user", user: "-", ends: true, send: "Action: Login\nUsername: nobody\nSecret: s3cret\n\n", want: failure("Authentication failed")},
	{name: "MD5 without challenge", user: "-", ends: true, send: "Action: Login\nAuthType: MD5\nUsername: notifyrun\nKey: 0123\n\n",
		want: failure("Authentication failed")},
	{name: "challenge without type", user: "-", send: "Action: Challenge\n\n",
		want: failure("Must specify AuthType")},
	{name: "not logged in", user: "-", send: "Action: ListCommands\n\nAction: PJSIPNotify\n\nAction: Nonsense\n\n", want: denied + denied + denied},
	{name: "logoff", ends: true, send: "Action: Logoff\nActionID: 9\n\n", want: "Response: Goodbye\nActionID: 9\nMessage: Thanks for all the fish.\n\n"},
	{name: "logoff without login", user: "-", ends: true, send: "Action: Logoff\n\n", want: "Response: Goodbye\nMessage: Thanks for all the fish.\n\n"},
}

var rights = []dialogue{
	{name: "unknown action", send: "Action: Nonsense\nActionID: 3\n\n",
		want: "Response: Error\nActionID: 3\nMessage: Invalid/unknown command: Nonsense. Use Action: ListCommands to show available commands.\n\n"},
	{name: "unknown action without rights", user: UserNothing, send: "Action: Nonsense\n\n", want: unknown("Nonsense")},
	{name: "no right to notify", user: UserNoSystem, send: notify("Endpoint: 1001", "Event=x"), want: denied},
	{name: "no right to notify by SIP", user: UserNoSystem, send: notifySIP("SIP/1001", "Event=x"), want16: denied, want22: unknown("SIPnotify")},
	{name: "no right to send user events", user: UserNothing, send: "Action: UserEvent\nUserEvent: X\n\n", want: denied},
	{name: "no right to see settings", user: UserNoSystem,
		send: "Action: CoreSettings\n\nAction: CoreStatus\n\nAction: PJSIPShowEndpoints\n\nAction: PJSIPShowEndpoint\n\nAction: PJSIPShowContacts\n\n",
		want: denied + denied + denied + denied + denied},
	{name: "no right to see device states", user: UserNoSystem, send: "Action: DeviceStateList\n\nAction: ExtensionStateList\n\nAction: CoreShowChannels\n\nAction: Originate\n\nAction: Reload\n\n" +
		"Action: ModuleCheck\n\nAction: Filter\n\nAction: Command\n\n",
		want: strings.Repeat(denied, 8)},
	{name: "a user without rights may do this", user: UserNothing, send: "Action: Ping\n\nAction: Events\nEventMask: on\n\n",
		want: pong + "Response: Success\nEvents: On\n\n"},
	{name: "commands of everybody", user: UserNothing, send: "Action: ListCommands\n\n",
		has:    []string{"Response: Success\n", "\nPing: Keepalive command.  (Priv: <none>)\n", "\nListCommands: ", "\nLogin: ", "\nLogoff: ", "\nEvents: ", "\nChallenge: "},
		hasNot: []string{"PJSIPNotify", "SIPnotify", "UserEvent", "CoreSettings", "\nCommand: "}},
	{name: "commands of the smallest useful user", user: UserMinimal, send: "Action: ListCommands\nActionID: l\n\n",
		has: []string{"Response: Success\nActionID: l\n",
			"\nPJSIPNotify: Send a NOTIFY to either an endpoint, an arbitrary URI, or inside a SIP dialog.  (Priv: system,all)\n",
			"\nUserEvent: Send an arbitrary event.  (Priv: user,all)\n", "\nCoreSettings: Show PBX core settings (version etc).  (Priv: system,reporting,all)\n",
			"\nPJSIPShowEndpoint: Detail listing of an endpoint and its objects.  (Priv: system,all)\n", "\nPJSIPShowEndpoints: Lists PJSIP endpoints.  (Priv: system,all)\n",
			"\nPJSIPShowContacts: Lists PJSIP Contacts.  (Priv: system,all)\n", "\nDeviceStateList: List the current known device states.  (Priv: call,reporting,all)\n",
			"\nExtensionStateList: List the current known extension states.  (Priv: call,reporting,all)\n", "\nCoreShowChannels: List currently active channels.  (Priv: system,reporting,all)\n",
			"\nReload: Send a reload event.  (Priv: system,config,all)\n", "\nModuleCheck: Check if module is loaded.  (Priv: system,all)\n",
			"\nFilter: Dynamically add filters for the current manager session.  (Priv: system,all)\n"},
		hasNot: []string{"\nCommand: ", "\nOriginate: "}},
	{name: "commands of a user who may call", user: UserCaller, send: "Action: ListCommands\n\n", has: []string{"\nOriginate: Originate a call.  (Priv: originate,all)\n"},
		hasNot: []string{"\nPJSIPNotify: ", "\nUserEvent: "}},
	{name: "commands of 16", only: 16, send: "Action: ListCommands\n\n",
		has: []string{"\nSIPnotify: Send a SIP notify.  (Priv: system,all)\n", "\nSIPpeers: List SIP peers (text format).  (Priv: system,reporting,all)\n",
			"\nSIPshowpeer: show SIP peer (text format).  (Priv: system,reporting,all)\n", "\nCommand: Execute Asterisk CLI Command.  (Priv: command,all)\n"}},
	{name: "commands of 22", only: 22, send: "Action: ListCommands\n\n", hasNot: []string{"\nSIPnotify: ", "\nSIPpeers: ", "\nSIPshowpeer: "}},
}

// masked sets an event mask and tells by a user event whether the user class is in it.
func masked(mask, state string, seen bool) dialogue {
	d := dialogue{
		name: fmt.Sprintf("event mask %q", mask), user: UserNoSystem, // who cannot read the server's other events
		send: "Action: Events\nActionID: m\nEventMask: " + mask + "\n\nAction: UserEvent\nUserEvent: Probe\n\n",
		want: "Response: Success\nActionID: m\nEvents: " + state + "\n\nResponse: Success\nMessage: Event Sent\n\n",
	}
	if seen {
		d.want += "Event: UserEvent\nPrivilege: user,all\nUserEvent: Probe\n\n"
	}
	return d
}

var masks = []dialogue{
	masked("off", "Off", false), masked("no", "Off", false), masked("0", "Off", false), masked("false", "Off", false),
	masked("on", "On", true), masked("yes", "On", true), masked("user", "On", true), masked("system,user", "On", true),
	masked("system, user", "On", false), masked("User", "Off", false), masked("usr", "Off", false),
	masked("1", "On", false), masked("64", "On", true), masked("65", "On", true),
	masked(",system", "On", true), masked("u,system", "On", true), masked("us,", "On", true), masked("users,system", "On", false),
	{name: "empty event mask", send: "Action: Events\nEventMask: \n\n", want: failure("Invalid event mask")},
}

var userEvents = []dialogue{
	{name: "user event", mask: "user", send: "Action: UserEvent\nActionID: 9\nUserEvent: Reboot\nPhone: 101\nphone: 102\n\n",
		want: "Response: Success\nActionID: 9\nMessage: Event Sent\n\n" +
			"Event: UserEvent\nPrivilege: user,all\nUserEvent: Reboot\nActionID: 9\nPhone: 101\nphone: 102\n\n"},
	{name: "user event with odd headers", mask: "user", send: "Action: UserEvent\nEvent: Foo\nResponse: Bar\nActionID: u2\nnocolon\nEmpty:\n Blank : x \n\n",
		want: "Response: Success\nActionID: u2\nMessage: Event Sent\n\n" +
			"Event: UserEvent\nPrivilege: user,all\nUserEvent: \nEvent: Foo\nResponse: Bar\nActionID: u2\nnocolon\nEmpty:\n Blank : x \n\n"},
	{name: "user event unseen", mask: "dtmf", send: "Action: UserEvent\nUserEvent: Reboot\n\n", want: "Response: Success\nMessage: Event Sent\n\n"},
}

var lists = []dialogue{
	{name: "endpoints", send: "Action: PJSIPShowEndpoints\nActionID: e\n\n", has: []string{
		"Response: Success\nActionID: e\nEventList: start\nMessage: A listing of Endpoints follows, presented as EndpointList events\n\n",
		"Event: EndpointList\nActionID: e\nObjectType: endpoint\nObjectName: 1001\nTransport: \nAor: 1001\nAuths: \nOutboundAuths: \n" +
			"Contacts: 1001/sip:1001@PHONE,\nDeviceState: Not in use\nActiveChannels: ",
		"twin/sip:twin-a@PHONE,", "twin/sip:twin-b@PHONE,",
		"\nObjectName: absent\nTransport: \nAor: absent\nAuths: \nOutboundAuths: \nContacts: \nDeviceState: Unavailable\nActiveChannels: ",
		"\n\nEvent: EndpointListComplete\nActionID: e\nEventList: Complete\nListItems: 13\n\n",
	}},
	{name: "endpoint", send: "Action: PJSIPShowEndpoint\nActionID: d\nEndpoint: twin\n\n", has: []string{
		"Response: Success\nActionID: d\nEventList: start\nMessage: Following are Events for each object associated with the Endpoint\n\n",
		"Event: EndpointDetail\nActionID: d\nObjectType: endpoint\nObjectName: twin\n", "\nDeviceState: Not in use\nActiveChannels: ",
		"\n\nEvent: AorDetail\nActionID: d\nObjectType: aor\nObjectName: twin\n",
		"twin/sip:twin-a@PHONE", "twin/sip:twin-b@PHONE", "\nTotalContacts: 2\nContactsRegistered: 0\nEndpointName: twin\n",
		"\n\nEvent: ContactStatusDetail\nActionID: d\nAOR: twin\nURI: sip:twin-b@PHONE\nUserAgent: \nRegExpire: 0\n",
		"\nStatus: NonQualified\nRoundtripUsec: N/A\nEndpointName: twin\n",
		"\n\nEvent: EndpointDetailComplete\nActionID: d\nEventList: Complete\nListItems: 4\n\n",
	}},
	{name: "endpoint without contact", send: "Action: PJSIPShowEndpoint\nEndpoint: absent\n\n",
		has: []string{"\nDeviceState: Unavailable\n", "\nTotalContacts: 0\nContactsRegistered: 0\n", "\nListItems: 2\n"}, hasNot: []string{"ContactStatusDetail"}},
	{name: "endpoint unknown", send: "Action: PJSIPShowEndpoint\nActionID: q\nEndpoint: nope\n\n",
		want: "Response: Error\nActionID: q\nMessage: Unable to retrieve endpoint nope␊\n\n"},
	{name: "endpoint not named", send: "Action: PJSIPShowEndpoint\n\n", want: failure("PJSIPShowEndpoint requires an endpoint name␊")},
	{name: "contacts", send: "Action: PJSIPShowContacts\n\n", want: failure("No Contacts found␊")},
	{name: "device states", send: "Action: DeviceStateList\n\n", has: []string{
		"Response: Success\nEventList: start\nMessage: Device State Changes will follow\n\n",
		"Event: DeviceStateChange\nDevice: PJSIP/1001\nState: NOT_INUSE\n\n", "Event: DeviceStateChange\nDevice: PJSIP/absent\nState: UNAVAILABLE\n\n",
		"\nEvent: DeviceStateListComplete\nEventList: Complete\nListItems: ",
	}},
	{name: "peers", only: 16, send: "Action: SIPpeers\nActionID: p\n\n", has: []string{
		"Response: Success\nActionID: p\nEventList: start\nMessage: Peer status list will follow\n\n",
		"Event: PeerEntry\nActionID: p\nChanneltype: SIP\nObjectName: 1001\nChanObjectType: peer\nIPaddress: 127.0.0.1\n", "\nDynamic: no\n",
		"\nObjectName: absent\nChanObjectType: peer\nIPaddress: -none-\nIPport: 0\nDynamic: yes\n", "\nStatus: Unmonitored\nRealtimeDevice: no\nDescription: \nAccountcode: \n\n",
		"Event: PeerlistComplete\nActionID: p\nEventList: Complete\nListItems: ",
	}},
	{name: "peers of 22", only: 22, send: "Action: SIPpeers\n\nAction: SIPshowpeer\nPeer: 1001\n\n", want: unknown("SIPpeers") + unknown("SIPshowpeer")},
	{name: "peer", only: 16, send: "Action: SIPshowpeer\nPeer: 1001\n\n", has: []string{
		"Response: Success\nChanneltype: SIP\nObjectName: 1001\nChanObjectType: peer\n", "\nRegExpire: -1 seconds\n", "\nAddress-IP: 127.0.0.1\nAddress-Port: ",
		"\nStatus: Unmonitored\nSIP-Useragent: \nReg-Contact: \n"}},
	{name: "peer unknown", only: 16, send: "Action: SIPshowpeer\nPeer: nope\n\nAction: SIPshowpeer\n\n",
		want: failure("Peer nope not found.\n") + failure("Peer: <name> missing.")},
	{name: "settings", send: "Action: CoreSettings\nActionID: s\n\n",
		want16: "Response: Success\nActionID: s\nAMIversion: 5.0.4\nAsteriskVersion: VERSION\nSystemName: \nCoreMaxCalls: 0\nCoreMaxLoadAvg: 0.000000\n" +
			"CoreRunUser: \nCoreRunGroup: \nCoreMaxFilehandles: 0\nCoreRealTimeEnabled: No\nCoreCDRenabled: Yes\nCoreHTTPenabled: No\n\n",
		want22: "Response: Success\nActionID: s\nAMIversion: 11.0.0\nAsteriskVersion: VERSION\nSystemName: \nCoreMaxCalls: 0\nCoreMaxLoadAvg: 0.000000\n" +
			"CoreRunUser: \nCoreRunGroup: \nCoreMaxFilehandles: 0\nCoreRealTimeEnabled: No\nCoreCDRenabled: Yes\nCoreHTTPenabled: No\nSoundsSearchCustomDir: No\n\n"},
	{name: "status", send: "Action: CoreStatus\n\n",
		want16: "Response: Success\nCoreStartupDate: «[-\\d]+»\nCoreStartupTime: «[:\\d]+»\nCoreReloadDate: «[-\\d]+»\nCoreReloadTime: «[:\\d]+»\nCoreCurrentCalls: 0\n\n",
		want22: "Response: Success\nCoreStartupDate: «[-\\d]+»\nCoreStartupTime: «[:\\d]+»\nCoreReloadDate: «[-\\d]+»\nCoreReloadTime: «[:\\d]+»\nCoreCurrentCalls: 0\nCoreProcessedCalls: «\\d+»\n\n"},
	{name: "command", send: "Action: Command\nActionID: c\nCommand: core show version\n\n",
		want: "Response: Success\nActionID: c\nMessage: Command output follows\nOutput: Asterisk VERSION«[^\r]*»\n\n"},
	{name: "uptime", send: "Action: Command\nActionID: c\nCommand: core show uptime seconds\n\n",
		want: "Response: Success\nActionID: c\nMessage: Command output follows\nOutput: System uptime: «\\d+»\nOutput: Last reload: «\\d+»\n\n"},
	{name: "modules", send: "Action: Command\nCommand: module show\n\n",
		has: []string{"Response: Success\nMessage: Command output follows\nOutput: Module                         Description                              Use Count  Status      Support Level\n",
			"\nOutput: res_pjsip_notify.so            ", " Running              core\n", " modules loaded\n\n"}},
	{name: "voicemail among the modules", only: 22, send: "Action: Command\nCommand: module show\n\n", has: []string{"\nOutput: app_voicemail.so               "}},
	{name: "settings of PJSIP", send: "Action: Command\nCommand: pjsip show settings\n\n",
		has: []string{"Response: Success\nMessage: Command output follows\nOutput: \nOutput: Global Settings:\nOutput: \nOutput:  ParameterName                              : ParameterValue\nOutput:  ====",
			"\nOutput:  default_outbound_endpoint                  : 1001\n", "\nOutput:  user_agent                                 : Asterisk PBX "}},
	{name: "command that fails", send: "Action: Command\nCommand: dialplan show nope@nope\n\n",
		want: "Response: Error\nMessage: Command output follows\nOutput: There is no existence of 'nope' context\nOutput: Command 'dialplan show nope@nope' failed.\n\n"},
	{name: "command that finds nothing, with an empty line", send: "Action: Command\nCommand: pjsip show endpoint nope\n\n",
		want: "Response: Success\nMessage: Command output follows\nOutput: Unable to find object nope.\nOutput: \n\n"},
	{name: "command in capitals", send: "Action: Command\nCommand: CORE  SHOW VERSION\n\n",
		want: "Response: Success\nMessage: Command output follows\nOutput: Asterisk VERSION«[^\r]*»\n\n"},
	{name: "commands that are refused", send: "Action: Command\nCommand: module unload app_echo.so\n\nAction: Command\nCommand: Module Load x.so\n\nAction: Command\nCommand: restart gracefully\n\n",
		want: failure("Command blacklisted") + failure("Command blacklisted") + failure("Command blacklisted")},
	{name: "hints", send: "Action: ExtensionStateList\nActionID: x\n\n",
		want: "Response: Success\nActionID: x\nEventList: start\nMessage: Extension Statuses will follow\n\n" +
			"Event: ExtensionStatus\nActionID: x\nExten: 1001\nContext: default\nHint: PJSIP/1001\nStatus: 0\nStatusText: Idle\n\n" +
			"Event: ExtensionStatus\nActionID: x\nExten: dynamic\nContext: default\nHint: PJSIP/dynamic\nStatus: 4\nStatusText: Unavailable\n\n" +
			"Event: ExtensionStateListComplete\nActionID: x\nEventList: Complete\nListItems: 2\n\n"},
	{name: "command unknown", send: "Action: Command\nCommand: nope\n\nAction: Command\n\n",
		want: "Response: Error\nMessage: Command output follows\nOutput: No such command 'nope' (type 'core show help nope' for other possible commands)\n\n" +
			failure("No command provided")},
}

package amitest

import "strings"

// The rows of servers with EndpointQualified, EndpointBare and voicemail boxes.

const noRegistrations = "Response: Success\nEventList: start\nMessage: Following are ContactStatusEvents for each Inbound registration\n\n" +
	"Event: ContactStatusDetailComplete\nEventList: Complete\nListItems: 0\n\n"

var fleetRows = []dialogue{
	{name: "registrations, none", send: "Action: PJSIPShowRegistrationInboundContactStatuses\n\n", want: noRegistrations},
	{name: "qualify nobody", send: "Action: PJSIPQualify\nActionID: q\n\nAction: PJSIPQualify\nEndpoint: \n\n",
		want: "Response: Error\nActionID: q\nMessage: Endpoint parameter missing.\n\n" + failure("Endpoint parameter missing.")},
	{name: "qualify an unknown endpoint", send: "Action: PJSIPQualify\nActionID: q\nEndpoint: nope\n\n", want: "Response: Error\nActionID: q\nMessage: Unable to retrieve endpoint␊\n\n"},
	{name: "qualify with the driver's name", send: "Action: PJSIPQualify\nEndpoint: PJSIP/1001\n\n", want: failure("Unable to retrieve endpoint␊")},
	{name: "qualify without AOR", send: "Action: PJSIPQualify\nEndpoint: bare\n\n", want: failure("No AoRs configured for endpoint␊")},
	{name: "qualify without contact", send: "Action: PJSIPQualify\nActionID: q\nEndpoint: absent\n\n", want: "Response: Success\nActionID: q\nMessage: Endpoint found, will qualify\n\n"},
	{name: "qualify a static contact", mask: "call", send: "Action: PJSIPQualify\nEndpoint: 1001\n\n", want: "Response: Success\nMessage: Endpoint found, will qualify\n\n"},
	{name: "endpoint with the driver's name", send: "Action: PJSIPShowEndpoint\nEndpoint: pJsIp/bare\n\n", has: []string{"\nObjectName: bare\n", "\nListItems: 1\n"}},
	{name: "endpoint with another driver's name", send: "Action: PJSIPShowEndpoint\nEndpoint: SIP/bare\n\n", want: failure("Unable to retrieve endpoint SIP/bare␊")},
	{name: "endpoint without AOR", send: "Action: PJSIPShowEndpoint\nEndpoint: bare\n\n", has: []string{"\nAors: \n", "\nDeviceState: Unavailable\n", "\n\nEvent: EndpointDetailComplete\nEventList: Complete\nListItems: 1\n\n"},
		hasNot: []string{"AorDetail", "ContactStatusDetail"}},
	{name: "endpoints with and without AOR", send: "Action: PJSIPShowEndpoints\n\n", has: []string{
		"Event: EndpointList\nObjectType: endpoint\nObjectName: bare\nTransport: \nAor: \nAuths: \nOutboundAuths: \nDeviceState: Unavailable\nActiveChannels: ",
		"Event: EndpointList\nObjectType: endpoint\nObjectName: qualified\nTransport: \nAor: qualified\nAuths: qualified\nOutboundAuths: \nContacts: \nDeviceState: Unavailable\nActiveChannels: ",
		"Event: EndpointList\nObjectType: endpoint\nObjectName: 1001\nTransport: \nAor: 1001\nAuths: \nOutboundAuths: \nContacts: 1001/sip:1001@PHONE,\nDeviceState: Not in use\nActiveChannels: "}},
	{name: "static contact in detail", only: 16, send: "Action: PJSIPShowEndpoint\nEndpoint: 1001\n\n", want: "«.*»" + staticContact + "\nEvent: EndpointDetailComplete\nEventList: Complete\nListItems: 3\n\n"},
	{name: "static contact in detail", only: 22, send: "Action: PJSIPShowEndpoint\nEndpoint: 1001\n\n",
		want: "«.*»" + staticContact + "Qualify2xxOnly: 0\n\nEvent: EndpointDetailComplete\nEventList: Complete\nListItems: 3\n\n"},
	{name: "peer with the driver's name", only: 16, send: "Action: SIPshowpeer\nActionID: p\nPeer: SIP/1001\n\n", want: "Response: Error\nActionID: p\nMessage: Peer SIP/1001 not found.\n\n\n"},
	{name: "peer without contact", only: 16, send: "Action: SIPshowpeer\nPeer: qualified\n\n", has: []string{
		"\nSecretExist: Y\n", "\nDynamic: Y\n", "\nRegExpire: -1 seconds\n", "\nToHost: \nAddress-IP: (null)\nAddress-Port: 0\n", "\nDefault-Username: \n", "\nStatus: UNKNOWN\nSIP-Useragent: \nReg-Contact: \n"}},
	{name: "static peer", only: 16, send: "Action: SIPshowpeer\nPeer: 1001\n\n", has: []string{
		"\nSecretExist: N\n", "\nDynamic: N\n", "\nToHost: 127.0.0.1\nAddress-IP: 127.0.0.1\nAddress-Port: "}},
	{name: "no right to see or ask contacts", user: UserNoSystem,
		send: "Action: PJSIPShowRegistrationInboundContactStatuses\n\nAction: PJSIPQualify\nEndpoint: 1001\n\n", want: denied + denied},
	{name: "no right to see peers", user: UserNoSystem, send: "Action: SIPpeers\n\nAction: SIPshowpeer\nPeer: 1001\n\n",
		want16: denied + denied, want22: unknown("SIPpeers") + unknown("SIPshowpeer")},
	{name: "reporting may ask contacts", user: UserMinimal, send: "Action: PJSIPQualify\nEndpoint: bare\n\n", want: failure("No AoRs configured for endpoint␊")},
	{name: "commands of the fleet", send: "Action: ListCommands\n\n", has: []string{
		"\nPJSIPQualify: Qualify a chan_pjsip endpoint.  (Priv: system,reporting,all)\n",
		"\nPJSIPShowRegistrationInboundContactStatuses: Lists ContactStatuses for PJSIP inbound registrations.  (Priv: system,all)\n",
		"\nMailboxCount: Check Mailbox Message Count.  (Priv: call,reporting,all)\nMailboxStatus: Check mailbox.  (Priv: call,reporting,all)\n"},
		hasNot: []string{"\nMWI"}},
}

const staticContact = "\nEvent: ContactStatusDetail\nAOR: 1001\nURI: sip:1001@PHONE\nUserAgent: \nRegExpire: 0\nStatus: NonQualified\nRoundtripUsec: N/A\nEndpointName: 1001\n" +
	"ID: 1001@@«[0-9a-f]{31,32}»\nAuthenticateQualify: 0\nOutboundProxy: \nPath: \nQualifyFrequency: 0\nQualifyTimeout: 3.000\n"

// voicemailUser is an item of the lists of app_voicemail.
func voicemailUser(event, id, box, name, email string) string {
	return "Event: " + event + "\n" + id + "VMContext: default\nVoiceMailbox: " + box + "\nFullname: " + name + "\nEmail: " + email + "\nPager: \nServerEmail: asterisk\nFromString: \n" +
		"MailCommand: /usr/sbin/sendmail -t\nLanguage: \nTimeZone: \nCallback: \nDialout: \nUniqueID: \nExitContext: \nSayDurationMinimum: 2\nSayEnvelope: Yes\nSayCID: No\n" +
		"AttachMessage: Yes\nAttachmentFormat: \nDeleteMessage: No\nVolumeGain: 0.00\nCanReview: No\nCanMarkUrgent: Yes\nCallOperator: No\nMaxMessageCount: 100\nMaxMessageLength: 0\n" +
		"NewMessageCount: 0\nOldMessageCount: 0\n\n"
}

var longID = strings.Repeat("i", 300)

var mailboxRows = []dialogue{
	{name: "mailbox status, not named", send: "Action: MailboxStatus\nActionID: m\n\nAction: MailboxStatus\nMailbox: \n\nAction: MailboxCount\nActionID: m\n\n",
		want: "Response: Error\nActionID: m\nMessage: Mailbox not specified\n\n" + failure("Mailbox not specified") + "Response: Error\nActionID: m\nMessage: Mailbox not specified\n\n"},
	{name: "mailboxes, empty and unknown", send: "Action: MailboxStatus\nMailbox: 101@default\n\nAction: MailboxCount\nMailbox: nope\n\n",
		want: "Response: Success\nMessage: Mailbox Status\nMailbox: 101@default\nWaiting: 0\n\n" +
			"Response: Success\nMessage: Mailbox Message Count\nMailbox: nope\nUrgMessages: 0\nNewMessages: 0\nOldMessages: 0\n\n"},
	{name: "no right to see mailboxes", user: UserNoSystem, send: "Action: MailboxStatus\n\nAction: MailboxCount\n\n", want: denied + denied},
	{name: "reporting may see mailboxes", user: UserMinimal, send: "Action: MailboxStatus\n\nAction: MailboxCount\n\n",
		want: failure("Mailbox not specified") + failure("Mailbox not specified")},

	{name: "voicemail of 16", only: 16, send: "Action: VoicemailUsersList\n\nAction: VoicemailUserStatus\n\nAction: VoicemailRefresh\n\n",
		want: unknown("VoicemailUsersList") + unknown("VoicemailUserStatus") + unknown("VoicemailRefresh")},
	{name: "voicemail users", only: 22, send: "Action: VoicemailUsersList\nActionID: v\n\n",
		want: "Response: Success\nActionID: v\nEventList: start\nMessage: Voicemail user list will follow\n\n" +
			voicemailUser("VoicemailUserEntry", "ActionID: v\n", "101", "Alice Example", "alice@example.com") +
			voicemailUser("VoicemailUserEntry", "ActionID: v\n", "102", "Bob", "(null)") +
			"Event: VoicemailUserEntryComplete\nActionID: v\nEventList: Complete\nListItems: 2\n\n"},
	{name: "voicemail user", only: 22, send: "Action: VoicemailUserStatus\nContext: default\nMailbox: 102\n\n",
		want: "Response: Success\nEventList: start\nMessage: Voicemail user detail will follow\n\n" + voicemailUser("VoicemailUserDetail", "", "102", "Bob", "(null)") +
			"Event: VoicemailUserDetailComplete\nEventList: Complete\nListItems: 1\n\n"},
	{name: "voicemail user, long ActionID", only: 22, send: "Action: VoicemailUserStatus\nActionID: " + longID + "\nContext: default\nMailbox: 101\n\n",
		want: "Response: Success\nActionID: " + longID + "\nEventList: start\nMessage: Voicemail user detail will follow\n\n" +
			voicemailUser("VoicemailUserDetail", "ActionID: "+longID[:117], "101", "Alice Example", "alice@example.com") +
			"Event: VoicemailUserDetailComplete\nActionID: " + longID + "\nEventList: Complete\nListItems: 1\n\n"},
	{name: "voicemail user, not named", only: 22, send: "Action: VoicemailUserStatus\nActionID: u\nContext: default\n\nAction: VoicemailUserStatus\nMailbox: 101\n\n",
		want: "Response: Error\nActionID: u\nMessage: Need 'Context' and 'Mailbox' parameters.\n\n" + failure("Need 'Context' and 'Mailbox' parameters.")},
	{name: "voicemail user, unknown", only: 22, send: "Action: VoicemailUserStatus\nActionID: u\nContext: other\nMailbox: 101\n\n",
		want: "Response: Success\nActionID: u\nMessage: There is no voicemail user of the given info.\n\n"},
	{name: "voicemail refresh", only: 22, send: "Action: VoicemailRefresh\nActionID: r\nContext: nope\nMailbox: 3\n\n", want: "Response: Success\nActionID: r\nMessage: Refresh sent\n\n"},
	{name: "no right to see voicemail, but to refresh it", only: 22, user: UserNoSystem, send: "Action: VoicemailUsersList\n\nAction: VoicemailUserStatus\n\nAction: VoicemailRefresh\nContext: nope\n\n",
		want: denied + denied + "Response: Success\nMessage: Refresh sent\n\n"},
	{name: "no right to refresh voicemail", only: 22, user: UserNothing, send: "Action: VoicemailRefresh\n\n", want: denied},
	{name: "commands of app_voicemail", only: 22, send: "Action: ListCommands\n\n", has: []string{
		"\nVoicemailRefresh: Tell Asterisk to poll mailboxes for a change  (Priv: user,all)\n",
		"\nVoicemailUsersList: List All Voicemail User Information.  (Priv: call,reporting,all)\n",
		"\nVoicemailUserStatus: Show the status of given voicemail user's info.  (Priv: call,reporting,all)\n"}},
	{name: "external MWI, which no build has", send: "Action: MWIUpdate\nMailbox: 101@default\nNewMessages: 1\n\nAction: MWIGet\nMailbox: 101@default\n\nAction: MWIDelete\nMailbox: 101@default\n\n",
		want: unknown("MWIUpdate") + unknown("MWIGet") + unknown("MWIDelete")},
}

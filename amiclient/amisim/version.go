package amisim

// Version is how the server presents itself and which of Asterisk's behaviours it has.
type Version struct {
	AMI      string // of the greeting, such as "11.0.0"
	Asterisk string // AsteriskVersion of CoreSettings: free text, in real life too
	// ChanSIP tells whether the channel driver chan_sip, and with it SIPnotify, exists: to Asterisk 20.
	ChanSIP bool
	// NotifyOption tells whether PJSIPNotify knows the argument Option: 18.16, 20.1 and later. Such servers demand exactly
	// one of Option and Variable.
	NotifyOption bool
	// SlashlessCrash tells whether a Content-Type without "/" kills the server; if not, it sends stack memory to the phone.
	SlashlessCrash bool
	// CommandFollows selects the framing of command output before Asterisk 14: "Response: Follows" and "--END COMMAND--".
	CommandFollows bool
	// FilterCriteria tells whether the action Filter knows MatchCriteria: 18.26, 20.11, 21.6, 22.1 and later. Others ignore it.
	FilterCriteria bool
	// ScreensOriginate tells whether Originate refuses applications and data by their names to users without write=system:
	// 18.24.2, 20.9.2, 21.4.2 and later. Others refuse some applications.
	ScreensOriginate bool
	// CopyAction tells whether UserEvent copies the Action header into the event, as Asterisk 1.8 to 12 did.
	CopyAction bool
	// SortedEndpoints tells whether lists of endpoints come sorted by name. Version 16 has them in no useful order.
	SortedEndpoints bool
	// Voicemail is which module counts the messages of mailboxes. The builds of Debian have app_voicemail in version 22, and
	// none in 16, where it is in a package of its own; neither has res_mwi_external.
	Voicemail Voicemail
	// Major22 marks the headers that lists and settings have in 22 and not in 16.
	Major22 bool
}

// The two servers that the conformance table was checked against.
var (
	Asterisk16 = Version{AMI: "5.0.4", Asterisk: "16.28.0~dfsg-0+deb11u4", ChanSIP: true, SlashlessCrash: true}
	Asterisk22 = Version{AMI: "11.0.0", Asterisk: "22.10.1+dfsg+~cs6.17.60671434-1", NotifyOption: true, FilterCriteria: true, ScreensOriginate: true,
		SortedEndpoints: true, Voicemail: AppVoicemail, Major22: true}
)

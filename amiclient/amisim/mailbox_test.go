package amisim

import (
	"strings"
	"testing"
)

func mwiServer(t *testing.T) *Server {
	version := Asterisk22
	version.Voicemail = MWIExternal
	return start(t, Config{Version: version, Mailboxes: []Mailbox{{Name: "101@default", New: 1, Old: 2}, {Name: "102"}}})
}

func TestMWIUpdate(t *testing.T) {
	c := login(t, mwiServer(t), "call")
	for _, test := range []struct{ name, counts, want string }{
		{"101@default", "NewMessages: 3\r\nOldMessages: 4", "Waiting: 1\r\nNew: 3\r\nOld: 4"},
		{"101@default", "NewMessages: 3\r\nOldMessages: 4", "Waiting: 1\r\nNew: 3\r\nOld: 4"}, // again
		{"101@default", "NewMessages: \r\nOldMessages: 4", "Waiting: 0\r\nNew: 0\r\nOld: 4"},
		{"102", "X: y", "Waiting: 0\r\nNew: 0\r\nOld: 0"},
		{"new one", "NewMessages: 5 or so", "Waiting: 1\r\nNew: 5\r\nOld: 0"},
		{"102", "NewMessages: -1\r\nOldMessages: +7x", "Waiting: 0\r\nNew: -1\r\nOld: 7"},
	} {
		c.send("MWIUpdate", "ActionID: u", "Mailbox: "+test.name, test.counts)
		c.want("Response: Success\r\nActionID: u\r\n\r\n")
		c.want("Event: MessageWaiting\r\nPrivilege: call,all\r\nMailbox: " + test.name + "\r\n" + test.want + "\r\n\r\n")
	}
	for headers, want := range map[string]string{
		"X: y":                                   "Missing mailbox parameter in request",
		"Mailbox: 101@default\r\nNewMessages: x": "Invalid NewMessages: x",
		"Mailbox: 101@default\r\nOldMessages: - 1": "Invalid OldMessages: - 1",
	} {
		c.send("MWIUpdate", headers)
		c.want("Response: Error\r\nMessage: " + want + "\r\n\r\n")
	}
	c.send("MailboxStatus", "Mailbox: 102,new one")
	c.want("Response: Success\r\nMessage: Mailbox Status\r\nMailbox: 102,new one\r\nWaiting: 1\r\n\r\n")
	c.send("MWIGet", "Mailbox: /^10[12]/", "ActionID: g")
	c.want("Response: Success\r\nActionID: g\r\nEventList: start\r\nMessage: Mailboxes will follow\r\n\r\n")
	c.want("Event: MWIGet\r\nMailbox: 101@default\r\nOldMessages: 4\r\nNewMessages: 0\r\nActionID: g\r\n\r\n")
	c.want("Event: MWIGet\r\nMailbox: 102\r\nOldMessages: 7\r\nNewMessages: 4294967295\r\nActionID: g\r\n\r\n")
	c.want("Event: MWIGetComplete\r\nEventList: Complete\r\nListItems: 2\r\nActionID: g\r\n\r\n")
}

func TestMWIDelete(t *testing.T) {
	c := login(t, mwiServer(t), "call")
	list := func(mailbox, items string, names ...string) {
		t.Helper()
		c.send("MWIGet", "Mailbox: "+mailbox)
		c.want("Response: Success\r\nEventList: start\r\nMessage: Mailboxes will follow\r\n\r\n")
		for _, name := range names {
			c.wantEvent("MWIGet", "Mailbox: "+name)
		}
		c.want("Event: MWIGetComplete\r\nEventList: Complete\r\nListItems: " + items + "\r\n\r\n")
	}
	list("//", "2", "101@default", "102")
	list("/(/", "0")
	list("nope", "0")
	list("102", "1", "102")
	for _, action := range []string{"MWIGet", "MWIDelete"} {
		c.send(action)
		c.want("Response: Error\r\nMessage: Missing mailbox parameter in request\r\n\r\n")
		c.send(action, "Mailbox: /10")
		c.want("Response: Error\r\nMessage: Mailbox regex format invalid in: /10\r\n\r\n")
	}
	c.send("MWIDelete", "ActionID: d", "Mailbox: /10/")
	c.want("Response: Success\r\nActionID: d\r\n\r\n")
	c.want("Event: MessageWaiting\r\nPrivilege: call,all\r\nMailbox: 101@default\r\nWaiting: 0\r\nNew: 0\r\nOld: 0\r\n\r\n") // 102 was empty
	list("/./", "0")
}

// Voicemail and MWI of others exclude each other; without either there are no messages.
func TestVoicemail_provider(t *testing.T) {
	for _, test := range []struct {
		version     Version
		provider    Voicemail
		has, hasNot string
		count       string
	}{
		{Asterisk22, AppVoicemail, "VoicemailRefresh", "MWI", "1"},
		{Asterisk22, MWIExternal, "MWIUpdate", "Voicemail", "1"},
		{Asterisk16, NoVoicemail, "MailboxCount", "Voicemail", "0"},
		{Asterisk16, NoVoicemail, "MailboxStatus", "MWI", "0"},
	} {
		test.version.Voicemail = test.provider
		c := login(t, start(t, Config{Version: test.version, Mailboxes: []Mailbox{{Name: "101@default", New: 1}}}), "off")
		c.send("ListCommands")
		if got, err := c.read(); err != nil || !strings.Contains(got, "\r\n"+test.has+": ") || strings.Contains(got, "\r\n"+test.hasNot) {
			t.Errorf("provider %d: commands %q, %v", test.provider, got, err)
		}
		c.send("MailboxCount", "Mailbox: 101@default")
		c.want("Response: Success\r\nMessage: Mailbox Message Count\r\nMailbox: 101@default\r\nUrgMessages: 0\r\nNewMessages: " + test.count + "\r\nOldMessages: 0\r\n\r\n")
	}
}

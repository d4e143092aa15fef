package amiclient_test

import (
	"errors"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestVoicemail(t *testing.T) {
	bubble(t, "recorded", func(t *testing.T) {
		c := replay(t, "voicemail-22")
		if users, err := collect(amiclient.VoicemailUsersList{}.List(t.Context(), c)); users != nil || err != nil {
			t.Errorf("without boxes: %v, %v", users, err)
		}
		users, err := collect(amiclient.VoicemailUsersList{}.List(t.Context(), c))
		if err != nil || len(users) != 2 {
			t.Fatalf("%v, %v", users, err)
		}
		if u := users[0]; u.Context != "default" || u.Mailbox != "101" || u.FullName != "Alice" || u.Email != "alice@example.net" || u.MaxMessages != 100 || u.New != 0 ||
			u.Get("SayEnvelope") != "Yes" {
			t.Errorf("%+v", u)
		}
		if u := users[1]; u.FullName != "Bob" || u.Email != "" || u.Get("Email") != "(null)" {
			t.Errorf("%+v", u)
		}
		for _, refresh := range []amiclient.VoicemailRefresh{{}, {Context: "default", Mailbox: "101"}, {Context: "default", Mailbox: "nope"}} {
			if err := refresh.Do(t.Context(), c); err != nil {
				t.Errorf("%+v: %v", refresh, err)
			}
		}
		if waiting, err := (amiclient.MailboxStatus{Mailbox: "101@default"}).Do(t.Context(), c); waiting || err != nil {
			t.Errorf("MailboxStatus: %v, %v", waiting, err)
		}
		if n, err := (amiclient.MailboxCount{Mailbox: "101@default"}).Do(t.Context(), c); n.Get("Mailbox") != "101@default" || n.New != 0 || err != nil {
			t.Errorf("MailboxCount: %+v, %v", n, err)
		}
	})
	bubble(t, "not loaded", func(t *testing.T) {
		c := replay(t, "voicemail-absent-16")
		if _, err := collect(amiclient.VoicemailUsersList{}.List(t.Context(), c)); !errors.Is(err, amiclient.ErrUnknownAction) {
			t.Errorf("VoicemailUsersList: %v", err)
		}
		if err := (amiclient.VoicemailRefresh{}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrUnknownAction) {
			t.Errorf("VoicemailRefresh: %v", err)
		}
	})
	// Answers of 22.10.
	bubble(t, "VoicemailUserStatus", func(t *testing.T) {
		c := scripted(t, listStart+item("VoicemailUserDetail", "VMContext: default⏎VoiceMailbox: 101⏎Fullname: Alice⏎MaxMessageLength: 180⏎NewMessageCount: 2⏎OldMessageCount: 1")+listEnd,
			"Response: Success⏎ActionID: {id}⏎Message: There is no voicemail user of the given info.⏎⏎",
			"Response: Error⏎ActionID: {id}⏎Message: Need 'Context' and 'Mailbox' parameters.⏎⏎")
		u, err := amiclient.VoicemailUserStatus{Context: "default", Mailbox: "101"}.Do(t.Context(), c)
		if err != nil || u.Mailbox != "101" || u.New != 2 || u.Old != 1 || u.MaxLength != 3*time.Minute {
			t.Errorf("%+v, %v", u, err)
		}
		if _, err = (amiclient.VoicemailUserStatus{Context: "default", Mailbox: "nope"}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrUnknownMailbox) {
			t.Errorf("unknown: %v", err)
		}
		if _, err = (amiclient.VoicemailUserStatus{Context: "default"}).Do(t.Context(), c); !errors.As(err, new(*amiclient.ResponseError)) {
			t.Errorf("no box: %v", err)
		}
	})
	bubble(t, "mailboxes with messages, and none", func(t *testing.T) {
		c := scripted(t, "Response: Success⏎ActionID: {id}⏎Message: Mailbox Status⏎Mailbox: 101@default⏎Waiting: 1⏎⏎",
			"Response: Success⏎ActionID: {id}⏎Message: Mailbox Message Count⏎Mailbox: 101@default⏎UrgMessages: 1⏎NewMessages: 2⏎OldMessages: 3⏎⏎",
			"Response: Error⏎ActionID: {id}⏎Message: Mailbox not specified⏎⏎", "Response: Error⏎ActionID: {id}⏎Message: Mailbox not specified⏎⏎")
		if waiting, err := (amiclient.MailboxStatus{Mailbox: "101@default"}).Do(t.Context(), c); !waiting || err != nil {
			t.Errorf("MailboxStatus: %v, %v", waiting, err)
		}
		if n, err := (amiclient.MailboxCount{Mailbox: "101@default"}).Do(t.Context(), c); n.Urgent != 1 || n.New != 2 || n.Old != 3 || err != nil {
			t.Errorf("MailboxCount: %+v, %v", n, err)
		}
		if _, err := (amiclient.MailboxStatus{}).Do(t.Context(), c); err == nil {
			t.Error("MailboxStatus of none: no error")
		}
		if _, err := (amiclient.MailboxCount{}).Do(t.Context(), c); err == nil {
			t.Error("MailboxCount of none: no error")
		}
	})
}

func TestMWI(t *testing.T) {
	for _, name := range []string{"mwi-absent-16", "mwi-absent-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			if _, err := collect(amiclient.MWIGet{Mailbox: "101@default"}.List(t.Context(), c)); !errors.Is(err, amiclient.ErrUnknownAction) {
				t.Errorf("MWIGet: %v", err)
			}
			if err := (amiclient.MWIDelete{Mailbox: "101@default"}).Do(t.Context(), c); !errors.Is(err, amiclient.ErrUnknownAction) {
				t.Errorf("MWIDelete: %v", err)
			}
		})
	}
	// As res_mwi_external_ami.c writes it: Success without Message, ActionID last.
	bubble(t, "there", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: MWIUpdate", "Mailbox: 101@default", "OldMessages: 4294967295", "NewMessages: 2")
			d.Send("Response: Success⏎ActionID: {id}⏎⏎")
			d.Expect("Action: MWIGet", "Mailbox: /@default$/")
			d.Send(listStart + "Event: MWIGet⏎Mailbox: 101@default⏎OldMessages: 4294967295⏎NewMessages: 2⏎ActionID: {id}⏎⏎" +
				"Event: MWIGetComplete⏎EventList: Complete⏎ListItems: 1⏎ActionID: {id}⏎⏎")
			d.Expect("Action: MWIGet", "Mailbox: nope")
			d.Send(listStart + "Event: MWIGetComplete⏎EventList: Complete⏎ListItems: 0⏎ActionID: {id}⏎⏎")
			d.Expect("Action: MWIDelete", "Mailbox: 101@default")
			d.Send("Response: Success⏎ActionID: {id}⏎⏎")
			d.ExpectClose()
		})
		if err := (amiclient.MWIUpdate{Mailbox: "101@default", New: 2, Old: 4294967295}).Do(t.Context(), c); err != nil {
			t.Errorf("MWIUpdate: %v", err)
		}
		boxes, err := collect(amiclient.MWIGet{Mailbox: "/@default$/"}.List(t.Context(), c))
		if err != nil || len(boxes) != 1 || boxes[0].Mailbox != "101@default" || boxes[0].New != 2 || boxes[0].Old != 4294967295 {
			t.Errorf("MWIGet: %+v, %v", boxes, err)
		}
		if boxes, err = collect(amiclient.MWIGet{Mailbox: "nope"}.List(t.Context(), c)); boxes != nil || err != nil {
			t.Errorf("MWIGet of none: %+v, %v", boxes, err)
		}
		if err := (amiclient.MWIDelete{Mailbox: "101@default"}).Do(t.Context(), c); err != nil {
			t.Errorf("MWIDelete: %v", err)
		}
	})
}

package amiclient

import (
	"bytes"
	"fmt"
	"testing"
)

// FuzzListItems: whatever an item of a list says, it becomes a type without a panic, with nothing in it that was not said, and
// nothing negative.
func FuzzListItems(f *testing.F) {
	for _, d := range recorded(f) {
		messages, _ := readAll(bytes.NewReader(d.server()))
		for _, m := range messages {
			switch m.Event() {
			case "EndpointList", "EndpointDetail", "AorDetail", "AuthDetail", "ContactStatusDetail", "ContactList", "PeerEntry", "VoicemailUserEntry":
				f.Add(m.text)
			}
		}
	}
	f.Add("Aor: a\nContacts: a/sip:1@h;x=1,2,a/sips:2@h,,\nContacts: b/SIP:3,\nContacts: /sip:")
	f.Add("ID: @@\nQualifyTimeout: -Inf\nQualifyFrequency: 9223372036854775807\nStatus: OK (-1 ms)\nRegExpire: 9999999999.9999999999")
	f.Fuzz(func(t *testing.T, text string) {
		m := &Message{text}
		aor, contact, peer, user := newAOR(m), newContact(m), newPeer(m), newVoicemailUser(m)
		said := 0
		for _, c := range newEndpoint(m).Contacts {
			said += len(c.String())
			if c.AOR == "" || c.URI == "" {
				t.Errorf("contact %q", c)
			}
		}
		if said > len(text) {
			t.Errorf("%d bytes of contacts", said)
		}
		for _, d := range []int64{int64(aor.MinimumExpiration), int64(aor.QualifyTimeout), int64(contact.RoundTrip), int64(contact.QualifyFrequency), int64(contact.QualifyTimeout),
			int64(peer.RoundTrip), int64(user.MaxLength)} {
			if d < 0 {
				t.Errorf("a negative time: %+v %+v %+v %+v", aor, contact, peer, user)
			}
		}
		if newIdentify(m).Name != m.Get("ObjectName") || fmt.Sprint(newAuth(m), newTransport(m), newMWIMailbox(m).Mailbox) == "" {
			t.Error("lost")
		}
	})
}

package amievent

import (
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// The states of a TestEvent about a contact (res/res_pjsip_registrar.c).
const (
	TestContactAdded     = "AOR_CONTACT_ADDED"
	TestContactRefreshed = "AOR_CONTACT_REFRESHED" // a known contact registered again: the only event of it without authentication
	TestContactRemoved   = "AOR_CONTACT_REMOVED"
)

// TestEvent is raised by builds of Asterisk that have TEST_FRAMEWORK, as those of
// Debian do (main/test.c: __ast_test_suite_event_notify). Class reporting. Take it
// as a bonus: most servers have none. The fields but State are those of events
// about contacts.
type TestEvent struct {
	Envelope
	State      string // what happens: one of the constants, or any other
	Contact    string // its URI; in other states than these, its id
	AOR        string
	Expiration time.Duration // that the phone asked for
	UserAgent  string        // of this very REGISTER: whatever the phone says
}

func newTestEvent(m *amiclient.Message) *TestEvent {
	return &TestEvent{
		Envelope:   Envelope{m},
		State:      m.Get("State"),
		Contact:    m.Get("Contact"),
		AOR:        m.Get("AOR"),
		Expiration: value.Duration(m.Get("Expiration"), time.Second),
		UserAgent:  m.Get("UserAgent"),
	}
}

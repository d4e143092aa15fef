package amievent

import (
	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// MessageWaiting tells what is in a mailbox after something changed there, or
// after a caller visited it (main/manager_mwi.c: mwi_update_cb). Class call.
type MessageWaiting struct {
	Envelope
	Channel Channel // who changed it; empty if it was no channel
	Mailbox string  // "101@default"
	Waiting bool
	New     int
	Old     int
}

func newMessageWaiting(m *amiclient.Message) *MessageWaiting {
	e := &MessageWaiting{
		Envelope: Envelope{m},
		Waiting:  value.Number(m.Get("Waiting")) > 0,
		New:      value.Number(m.Get("New")),
		Old:      value.Number(m.Get("Old")),
	}
	e.Channel, e.Mailbox, _ = newChannel(m, "Mailbox")
	return e
}

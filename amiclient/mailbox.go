package amiclient

import (
	"context"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// MailboxStatus tells whether new messages wait in a box (main/manager.c:
// action_mailboxstatus). Class call or reporting.
type MailboxStatus struct {
	Mailbox string // such as "101@default"; several with commas between are one
}

// Action returns the action in AMI's form.
func (a MailboxStatus) Action() Action {
	action := Action{Name: "MailboxStatus"}
	action.add("Mailbox", a.Mailbox)
	return action
}

// Do does the action. In a box that does not exist, or of a server without
// voicemail, nothing waits.
func (a MailboxStatus) Do(ctx context.Context, on Doer) (waiting bool, err error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return false, err
	}
	return value.Number(m.Get("Waiting")) != 0, nil
}

// MessageCount is how many messages a box has.
type MessageCount struct {
	*Message         // the answer
	Urgent, New, Old int
}

// MailboxCount counts the messages in a box (main/manager.c:
// action_mailboxcount). Class call or reporting.
type MailboxCount struct {
	Mailbox string // such as "101@default"; of several with commas between the sum is told
}

// Action returns the action in AMI's form.
func (a MailboxCount) Action() Action {
	action := Action{Name: "MailboxCount"}
	action.add("Mailbox", a.Mailbox)
	return action
}

// Do does the action. A box that does not exist, or of a server without
// voicemail, has no messages.
func (a MailboxCount) Do(ctx context.Context, on Doer) (MessageCount, error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return MessageCount{}, err
	}
	return MessageCount{m, value.Number(m.Get("UrgMessages")), value.Number(m.Get("NewMessages")), value.Number(m.Get("OldMessages"))}, nil
}

package amiclient

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// A VoicemailUser is a box of app_voicemail. Its PIN is in no answer.
type VoicemailUser struct {
	*Message    // an event VoicemailUserEntry or VoicemailUserDetail
	Context     string
	Mailbox     string
	FullName    string
	Email       string // "" if there is none
	Pager       string
	Language    string
	TimeZone    string // the name of a zone in voicemail.conf
	UniqueID    string // of its row in a database
	New, Old    int    // messages
	MaxMessages int
	MaxLength   time.Duration // of one message; 0: any
}

func newVoicemailUser(m *Message) VoicemailUser {
	return VoicemailUser{
		Message: m, Context: m.Get("VMContext"), Mailbox: m.Get("VoiceMailbox"), FullName: m.Get("Fullname"), Email: known(m.Get("Email")), Pager: m.Get("Pager"),
		Language: m.Get("Language"), TimeZone: m.Get("TimeZone"), UniqueID: m.Get("UniqueID"), New: value.Number(m.Get("NewMessageCount")), Old: value.Number(m.Get("OldMessageCount")),
		MaxMessages: value.Number(m.Get("MaxMessageCount")), MaxLength: value.Duration(m.Get("MaxMessageLength"), time.Second),
	}
}

// VoicemailUsersList lists the boxes of app_voicemail (apps/app_voicemail.c:
// manager_list_voicemail_users). Class call or reporting.
type VoicemailUsersList struct{}

// Action returns the action in AMI's form.
func (VoicemailUsersList) Action() Action { return Action{Name: "VoicemailUsersList"} }

// List does the action. Without boxes Asterisk answers Success and no list at
// all; that is an empty list here.
func (a VoicemailUsersList) List(ctx context.Context, on Doer) iter.Seq2[VoicemailUser, error] {
	return listOf(ctx, on, a.Action(), "VoicemailUserEntry", "", newVoicemailUser)
}

// VoicemailUserStatus tells of one box of app_voicemail (apps/app_voicemail.c:
// manager_voicemail_user_status). Class call or reporting.
type VoicemailUserStatus struct {
	Context string // such as "default"
	Mailbox string // without @ and context
}

// Action returns the action in AMI's form.
func (a VoicemailUserStatus) Action() Action {
	action := Action{Name: "VoicemailUserStatus"}
	action.add("Context", a.Context)
	action.add("Mailbox", a.Mailbox)
	return action
}

// Do does the action. Without such a box Asterisk answers Success and tells of
// none; the error is ErrUnknownMailbox then.
func (a VoicemailUserStatus) Do(ctx context.Context, on Doer) (VoicemailUser, error) {
	var user VoicemailUser
	for found, err := range listOf(ctx, on, a.Action(), "VoicemailUserDetail", "", newVoicemailUser) {
		if err != nil {
			return VoicemailUser{}, err
		}
		user = found
	}
	if user.Message == nil {
		return VoicemailUser{}, fmt.Errorf("VoicemailUserStatus of %s in %s: %w", quote(a.Mailbox), quote(a.Context), ErrUnknownMailbox)
	}
	return user, nil
}

// VoicemailRefresh makes app_voicemail count the messages of its boxes again,
// where another program changed them, and tell the phones
// (apps/app_voicemail.c: manager_voicemail_refresh). Class user.
type VoicemailRefresh struct {
	Context string // "": of every context
	Mailbox string // without @ and context; "": every box
}

// Action returns the action in AMI's form.
func (a VoicemailRefresh) Action() Action {
	action := Action{Name: "VoicemailRefresh"}
	action.add("Context", a.Context)
	action.add("Mailbox", a.Mailbox)
	return action
}

// Do does the action. Asterisk answers Success for a box that does not exist, too.
func (a VoicemailRefresh) Do(ctx context.Context, on Doer) error {
	_, err := on.Do(ctx, a.Action())
	return err
}

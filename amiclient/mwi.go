package amiclient

import (
	"context"
	"iter"
	"strconv"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// MWIUpdate says how many messages a box has, for a voicemail system outside of
// Asterisk. Asterisk then sends its own NOTIFY to every phone that watches the box
// (res/res_mwi_external_ami.c: mwi_mailbox_update). Asterisk 12.1 or later, where
// res_mwi_external_ami.so is loaded, which excludes app_voicemail; class call.
type MWIUpdate struct {
	Mailbox  string // as phones watch it, such as "101@default"
	New, Old uint32
}

// Action returns the action in AMI's form.
func (a MWIUpdate) Action() Action {
	action := Action{Name: "MWIUpdate"}
	action.add("Mailbox", a.Mailbox)
	action.add("OldMessages", strconv.FormatUint(uint64(a.Old), 10))
	action.add("NewMessages", strconv.FormatUint(uint64(a.New), 10))
	return action
}

// Do does the action.
func (a MWIUpdate) Do(ctx context.Context, on Doer) error {
	_, err := on.Do(ctx, a.Action())
	return err
}

// MWIMailbox is a box as MWIUpdate left it.
type MWIMailbox struct {
	*Message // the event MWIGet
	Mailbox  string
	New, Old int
}

func newMWIMailbox(m *Message) MWIMailbox {
	return MWIMailbox{m, m.Get("Mailbox"), value.Number(m.Get("NewMessages")), value.Number(m.Get("OldMessages"))}
}

// MWIGet lists boxes that MWIUpdate made (res/res_mwi_external_ami.c:
// mwi_mailbox_get). As MWIUpdate; class call or reporting.
type MWIGet struct {
	Mailbox string // the name of one, or a regular expression between slashes, such as "/@default$/"
}

// Action returns the action in AMI's form.
func (a MWIGet) Action() Action {
	action := Action{Name: "MWIGet"}
	action.add("Mailbox", a.Mailbox)
	return action
}

// List does the action. A box that does not exist is an empty list.
func (a MWIGet) List(ctx context.Context, on Doer) iter.Seq2[MWIMailbox, error] {
	return listOf(ctx, on, a.Action(), "MWIGet", "", newMWIMailbox)
}

// MWIDelete forgets boxes that MWIUpdate made (res/res_mwi_external_ami.c:
// mwi_mailbox_delete). As MWIUpdate; class call.
type MWIDelete struct {
	Mailbox string // the name of one, or a regular expression between slashes; "/./" is all
}

// Action returns the action in AMI's form.
func (a MWIDelete) Action() Action {
	action := Action{Name: "MWIDelete"}
	action.add("Mailbox", a.Mailbox)
	return action
}

// Do does the action. Asterisk answers Success for a box that does not exist, too.
func (a MWIDelete) Do(ctx context.Context, on Doer) error {
	_, err := on.Do(ctx, a.Action())
	return err
}

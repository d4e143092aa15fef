package amiclient

import (
	"context"
	"iter"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// CoreShowChannels lists the channels that are up (main/manager.c:
// action_coreshowchannels). Class system or reporting.
type CoreShowChannels struct{}

// A Channel is one leg of a call. What it is about comes from phones and the
// dialplan.
type Channel struct {
	*Message
	Name              string // PJSIP/1001-00000003
	State             string // Down, Ring, Ringing, Up, Busy …
	CallerIDNum       string
	CallerIDName      string
	ConnectedLineNum  string
	ConnectedLineName string
	Account           string
	Context           string // where in the dialplan it is
	Exten             string
	Priority          int
	UniqueID          string
	LinkedID          string // the UniqueID of the oldest channel of the call; since 13
	Application       string // what runs on it
	ApplicationData   string
	Duration          time.Duration // since it was made, to the second
	BridgeID          string        // the bridge it is in, "" if in none
}

// Action returns the action in AMI's form.
func (CoreShowChannels) Action() Action { return Action{Name: "CoreShowChannels"} }

// List yields the channels, in no order.
func (a CoreShowChannels) List(ctx context.Context, on Doer) iter.Seq2[Channel, error] {
	return listOf(ctx, on, a.Action(), "CoreShowChannel", "", newChannel)
}

func newChannel(m *Message) Channel {
	return Channel{
		Message: m, Name: m.Get("Channel"), State: m.Get("ChannelStateDesc"), Account: m.Get("AccountCode"),
		CallerIDNum: known(m.Get("CallerIDNum")), CallerIDName: known(m.Get("CallerIDName")),
		ConnectedLineNum: known(m.Get("ConnectedLineNum")), ConnectedLineName: known(m.Get("ConnectedLineName")),
		Context: m.Get("Context"), Exten: m.Get("Exten"), Priority: value.Number(m.Get("Priority")),
		UniqueID: m.Get("Uniqueid"), LinkedID: m.Get("Linkedid"), Application: m.Get("Application"), ApplicationData: m.Get("ApplicationData"),
		Duration: clock(m.Get("Duration")), BridgeID: m.Get("BridgeId"),
	}
}

package amievent

import (
	"cmp"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// A Channel is what a channel was like when the event was raised. Caller and
// connected line are what the phone or the far end says of itself: anything
// (main/manager_channels.c: ast_manager_build_channel_state_string_prefix).
type Channel struct {
	Name              string // such as "PJSIP/101-00000001"; "" if the event has no channel
	State             int    // enum ast_channel_state: 0 is down, 6 up; StateDesc says it in words
	StateDesc         string // such as "Up" (main/channel.c: ast_state2str)
	CallerIDNum       string // "" where Asterisk has "<unknown>"; likewise the next three
	CallerIDName      string
	ConnectedLineNum  string
	ConnectedLineName string
	Language          string // since Asterisk 13
	AccountCode       string
	Context           string // where in the dialplan it is
	Exten             string
	Priority          int
	Uniqueid          string // "" if the event has no channel
	Linkedid          string // since Asterisk 13
	Tenantid          string // since Asterisk 20, if set

	// Variables are those that channelvars of manager.conf names, in order.
	Variables []amiclient.Variable
}

// newChannel reads the channel that stands before the header of that name, and
// returns that header's value and how many headers there are up to it, itself
// counted. Of a repeated header the first with a value counts.
func newChannel(m *amiclient.Message, end string) (c Channel, value string, n int) {
	for name, value := range m.All() {
		n++
		if strings.EqualFold(name, end) {
			c.clear()
			return c, value, n
		}
		c.take(name, value)
	}
	c.clear()
	return c, "", n
}

func (c *Channel) take(name, text string) {
	var field *string
	switch name {
	case "Channel":
		field = &c.Name
	case "ChannelState":
		c.State = cmp.Or(c.State, value.Number(text))
	case "ChannelStateDesc":
		field = &c.StateDesc
	case "CallerIDNum":
		field = &c.CallerIDNum
	case "CallerIDName":
		field = &c.CallerIDName
	case "ConnectedLineNum":
		field = &c.ConnectedLineNum
	case "ConnectedLineName":
		field = &c.ConnectedLineName
	case "Language":
		field = &c.Language
	case "AccountCode":
		field = &c.AccountCode
	case "Context":
		field = &c.Context
	case "Exten":
		field = &c.Exten
	case "Priority":
		c.Priority = cmp.Or(c.Priority, value.Number(text))
	case "Uniqueid":
		field = &c.Uniqueid
	case "Linkedid":
		field = &c.Linkedid
	case "Tenantid":
		field = &c.Tenantid
	case "ChanVariable":
		name, set, _ := strings.Cut(text, "=")
		c.Variables = append(c.Variables, amiclient.Variable{Name: name, Value: set})
	}
	if field != nil && *field == "" {
		*field = text
	}
}

func (c *Channel) clear() {
	for _, field := range []*string{&c.CallerIDNum, &c.CallerIDName, &c.ConnectedLineNum, &c.ConnectedLineName} {
		*field = known(*field)
	}
}

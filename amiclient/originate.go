package amiclient

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// maxUniqueid is how long a Uniqueid may be (include/asterisk/channel.h:
// AST_MAX_PUBLIC_UNIQUEID).
const maxUniqueid = 149

// Originate calls a channel and, once it has answered, runs an application or an
// extension of the dialplan on it (main/manager.c: action_originate). Class
// originate, for some applications and data also system.
//
// Without Async the answer comes when the call was answered or was not: until
// then no other action of the connection is answered, which breaks the connection
// if that takes longer than Config.Timeout. So give it Async, or a connection of
// its own with a Config.Timeout longer than its Timeout.
type Originate struct {
	Channel string // whom to call, in Asterisk's dial notation: PJSIP/1001, Local/1001@phones

	// Either of these is what happens then.
	Application string // of the dialplan, as UserEvent, with its arguments as Data
	Data        string
	Exten       string // an extension of the dialplan, in Context
	Context     string
	Priority    string // a number or a label, default 1

	Timeout        time.Duration // how long to let it ring, to the millisecond; default 30 s
	CallerID       string        // shown to whom is called: "Name" <number>
	Account        string
	Variables      []Variable // channel variables
	Codecs         []string   // as in allow of pjsip.conf
	EarlyMedia     bool       // do not wait for the answer where media comes before it
	ChannelID      string     // the Uniqueid that the channel is to have; of a Local one, the half on which the application runs
	OtherChannelID string     // that of the other half of a Local channel; default ChannelID and ;2
	Async          bool       // answer at once; the event OriginateResponse tells the rest
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the fields as they are.
func (o Originate) Action() Action {
	a := Action{Name: "Originate", Headers: make([]Header, 0, 16+len(o.Variables))}
	a.add("Channel", o.Channel)
	a.add("Application", o.Application)
	a.add("Data", o.Data)
	a.add("Exten", o.Exten)
	a.add("Context", o.Context)
	if o.Priority == "" && o.Exten != "" {
		o.Priority = "1"
	}
	a.add("Priority", o.Priority)
	if o.Timeout != 0 {
		a.add("Timeout", strconv.FormatInt(o.Timeout.Milliseconds(), 10))
	}
	a.add("CallerID", o.CallerID)
	a.add("Account", o.Account)
	a.add("Codecs", strings.Join(o.Codecs, ","))
	if o.EarlyMedia {
		a.add("EarlyMedia", "true")
	}
	a.add("ChannelId", o.ChannelID)
	a.add("OtherChannelId", o.OtherChannelID)
	if o.Async {
		a.add("Async", "true")
	}
	a.addVariables(o.Variables)
	return a
}

// Do returns the answer. With Async it says only that the call is on its way, and
// the event OriginateResponse, which has the answer's ActionID, whether it was
// answered: the user needs read = call for it. Without, an error that is
// ErrCallFailed says that it was not.
//
// ErrPermission may be about the application or the data alone: Asterisk refuses
// applications that run programs, and since 18.24.2, 20.9.2 and 21.4.2 also data
// that holds one of CURL, DB, EVAL, FILE, ODBC, REALTIME or SHELL anywhere
// (main/manager.c: is_originate_app_permitted).
func (o Originate) Do(ctx context.Context, on Doer) (*Message, error) {
	return on.Do(ctx, o.Action())
}

// originate holds the rules of an Originate that Asterisk does not: what it does
// not use it ignores in silence.
func (c *checker) originate(kind kind, headers []Header) {
	var channel, application, exten, data *Header
	for i, h := range headers {
		if !is(h.Name, "Variable") && slices.ContainsFunc(headers[:i], func(earlier Header) bool { return is(earlier.Name, h.Name) }) {
			c.refuse(FieldHeader, h.Name, "it is given twice; Asterisk would drop the second in silence", "Give it once.")
			continue
		}
		switch {
		case is(h.Name, "Channel"):
			channel = &headers[i]
		case is(h.Name, "Application"):
			application = &headers[i]
		case is(h.Name, "Data"):
			data = &headers[i]
		case is(h.Name, "Exten"):
			exten = &headers[i]
		case is(h.Name, "Timeout"):
			if n, err := strconv.Atoi(h.Value); err != nil || n <= 0 {
				c.refuse(FieldHeader, h.Name, "it is not a number of milliseconds above zero", "Give the channel time to answer.")
			}
		case is(h.Name, "ChannelId") || is(h.Name, "OtherChannelId"):
			if len(h.Value) > maxUniqueid {
				c.refuse(FieldHeader, h.Name, fmt.Sprintf("it has %d bytes; Asterisk takes no more than %d", len(h.Value), maxUniqueid), "Shorten it.")
			}
		}
	}
	switch {
	case channel == nil || !isDial(channel.Value):
		c.refuse(FieldChannel, "", "the call is for nobody; Asterisk wants a channel driver, a slash and what it is to dial",
			"Use the form TECHNOLOGY/rest, as in PJSIP/1001 or Local/extension@context.")
	case indexControl(channel.Value) < 0 && strings.ContainsFunc(channel.Value, unicode.IsControl): // else line has said it
		c.refuse(FieldChannel, "", "it holds a control character", "Remove it.")
	}
	if application != nil && exten != nil {
		c.refuse(FieldHeader, "Exten", "there is an application too, which Asterisk runs in its place", "Give one of them.")
	}
	if data != nil && application == nil {
		c.refuse(FieldHeader, "Data", "there is no application that it could be for; Asterisk ignores it", "Name the application.")
	}
	if kind == kindDialplanEvent {
		if data == nil {
			data = new(Header)
		}
		c.dialplanEvent(data.Value)
	}
}

// isDial tells whether s has the form of what can be called: the name of a
// channel driver, which is a word, and what that is to dial.
func isDial(s string) bool {
	tech, rest, found := strings.Cut(s, "/")
	for i := range len(tech) {
		if !isAlphanumeric(tech[i]) && tech[i] != '_' {
			return false
		}
	}
	return found && tech != "" && rest != ""
}

// raisesEvent tells whether an Originate runs the application UserEvent, whose
// arguments are checked one by one.
func raisesEvent(headers []Header) bool {
	for i := range headers {
		if is(headers[i].Name, "Application") {
			return is(headers[i].Value, "UserEvent")
		}
	}
	return false
}

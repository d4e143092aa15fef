package amiclient

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxEventHeaders is how many headers the application UserEvent takes apart; of
// its 100 arguments after the name the last stays as it was written
// (apps/app_userevent.c: userevent_exec; main/app.c: __ast_app_separate_args).
const maxEventHeaders = 99

// A DialplanUserEvent raises a user event as the dialplan does: it calls Channel
// and, once that is answered, runs the application UserEvent on it (Originate;
// apps/app_userevent.c). That is the only way from AMI by which Stasis and ARI
// applications see it too. Class originate. It is written for Asterisk 12 and later;
// 16.28 and 22.10 were found to give each name and value back as it was.
//
// The call needs somebody who answers it. What is made for that is a Local channel
// to an extension of the dialplan that does nothing else:
//
//	[notifyrun]
//	exten => event,1,Answer()
//	 same => n,Wait(1)
//
// and Channel Local/event@notifyrun/n. The event then tells of the first half of
// that channel.
//
// The answer to the action says no more than that the call is on its way. What
// becomes of it two events tell, of which either may come first: the user event,
// which has no ActionID, but the ID as Uniqueid, and OriginateResponse, which has the
// ActionID. So send it by Go with the ID as the ActionID, and amievent.ConfirmationOf
// knows both.
type DialplanUserEvent struct {
	Channel string // whom to call, in Asterisk's dial notation
	Name    string
	// Headers are in order. A name comes once, holds no colon, and is not eventname;
	// a value neither begins nor ends with a blank: Asterisk would change it.
	Headers []Header
	// ID is to be the Uniqueid of the channel, which the event tells. No other channel
	// may have it. "": Asterisk chooses, and the event does not tell whose it is.
	ID      string
	Timeout time.Duration // how long the call may take to be answered; default 30 s
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the fields as they are, escaped.
func (e DialplanUserEvent) Action() Action {
	return Originate{Channel: e.Channel, Application: "UserEvent", Data: e.data(), Timeout: e.Timeout, ChannelID: e.ID, Async: true}.Action()
}

// data writes the arguments of the application. What Asterisk would take for
// something else is escaped, also where that is in vain: it lets Check see it.
func (e DialplanUserEvent) data() string {
	const special = `\",()[]`
	var b strings.Builder
	if e.Name != "" && isBlank(e.Name[0]) {
		b.WriteByte('\\') // AMI would skip it
	}
	escape(&b, e.Name, special)
	for _, h := range e.Headers {
		b.WriteByte(',')
		escape(&b, h.Name, special+":")
		b.WriteByte(':')
		value, last := h.Value, len(h.Value)-1
		if last >= 0 && isBlank(value[0]) {
			b.WriteByte('\\')
		}
		if last > 0 && isBlank(value[last]) {
			escape(&b, value[:last], special)
			b.WriteByte('\\')
			value = value[last:]
		}
		escape(&b, value, special)
	}
	return b.String()
}

// isBlank tells whether Asterisk trims the byte (main/utils.c: ast_strip).
func isBlank(b byte) bool { return b <= ' ' }

// Do returns the answer: Asterisk has taken the call, which says nothing of the
// event. An error that is ErrPermission may be about the words of the event
// alone: see Originate.
func (e DialplanUserEvent) Do(ctx context.Context, on Doer) (*Message, error) {
	return on.Do(ctx, e.Action())
}

// dialplanEvent holds the rules of the application UserEvent over its arguments
// as Asterisk will read them, which it drops or changes without a word
// (apps/app_userevent.c: userevent_exec; main/stasis.c: multi_user_event_to_ami).
func (c *checker) dialplanEvent(data string) {
	seen := make(map[string]bool)
	pieces := -1 // the name is none of them
	cutArguments(data, maxEventHeaders+1, func(piece []byte, marks []int) {
		text := string(piece)
		if pieces++; pieces == 0 {
			c.dialplanEventName(text)
			return
		}
		if pieces > maxEventHeaders {
			c.refuse(FieldMessage, "", fmt.Sprintf("the user event has more than %d headers; Asterisk does not take the rest apart", maxEventHeaders), "Use fewer headers.")
			return
		}
		name, value, found := strings.Cut(text, ":")
		escaped := func(at int) bool { return slices.Contains(marks, at) }
		switch {
		case !found:
			c.refuse(FieldBody, "", fmt.Sprintf("argument %d after the name has no colon; Asterisk drops it in silence", pieces), "Write it as Name:value, and escape commas in values.")
			return
		case name == "":
			c.refuse(FieldBody, "", fmt.Sprintf("argument %d after the name has no name before its colon", pieces), "Name it or leave it out.")
			return
		case escaped(len(name)):
			c.refuse(FieldBody, name, "the name holds a colon, where Asterisk ends it, escaped or not", "Choose a name without a colon.")
			return
		}
		c.dialplanEventHeader(name, value)
		if seen[name] {
			c.refuse(FieldBody, name, "it is given more than once; Asterisk keeps the last value at the place of the first", "Choose another name, or raise the event by the action UserEvent.")
		}
		seen[name] = true
		if begin, end := len(name)+1, len(text)-1; value != "" && (isBlank(text[begin]) && escaped(begin) || isBlank(text[end]) && escaped(end)) {
			c.refuse(FieldBody, name, "its value begins or ends with a blank, which Asterisk removes", "Remove the blank, or put something visible around it.")
		}
	})
}

func (c *checker) dialplanEventName(name string) {
	switch {
	case name == "":
		c.refuse(FieldName, "", "it is empty; Asterisk would raise an event without a name", "Name the event.")
	case !utf8.ValidString(name):
		c.refuse(FieldName, "", "it is not UTF-8; Asterisk raises no such event", "Write it in UTF-8.")
	case indexControl(name) >= 0:
		c.refuse(FieldName, "", "it holds a control character; AMI cannot carry line ends, and others end up inside the user event", "Remove it; only the tab is allowed.")
	}
}

func (c *checker) dialplanEventHeader(name, value string) {
	switch {
	case !utf8.ValidString(name) || !utf8.ValidString(value):
		c.refuse(FieldBody, strings.ToValidUTF8(name, "\uFFFD"), "it is not UTF-8; Asterisk raises no event that holds such", "Write it in UTF-8, or as hexadecimal digits.")
	case indexControl(name) >= 0 || strings.Contains(name, "\t"):
		c.refuse(FieldBody, name, "the name holds a control character", "Remove it.")
	case indexControl(value) >= 0:
		c.refuse(FieldBody, name, fmt.Sprintf("byte %d of its value is a control character (0x%02x); AMI cannot carry line ends, and others end up inside the user event",
			indexControl(value)+1, value[indexControl(value)]), "Remove it; only the tab is allowed.")
	case name == "eventname":
		c.refuse(FieldBody, name, "Asterisk takes its value for the event's name", "Choose another name; EventName is one.")
	}
	for _, own := range []string{"Event", "Response", "Privilege", "EventList", "UserEvent", "ActionID"} {
		if is(name, own) {
			c.refuse(FieldBody, name, "this header has a meaning of its own in AMI and would mislead the receivers", "Choose another name.")
		}
	}
}

package amiclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// knowledge is what the server was asked about the arguments it knows. Each
// question is put at most once on a connection, and only when the answer is
// wanted.
type knowledge struct {
	pjsipNotify probe[pjsipNotifyKnows]
	sipNotify   probe[bool] // Call-ID
	filter      probe[bool] // MatchCriteria
	command     probe[bool] // Output
}

type pjsipNotifyKnows struct{ option, channel bool }

func newKnowledge() knowledge {
	return knowledge{
		pjsipNotify: newProbe(askPJSIPNotify, readPJSIPNotify),
		sipNotify:   newProbe(askSIPNotify, readSIPNotify),
		filter:      newProbe(askFilter, readFilter),
		command:     newProbe(askCommand, readCommand),
	}
}

// A probe finds out what a server knows by an action that does nothing on any.
type probe[T any] struct {
	action func() Action
	// read says what an answer tells, and whether it tells anything: one that
	// refuses for another reason, such as permission, does not.
	read func(m *Message, err error) (knows T, told bool)

	asking chan struct{} // held by the one who asks; guards what follows
	told   bool
	knows  T
}

func newProbe[T any](action func() Action, read func(*Message, error) (T, bool)) probe[T] {
	return probe[T]{action: action, read: read, asking: make(chan struct{}, 1)}
}

// ask returns what the server knows. Where the server does not tell, the error
// is its answer's, and the question is put again next time.
func (p *probe[T]) ask(ctx context.Context, c *Conn) (T, error) {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		var unknown T
		return unknown, &ConnError{p.action().Name, false, context.Cause(ctx)}
	}
	if p.told {
		return p.knows, nil
	}
	a := p.action()
	m, err := c.await(ctx, a, c.enqueue, func() {}) // unchecked: the checks rightly refuse what says nothing
	if err != nil && !errors.As(err, new(*ResponseError)) {
		return p.knows, err
	}
	if knows, told := p.read(m, err); told {
		p.knows, p.told = knows, true
		return knows, nil
	}
	if err == nil {
		err = fmt.Errorf("%s: Asterisk answers %s to a question about its arguments", a.Name, quote(clean(m.Get("Message"))))
	}
	return p.knows, err
}

// checkArguments refuses what this server does not know and would not refuse
// itself: it would answer Success and do something else.
func (c *Conn) checkArguments(ctx context.Context, a Action) error {
	switch {
	case is(a.Name, "PJSIPNotify") && a.has("Option"):
		knows, err := c.knows.pjsipNotify.ask(ctx, c)
		return refuseUnknown(a, knows.option, err, FieldOption, "",
			"this Asterisk does not know it and would send a NOTIFY without Event; it came with 18.16 and 20.1", "Write the event and headers out.")
	case is(a.Name, "SIPnotify") && a.has("Call-ID"):
		knows, err := c.knows.sipNotify.ask(ctx, c)
		return refuseUnknown(a, knows, err, FieldCallID, "",
			"this Asterisk does not know it and would send outside of any dialog; it came with 13.20, 15.3 and 16.0", "Leave it out or update Asterisk.")
	case is(a.Name, "Filter") && a.has("MatchCriteria"):
		knows, err := c.knows.filter.ask(ctx, c)
		return refuseUnknown(a, knows, err, FieldHeader, "MatchCriteria",
			"this Asterisk does not know it and would take the filter as a regular expression over the whole event; it came with 18.26, 20.11, 21.6 and 22.1",
			"Write the filter as such an expression.")
	}
	return nil
}

// refuseUnknown makes the error of an argument that the server does not know.
// err is why that could not be found out: then the action is not sent either.
func refuseUnknown(a Action, knows bool, err error, field Field, name, reason, advice string) error {
	switch {
	case err != nil:
		return &ConnError{a.Name, false, unwritten(err)}
	case !knows:
		return fmt.Errorf("check action %s: %w", a.Name, &FieldError{field, name, reason, advice})
	}
	return nil
}

func (a Action) has(name string) bool {
	for i := range a.Headers {
		if is(a.Headers[i].Name, name) {
			return true
		}
	}
	return false
}

// askPJSIPNotify names a channel that does not exist, and says nothing. A server
// that knows Option misses it first, and all these know Channel, which is older;
// one that knows Channel alone looks for it; one that knows neither misses a
// target (res/res_pjsip_notify.c: manager_notify).
func askPJSIPNotify() Action {
	return Action{Name: "PJSIPNotify", Headers: []Header{{"Channel", "PJSIP/notifyrun-" + rand.Text()}}}
}

func readPJSIPNotify(_ *Message, err error) (knows pjsipNotifyKnows, told bool) {
	var refused *ResponseError
	if !errors.As(err, &refused) {
		return knows, false
	}
	switch {
	case strings.Contains(refused.Text, "requires either an Option"):
		return pjsipNotifyKnows{option: true, channel: true}, true
	case errors.Is(err, ErrNoDialog):
		return pjsipNotifyKnows{channel: true}, true
	}
	// "requires either an endpoint name or a SIP URI", in 12 "requires an endpoint name".
	return knows, strings.HasPrefix(refused.Text, "PJSIPNotify requires ")
}

// askSIPNotify names a Call-ID and a peer that do not exist. A server that knows
// Call-ID looks for that first; an older one for the peer, and for a host of
// that name, which an all-digit one of such length cannot be: it asks no DNS
// (channels/chan_sip.c: manager_sipnotify, create_addr).
func askSIPNotify() Action {
	digits, _ := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(30), nil)) // it cannot fail
	return Action{Name: "SIPnotify", Headers: []Header{{"Channel", fmt.Sprintf("%030d", digits)}, {"Call-ID", "notifyrun-" + rand.Text()}}}
}

func readSIPNotify(_ *Message, err error) (knows, told bool) {
	return errors.Is(err, ErrNoDialog), errors.Is(err, ErrNoDialog) || errors.Is(err, ErrNoAddress)
}

// askFilter gives bad criteria and a bad regular expression. A server that knows
// criteria refuses these, an older one the expression; neither adds a filter
// (main/manager.c: manager_add_filter). An older one that got no expression at
// all would add a filter that lets everything pass, whatever filters follow.
//
// It is asked for a Filter with criteria only, and not for Capabilities: a server
// that knows them writes a warning to its log.
func askFilter() Action {
	return Action{Name: "Filter", Headers: []Header{{"Operation", "Add"}, {"MatchCriteria", "notifyrun-asks"}, {"Filter", "["}}}
}

func readFilter(_ *Message, err error) (knows, told bool) {
	var refused *ResponseError
	if !errors.As(err, &refused) {
		return false, false
	}
	knows = strings.HasPrefix(refused.Text, "Filter was formatted incorrectly")
	return knows, knows || strings.HasPrefix(refused.Text, "Filter did not compile")
}

// askCommand gives a command that only looks at a clock. If cli_permissions.conf
// forbids it the framing of the answer tells all the same.
func askCommand() Action {
	return Action{Name: "Command", Headers: []Header{{"Command", "core show uptime"}}}
}

func readCommand(m *Message, _ error) (knows, told bool) {
	knows = m.Get("Message") == "Command output follows"
	return knows, knows || is(m.Get("Response"), "Follows")
}

package amiclient

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// Limits of Asterisk's AMI input, in every version from 1.8 (main/manager.c:
// get_input, do_message; include/asterisk/manager.h: AST_MAX_MANHEADERS).
const (
	maxLine     = 1022 // bytes of one line, without its CR LF
	maxLines    = 128  // lines of one action, Action and ActionID counted
	maxActionID = 64   // bytes; CoreStatus and Events cut longer ones, CR LF included
)

// An Action is a request as AMI takes it. ActionID is not among its headers:
// it is given when the action is sent.
type Action struct {
	Name    string
	Headers []Header
}

// String, GoString, LogValue and MarshalText show no more than the name: a header
// may hold a secret.
func (a Action) String() string       { return "AMI action " + quote(a.Name) }
func (a Action) GoString() string     { return "amiclient.Action(" + quote(a.Name) + ")" }
func (a Action) LogValue() slog.Value { return slog.StringValue(a.String()) }

// MarshalText is for JSON, as of a log.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// A Field is the part of an action, or of what it was made from, that a
// FieldError is about.
type Field string

// The fields. FieldHeader and FieldBody are told apart further by
// FieldError.Name.
const (
	FieldAction      Field = "action"
	FieldActionID    Field = "action id"
	FieldTarget      Field = "target"
	FieldEvent       Field = "event"
	FieldHeader      Field = "header"
	FieldContentType Field = "content type"
	FieldContent     Field = "content"
	FieldOption      Field = "option"
	FieldCallID      Field = "call id"
	FieldChannel     Field = "channel"
	FieldName        Field = "user event name"
	FieldBody        Field = "user event header"
	FieldMessage     Field = "message"
)

// A FieldError says why an action is not sent. It never holds a header's
// value, which may be secret: only names, lengths and positions.
type FieldError struct {
	Field  Field
	Name   string // the header's name, shortened, where Field is FieldHeader or FieldBody
	Reason string // a clause: what is wrong and why it matters
	Advice string // a sentence: what to do
}

func (e *FieldError) Error() string {
	subject := string(e.Field)
	if e.Name != "" {
		subject += " " + quote(e.Name)
	}
	return subject + ": " + e.Reason + ". " + e.Advice
}

// Check tells everything about the action that Asterisk would refuse, cut
// short or silently change, and everything that would harm it: some NOTIFYs
// crash a live server. The error joins one *FieldError for each finding; nil
// means that the action may be sent.
func (a Action) Check() error {
	var c checker
	c.action(a)
	return errors.Join(c.found...)
}

// Append checks the action by the rules of Check, and actionID, and appends
// its wire form to dst. It is the only way from an Action to bytes. On an
// error dst is returned as it was.
func (a Action) Append(dst []byte, actionID string) ([]byte, error) {
	var c checker
	c.actionID(actionID)
	c.action(a)
	if c.found != nil {
		return dst, errors.Join(c.found...)
	}
	return a.appendUnchecked(dst, actionID), nil
}

func (a Action) appendUnchecked(dst []byte, actionID string) []byte {
	dst = appendLine(dst, "Action", a.Name)
	dst = appendLine(dst, "ActionID", actionID)
	for i := range a.Headers {
		dst = appendLine(dst, a.Headers[i].Name, a.Headers[i].Value)
	}
	return append(dst, '\r', '\n')
}

func appendLine(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// checker gathers what is wrong with one action.
type checker struct{ found []error }

func (c *checker) refuse(field Field, name, reason, advice string) {
	c.found = append(c.found, &FieldError{field, shorten(name), reason, advice})
}

func (c *checker) actionID(id string) {
	if id == "" {
		c.refuse(FieldActionID, "", "it is empty, so the answer could not be told from another's", "Give each action an id of its own.")
	}
	if len(id) > maxActionID {
		c.refuse(FieldActionID, "", fmt.Sprintf("it has %d bytes; Asterisk cuts long ids in some answers and runs two lines together", len(id)),
			fmt.Sprintf("Use at most %d bytes.", maxActionID))
	}
	for i := range len(id) {
		if !isAlphanumeric(id[i]) && strings.IndexByte("-_.:/#@+", id[i]) < 0 {
			c.refuse(FieldActionID, "", fmt.Sprintf("byte %d is neither a letter, a digit, nor one of - _ . : / # @ +", i+1), "Use only these.")
			return
		}
	}
}

func (c *checker) action(a Action) {
	if a.Name == "" {
		c.refuse(FieldAction, "", "it has no name", "Name the action, for example Ping.")
	} else if !isToken(a.Name) {
		c.refuse(FieldAction, "", "its name is not a single word; Asterisk would not know it", "Use letters, digits and - only.")
	} else if n := len("Action: ") + len(a.Name); n > maxLine {
		c.refuse(FieldAction, "", fmt.Sprintf("its line has %d bytes; Asterisk refuses a line of more than %d", n, maxLine), "Shorten it.")
	}
	if n := 2 + len(a.Headers); n > maxLines {
		c.refuse(FieldMessage, "", fmt.Sprintf("it makes %d lines with Action and ActionID; Asterisk refuses more than %d", n, maxLines),
			"Use fewer headers or fewer lines of content.")
	}
	kind := kindOf(a.Name)
	if kind == kindOriginate && raisesEvent(a.Headers) {
		kind = kindDialplanEvent
	}
	for i := range a.Headers {
		c.line(kind, a.Headers[i])
	}
	switch kind {
	case kindUserEvent:
		c.userEvent(a.Headers)
	case kindSIPNotify, kindPJSIPNotify:
		c.notify(kind, a.Headers)
	case kindOriginate, kindDialplanEvent:
		c.originate(kind, a.Headers)
	case kindFilter:
		c.filter(a.Headers)
	}
}

// line holds what is true of every header line of every action.
func (c *checker) line(kind kind, h Header) {
	field, name := kind.subject(h)
	if n := len(h.Name) + len(": ") + len(h.Value); n > maxLine {
		c.refuse(field, name, fmt.Sprintf("its line has %d bytes on the wire, escapes counted; Asterisk refuses a line of more than %d", n, maxLine),
			"Shorten it.")
	}
	// Of the Data of a UserEvent dialplanEvent tells in which header it is.
	if i := indexControl(h.Value); i >= 0 && !(kind == kindDialplanEvent && is(h.Name, "Data")) {
		c.refuse(field, name, fmt.Sprintf("byte %d of its line on the wire is a control character (0x%02x); AMI cannot carry line ends, and others end up inside the %s", len(h.Name)+len(": ")+i+1, h.Value[i], kind.product()),
			"Remove it; only the tab is allowed.")
	}
	if h.Value != "" && (h.Value[0] == ' ' || h.Value[0] == '\t') {
		c.refuse(field, name, "its value begins with a blank, which Asterisk drops", "Remove the blank.")
	}
	switch {
	case h.Name == "":
		c.refuse(field, name, "a header has no name", "Name it or leave it out.")
	case strings.Contains(h.Name, ":"):
		c.refuse(field, name, "the name holds a colon, where Asterisk ends it", "Choose a name without a colon.")
	case indexControl(h.Name) >= 0 || strings.Contains(h.Name, "\t"):
		c.refuse(field, name, "the name holds a control character", "Remove it.")
	case h.Name[0] == ' ' || h.Name[len(h.Name)-1] == ' ':
		c.refuse(field, name, "the name begins or ends with a blank, so Asterisk does not recognise it", "Remove the blank.")
	case is(h.Name, "Action") || is(h.Name, "ActionID"):
		c.refuse(field, name, "this header is written by the client itself; Asterisk looks at the first one only", "Leave it out.")
	}
}

// kind is what an action is to the checks.
type kind int

const (
	kindOther kind = iota
	kindUserEvent
	kindSIPNotify
	kindPJSIPNotify
	kindOriginate
	kindDialplanEvent // an Originate of the application UserEvent
	kindFilter
)

// kindOf compares without regard to case, as Asterisk does.
func kindOf(action string) kind {
	switch {
	case is(action, "PJSIPNotify"):
		return kindPJSIPNotify
	case is(action, "SIPnotify"):
		return kindSIPNotify
	case is(action, "UserEvent"):
		return kindUserEvent
	case is(action, "Originate"):
		return kindOriginate
	case is(action, "Filter"):
		return kindFilter
	}
	return kindOther
}

// product is what comes of an action of the kind.
func (k kind) product() string {
	switch k {
	case kindUserEvent, kindDialplanEvent:
		return "user event"
	case kindSIPNotify, kindPJSIPNotify:
		return "SIP message"
	}
	return "action"
}

// subject tells which field a header line stands for, and the name to show.
func (k kind) subject(h Header) (Field, string) {
	switch k {
	case kindUserEvent:
		if is(h.Name, "UserEvent") {
			return FieldName, ""
		}
		return FieldBody, h.Name
	case kindDialplanEvent:
		switch {
		case is(h.Name, "Data"):
			return FieldMessage, ""
		case is(h.Name, "Channel"):
			return FieldChannel, ""
		}
	case kindSIPNotify, kindPJSIPNotify:
		switch {
		case is(h.Name, "Variable"):
			if name, _, ok := strings.Cut(h.Value, "="); ok {
				return variableSubject(name)
			}
			return FieldHeader, ""
		case is(h.Name, "Endpoint"), is(h.Name, "URI"), is(h.Name, "Channel") && k == kindSIPNotify:
			return FieldTarget, ""
		case is(h.Name, "Channel"):
			return FieldChannel, ""
		case is(h.Name, "Option"):
			return FieldOption, ""
		case is(h.Name, "Call-ID"):
			return FieldCallID, ""
		}
	}
	return FieldHeader, h.Name
}

// is compares names as Asterisk does: without regard to the case of ASCII
// letters. The characters that EqualFold folds beyond these are longer.
func is(name, want string) bool {
	return len(name) == len(want) && strings.EqualFold(name, want)
}

func isAlphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// isToken tells whether s is a token of RFC 3261, section 25.1.
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("-.!%*_+`'~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// indexControl returns the place of the first control character other than
// the tab, or -1.
func indexControl(s string) int {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return i
		}
	}
	return -1
}

// shorten bounds how much of a name goes into an error.
func shorten(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	n := limit
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

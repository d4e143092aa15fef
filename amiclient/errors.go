package amiclient

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// What an error means for the caller; compare with errors.Is.
var (
	// ErrAuth: Asterisk refused the user, the secret or our address. It says the same for all three.
	ErrAuth = errors.New("authentication failed")
	// ErrLoginInUse: manager.conf has allowmultiplelogin=no and the user is logged in already.
	ErrLoginInUse = errors.New("login already in use")
	// ErrNotAMI: whatever answers at the address is not Asterisk's manager interface.
	ErrNotAMI = errors.New("not an Asterisk manager interface")
	// ErrTimeout: Asterisk took longer than allowed.
	ErrTimeout = errors.New("no answer in time")
	// ErrProtocol: the stream broke AMI's rules, so nothing after it can be trusted; or, where the error is no
	// ConnError, an answer alone cannot be used, such as a part of a list, and the connection goes on.
	ErrProtocol = errors.New("protocol violation")
	// ErrClosed: this side closed the connection or the client.
	ErrClosed = errors.New("connection closed by us")
	// ErrShuttingDown: Asterisk stops or restarts as planned.
	ErrShuttingDown = errors.New("shutdown of Asterisk")

	// ErrPermission: the manager user lacks the write class of the action.
	ErrPermission = errors.New("permission denied")
	// ErrUnknownAction: the module of the action is not loaded, or this version has none.
	ErrUnknownAction = errors.New("unknown action")
	// ErrUnknownEndpoint: there is no such PJSIP endpoint or chan_sip peer.
	ErrUnknownEndpoint = errors.New("unknown endpoint")
	// ErrNoContact: the PJSIP endpoint is known, but not where it is: mostly its phone is not registered.
	ErrNoContact = errors.New("no contact")
	// ErrUnknownMailbox: there is no such voicemail box.
	ErrUnknownMailbox = errors.New("unknown mailbox")
	// ErrUnknownModule: no such module is loaded.
	ErrUnknownModule = errors.New("unknown module")
	// ErrNoAddress: chan_sip knows no address for the peer, mostly because it is not registered.
	ErrNoAddress = errors.New("no address")
	// ErrNoDialog: the channel or the Call-ID that the NOTIFY should go into does not exist.
	ErrNoDialog = errors.New("no such channel or dialog")
	// ErrUnknownOption: pjsip_notify.conf has no such section.
	ErrUnknownOption = errors.New("unknown option")
	// ErrCallFailed: the call that Originate was to make was not answered, or could not be made.
	ErrCallFailed = errors.New("call failed")
	// ErrBusyServer: Asterisk could not even queue the request: nothing was done, it may be tried again.
	ErrBusyServer = errors.New("server out of resources")
)

// A ConnError reports a connection that could not be made or did not last.
type ConnError struct {
	Op      string // what was being done: "dial", "log in", an action's name …
	Written bool   // whether any byte of this action may have left; if false, Asterisk cannot have seen it
	Err     error
}

func (e *ConnError) Error() string {
	var silent silence
	switch {
	case e.Written && errors.As(e.Err, &silent):
		return e.Op + ": sent, but " + e.Err.Error()
	case e.Written:
		return e.Op + ": sent, but not answered: " + e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

func (e *ConnError) Unwrap() error { return e.Err }

// silence is the ErrTimeout of a connection on which actions were in flight and
// none was answered for as long as allowed.
type silence struct{ limit time.Duration }

func (s silence) Error() string { return "Asterisk answered nothing for " + s.limit.String() }

func (s silence) Unwrap() error { return ErrTimeout }

// A ResponseError is Asterisk's "Response: Error" to an action.
type ResponseError struct {
	Action string // the action's name
	Text   string // Asterisk's Message, control characters neutralised
	Kind   error  // one of the errors of this package; nil if the text is not known
}

func (e *ResponseError) Error() string {
	s := e.Action + ": Asterisk answers " + strconv.Quote(e.Text)
	if hint := e.hint(); hint != "" {
		s += ": " + hint
	}
	return s
}

func (e *ResponseError) Unwrap() error { return e.Kind }

// responses has the error texts of Asterisk by their beginnings, and where these
// are not enough their ends (main/manager.c, channels/chan_sip.c, res/res_pjsip_notify.c, res/res_pjsip).
var responses = []struct {
	prefix, suffix string
	kind           error
}{
	{"Permission denied", "", ErrPermission},
	{"Originate Access Forbidden", "", ErrPermission},
	{"Invalid/unknown command", "", ErrUnknownAction},
	{"Unable to retrieve endpoint", "", ErrUnknownEndpoint},
	{"Peer ", "not found", ErrUnknownEndpoint},
	{"Peer ", "not found.", ErrUnknownEndpoint},
	{"No AoRs configured for endpoint", "", ErrNoContact},
	{"Could not create address", "", ErrNoAddress},
	{"Channel not found", "", ErrNoDialog},
	{"Call-ID not found", "", ErrNoDialog},
	{"Unable to find notify type", "", ErrUnknownOption},
	{"No such module", "", ErrUnknownModule},
	{"Module not loaded", "", ErrUnknownModule},
	{"Originate failed", "", ErrCallFailed},
	{"Unable to allocate NOTIFY task data", "", ErrBusyServer},
	{"Unable to push N", "", ErrBusyServer}, // "NOTIFY task", in newer versions also "Notify task"
	{"Unable to build sip pvt data", "", ErrBusyServer},
	{"A reload is in progress", "", ErrBusyServer},
	{"Asterisk is shutting down", "", ErrShuttingDown},
	{"Authentication failed", "", ErrAuth},
	{"Login Already In Use", "", ErrLoginInUse},
}

// newResponseError classifies a "Response: Error".
func newResponseError(action string, m *Message) *ResponseError {
	if output := failure(action, m); output != "" {
		return &ResponseError{Action: action, Text: clean(output)}
	}
	text := m.Get("Message")
	e := &ResponseError{Action: action, Text: clean(text)}
	text = strings.TrimRight(text, "\r\n")
	for _, r := range responses {
		if strings.HasPrefix(text, r.prefix) && strings.HasSuffix(text, r.suffix) {
			e.Kind = r.kind
			break
		}
	}
	return e
}

func (e *ResponseError) hint() string {
	need := needs[strings.ToLower(e.Action)]
	switch e.Kind {
	case ErrPermission:
		if strings.HasPrefix(e.Text, "Originate") {
			return "some versions keep applications that run programs, and others also data with CURL, DB, EVAL, FILE, ODBC, REALTIME or SHELL anywhere in capitals, " +
				"from users without write = system in manager.conf: give it to this user, or write such words in small letters"
		}
		if need.class != "" {
			return "give this manager user write = " + need.class + " in manager.conf (no blanks in the list), reload the manager module, and connect anew"
		}
		return "give this manager user the write class of the action in manager.conf (manager show command " + e.Action + "), and connect anew"
	case ErrUnknownAction:
		remarks := need.remarks()
		switch {
		case need.module != "" && remarks != "":
			return "load " + need.module + " (" + remarks + ")"
		case need.module != "":
			return "load " + need.module
		case remarks != "":
			return "this version of Asterisk has none (" + remarks + ")"
		}
		return "the module that brings this action is not loaded, or this version of Asterisk has none"
	case ErrUnknownEndpoint:
		if hasPrefixFold(e.Action, "SIP") {
			return "sip show peers lists the names there are"
		}
		return "pjsip show endpoints lists the names there are"
	case ErrNoContact:
		return "the endpoint names no aor in pjsip.conf"
	case ErrUnknownModule:
		return "module show lists those that are loaded"
	case ErrNoAddress:
		return "the peer is unknown, not registered or unreachable; see sip show peers"
	case ErrNoDialog:
		return "the call has ended, or never was on this server"
	case ErrUnknownOption:
		return "add this section to pjsip_notify.conf, or write the event and headers out"
	case ErrBusyServer:
		return "nothing was done; try again later"
	case ErrAuth:
		return "check username and secret, and the permit, deny and acl lines of the user in manager.conf"
	case ErrLoginInUse:
		return "end the other session, give this program a user of its own, or set allowmultiplelogin=yes in manager.conf"
	}
	return ""
}

// clean neutralises control characters, terminal escapes among them, and
// bounds the length: for text of the server that goes into an error or a log.
func clean(s string) string {
	s = strings.TrimRight(s, "\r\n")
	const limit = 300
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// cleaned is an error whose text holds what the other side chose, such as the
// names of its certificate.
type cleaned struct{ error }

func (e cleaned) Error() string { return clean(e.error.Error()) }

func (e cleaned) Unwrap() error { return e.error }

// quote makes untrusted text safe to show, and short.
func quote(s string) string { return strconv.Quote(shorten(s)) }

// unusableError is an answer that cannot be used, of a server with which all else is
// well: an ErrProtocol.
type unusableError string

func (e unusableError) Error() string { return string(e) }

func (unusableError) Is(target error) bool { return target == ErrProtocol }

// Untold tells whether the server lives and only does not say what it was asked:
// it refuses to, or its answer cannot be used. To connect anew would not help.
func Untold(err error) bool {
	return errors.As(err, new(*ResponseError)) || errors.Is(err, ErrProtocol) && !errors.As(err, new(*ConnError))
}

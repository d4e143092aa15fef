package amiclient

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
)

// Capabilities are what a server has and this user may do there. Which arguments
// an action knows is found by asking the server, since distributions and
// branches differ more than versions tell; where the action is not among Actions
// it is false.
type Capabilities struct {
	AMIVersion      string
	AsteriskVersion string            // free text such as "22.10.1+dfsg"; "" if the user may not read it (class system or reporting)
	Actions         map[string]string // the actions that the user may send, in lower case, with Asterisk's summary of each
	NotifyOption    bool              // PJSIPNotify knows Option: 18.16, 20.1 and later
	NotifyChannel   bool              // PJSIPNotify knows Channel: 13.21, 15.4, 16.0 and later. An older one refuses it
	NotifyCallID    bool              // SIPnotify knows Call-ID: 13.20, 15.3, 16.0 and later
	CommandOutput   bool              // Command answers line by line and says when a command failed: 14 and later
}

// Has tells whether the server has the action and the user may send it.
func (c *Capabilities) Has(action string) bool {
	_, ok := c.Actions[strings.ToLower(action)]
	return ok
}

// Missing returns nil if the server has the action and the user may send it,
// or an error that says what to do. ListCommands leaves out alike what a server
// has not and what a user may not, so the error names both remedies, unless the
// action is gone from this version.
func (c *Capabilities) Missing(action string) error {
	if c.Has(action) {
		return nil
	}
	need, known := needs[strings.ToLower(action)]
	if need.gone != 0 && asteriskMajor(c.AMIVersion) >= need.gone {
		s := action + ": removed in Asterisk " + strconv.Itoa(need.gone) + ", and this server is " + cmp.Or(c.AsteriskVersion, "of AMI version "+c.AMIVersion)
		if need.note != "" {
			s += ": " + need.note
		}
		return errors.New(s)
	}
	s := action + ": this server does not offer it to this user"
	switch {
	case !known:
	case need.class != "":
		s += "; the user needs write = " + need.class + " in manager.conf"
		if need.module != "" {
			s += ", and the server the module " + need.module
		}
	case need.module != "":
		s += "; the server needs the module " + need.module
	}
	if remarks := need.remarks(); remarks != "" {
		s += " (" + remarks + ")"
	}
	return errors.New(s)
}

// Capabilities asks the server for its actions, its version, and which
// arguments they know.
func (c *Conn) Capabilities(ctx context.Context) (*Capabilities, error) {
	commands, err := ListCommands{}.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	found := &Capabilities{AMIVersion: c.version, Actions: make(map[string]string, len(commands))}
	for _, command := range commands {
		found.Actions[strings.ToLower(clean(command.Name))] = clean(command.Summary)
	}
	settings, err := CoreSettings{}.Do(ctx, c)
	if err != nil && !errors.Is(err, ErrPermission) {
		return nil, err
	}
	found.AsteriskVersion = clean(settings.AsteriskVersion)
	var lost *ConnError // other errors say that the server does not tell
	if found.Has("PJSIPNotify") {
		knows, err := c.knows.pjsipNotify.ask(ctx, c)
		if errors.As(err, &lost) {
			return nil, err
		}
		found.NotifyOption, found.NotifyChannel = knows.option, knows.channel
	}
	if found.Has("SIPnotify") {
		if found.NotifyCallID, err = c.knows.sipNotify.ask(ctx, c); errors.As(err, &lost) {
			return nil, err
		}
	}
	if found.Has("Command") {
		if found.CommandOutput, err = c.knows.command.ask(ctx, c); errors.As(err, &lost) {
			return nil, err
		}
	}
	return found, nil
}

package amiclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Capabilities are what a server has and this user may do there.
type Capabilities struct {
	AMIVersion      string
	AsteriskVersion string            // free text such as "22.10.1+dfsg"; "" if the user may not read it (class system or reporting)
	Actions         map[string]string // the actions that the user may send, in lower case, with Asterisk's summary of each
	NotifyOption    bool              // PJSIPNotify knows Option; false if it is not among the actions
}

// Has tells whether the server has the action and the user may send it.
func (c *Capabilities) Has(action string) bool {
	_, ok := c.Actions[strings.ToLower(action)]
	return ok
}

// Missing returns nil if the server has the action and the user may send it,
// or an error that says what to do. ListCommands leaves out alike what a server
// has not and what a user may not, so the error names both remedies.
func (c *Capabilities) Missing(action string) error {
	if c.Has(action) {
		return nil
	}
	s := action + ": this server does not offer it to this user"
	if need, known := needs[strings.ToLower(action)]; known {
		s += "; the user needs write = " + need.class + " in manager.conf"
		if need.module != "" {
			s += ", and the server the module " + need.module
		}
	}
	return errors.New(s)
}

// Capabilities asks the server for its actions and its version.
func (c *Conn) Capabilities(ctx context.Context) (*Capabilities, error) {
	m, err := c.Do(ctx, Action{Name: "ListCommands"})
	if err != nil {
		return nil, err
	}
	found := &Capabilities{AMIVersion: c.version, Actions: make(map[string]string, 200)}
	for name, summary := range m.All() {
		if name != "" && !is(name, "Response") && !is(name, "ActionID") && !is(name, "Message") {
			found.Actions[strings.ToLower(clean(name))] = clean(summary)
		}
	}
	m, err = c.Do(ctx, Action{Name: "CoreSettings"})
	switch {
	case err == nil:
		found.AsteriskVersion = clean(m.Get("AsteriskVersion"))
	case !errors.Is(err, ErrPermission):
		return nil, err
	}
	if found.Has("PJSIPNotify") {
		if found.NotifyOption, err = c.takesOption(ctx); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// optionProbe remembers whether PJSIPNotify knows Option.
type optionProbe struct {
	mu           sync.Mutex
	asked, takes bool
}

// checkOption refuses an Option that the server does not know: it would answer
// Success and send a NOTIFY without Event.
func (c *Conn) checkOption(ctx context.Context, a Action) error {
	if kindOf(a.Name) != kindPJSIPNotify {
		return nil
	}
	for i := range a.Headers {
		if !is(a.Headers[i].Name, "Option") {
			continue
		}
		takes, err := c.takesOption(ctx)
		if err != nil {
			return &ConnError{a.Name, false, unwritten(err)}
		}
		if !takes {
			return fmt.Errorf("check action %s: %w", a.Name, &FieldError{FieldOption, "",
				"this Asterisk does not know it and would send a NOTIFY without Event; it came with 18.16 and 20.1", "Write the event and headers out."})
		}
	}
	return nil
}

// takesOption finds out by an action that can send nothing: it names an
// endpoint that does not exist, and neither option nor variables. A server that
// knows Option misses it first (res/res_pjsip_notify.c: manager_notify); an
// older one looks for the endpoint.
func (c *Conn) takesOption(ctx context.Context) (bool, error) {
	c.option.mu.Lock()
	defer c.option.mu.Unlock()
	if c.option.asked {
		return c.option.takes, nil
	}
	probe := Action{Name: "PJSIPNotify", Headers: []Header{{"Endpoint", "notifyrun-" + rand.Text()}}}
	answers := make(chan error, 1)
	// Not by Go, whose check rightly refuses a NOTIFY that says nothing.
	err := c.enqueue(ctx, probe, &call{id: c.newID(), action: probe.Name, done: func(_ *Message, err error) { answers <- err }})
	if err != nil {
		return false, err
	}
	select {
	case err = <-answers:
	case <-ctx.Done():
		return false, &ConnError{probe.Name, true, context.Cause(ctx)}
	}
	var refused *ResponseError
	if !errors.As(err, &refused) {
		return false, err
	}
	switch {
	case strings.Contains(refused.Text, "requires either an Option"):
		c.option.takes = true
	case !errors.Is(err, ErrUnknownEndpoint):
		return false, err // permission, module: nothing learnt
	}
	c.option.asked = true
	return c.option.takes, nil
}

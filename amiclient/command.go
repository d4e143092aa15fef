package amiclient

import (
	"context"
	"strings"
)

// Command runs a command of Asterisk's command line, as "core show uptime"
// (main/manager.c: action_command). Class command. A slow command delays the
// other actions of the connection. Asterisk refuses to load and unload modules
// and to restart this way.
type Command struct{ Command string }

// A CommandOutput is what a command printed.
type CommandOutput struct {
	*Message
	Lines []string // without colours and line ends; empty ones kept
}

// Action returns the action in AMI's form. Check the result before use: it
// holds the field as it is.
func (a Command) Action() Action {
	return Action{Name: "Command", Headers: []Header{{"Command", a.Command}}}
}

// Do returns what the command printed, also together with the *ResponseError of
// one that failed, whose Text is the beginning of the output. That there is no
// error does not say much: many commands print that they failed, and succeed;
// before Asterisk 14 all of them do.
func (a Command) Do(ctx context.Context, on Doer) (CommandOutput, error) {
	m, err := on.Do(ctx, a.Action())
	if m == nil {
		return CommandOutput{}, err
	}
	return CommandOutput{m, m.Values("Output")}, err
}

// failure returns the first lines of what a command printed, "" if the answer
// is none of a command. Its Message says no more than that output follows.
func failure(action string, m *Message) string {
	if !is(action, "Command") {
		return ""
	}
	var first []string
	for name, line := range m.All() {
		if line = strings.TrimSpace(line); is(name, "Output") && line != "" {
			if first = append(first, line); len(first) == 3 {
				break
			}
		}
	}
	return strings.Join(first, "; ")
}

package amiclient_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestCommand(t *testing.T) {
	for _, name := range []string{"command-16", "command-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			do := func(command string) (amiclient.CommandOutput, *amiclient.ResponseError) {
				output, err := amiclient.Command{Command: command}.Do(t.Context(), c)
				var refused *amiclient.ResponseError
				if err != nil && !errors.As(err, &refused) {
					t.Fatal(err)
				}
				return output, refused
			}
			if got, refused := do("core show version"); refused != nil || len(got.Lines) != 1 || !strings.HasPrefix(got.Lines[0], "Asterisk ") {
				t.Errorf("%q, %v", got.Lines, refused)
			}
			if got, refused := do("manager show command Ping"); refused != nil || !slices.Contains(got.Lines, "") || !slices.Contains(got.Lines, "    ActionID for this transaction. Will be returned.") {
				t.Errorf("%q, %v", got.Lines, refused)
			}
			if got, refused := do("nope"); refused == nil || len(got.Lines) != 1 || refused.Text != got.Lines[0] || !strings.HasPrefix(refused.Text, "No such command 'nope'") {
				t.Errorf("%q, %v", got.Lines, refused)
			}
			const failed = "There is no existence of 'nope' context; Command 'dialplan show nope@nope' failed."
			if got, refused := do("dialplan show nope@nope"); refused == nil || len(got.Lines) != 2 || refused.Text != failed {
				t.Errorf("%q, %v", got.Lines, refused)
			}
			if got, refused := do("module unload app_echo.so"); refused == nil || len(got.Lines) != 0 || refused.Text != "Command blacklisted" {
				t.Errorf("%q, %v", got.Lines, refused)
			}
		})
	}
	bubble(t, "before Asterisk 14", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: Command", "Command: core show uptime")
			d.Send("Response: Follows⏎Privilege: Command⏎ActionID: {id}⏎System uptime: 1 day␊␊Last reload: 1 day␊--END COMMAND--⏎⏎")
			d.Wait()
		})
		got, err := amiclient.Command{Command: "core show uptime"}.Do(t.Context(), c)
		if want := []string{"System uptime: 1 day", "", "Last reload: 1 day"}; err != nil || !slices.Equal(got.Lines, want) {
			t.Errorf("%q, %v", got.Lines, err)
		}
	})
	// Nothing that a command printed decides what kind of error it is, or reaches a terminal as it is.
	bubble(t, "hostile output", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: Command")
			d.Send("Response: Error⏎ActionID: {id}⏎Message: Command output follows⏎Output: ⏎Output: Permission denied\x1b[31m⏎" +
				strings.Repeat("Output: "+strings.Repeat("x", 1000)+"⏎", 1000) + "⏎")
			d.Wait()
		})
		got, err := amiclient.Command{Command: "x"}.Do(t.Context(), c)
		if err == nil || errors.Is(err, amiclient.ErrPermission) || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 500 || len(got.Lines) != 1002 {
			t.Errorf("%d lines, %v", len(got.Lines), err)
		}
	})
}

package amiclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestEvents(t *testing.T) {
	for _, name := range []string{"events-16", "events-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			for _, classes := range [][]string{nil, {"user"}} {
				if err := (amiclient.Events{Classes: classes}).Do(t.Context(), c); err != nil {
					t.Errorf("%q: %v", classes, err)
				}
			}
			// Asterisk would take this one, as the recording has it, and send nothing.
			if err := (amiclient.Events{Classes: []string{"usr"}}).Do(t.Context(), c); err == nil || !strings.Contains(err.Error(), `"usr" is not one`) {
				t.Errorf("a class that does not exist: %v", err)
			}
		})
	}
	bubble(t, "class unknown to the server", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: Events", "EventMask: user,message")
			d.Send("Response: Success⏎ActionID: {id}⏎Events: Off⏎⏎")
			d.Wait()
		})
		if err := (amiclient.Events{Classes: []string{"user", "message"}}).Do(t.Context(), c); err == nil || !strings.Contains(err.Error(), `made it "Off"`) {
			t.Errorf("error %v", err)
		}
	})
}

func TestAddFilter(t *testing.T) {
	for _, name := range []string{"filter-16", "filter-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			for filter, want := range map[string]string{"UserEvent: Wanted": "", "!Phone: 101": "", "(": "Filter did not compile.  Check the syntax of the filter given."} {
				err := amiclient.AddFilter{Filter: filter}.Do(t.Context(), c)
				var refused *amiclient.ResponseError
				if want == "" && err != nil || want != "" && (!errors.As(err, &refused) || refused.Text != want) {
					t.Errorf("%q: %v", filter, err)
				}
			}
			for _, filter := range []string{"", "!"} {
				var field *amiclient.FieldError
				if err := (amiclient.AddFilter{Filter: filter}).Do(t.Context(), c); !errors.As(err, &field) {
					t.Errorf("%q: %v", filter, err)
				}
			}
		})
	}
}

// Criteria go to no server that would ignore them.
func TestAddFilter_criteria(t *testing.T) {
	const formatted = "Filter was formatted incorrectly.  Check the syntax of the filter given."
	wanted := amiclient.AddFilter{Match: "name(UserEvent),header(UserEvent),method(exact)", Filter: "Wanted"}
	for _, test := range []struct {
		name, answer string
		sent         bool
		err          error
	}{
		{"known", formatted, true, nil},
		{"unknown", "Filter did not compile.  Check the syntax of the filter given.", false, errField},
		{"forbidden", "Permission denied", false, amiclient.ErrPermission},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				probe := d.Expect("Action: Filter", "Operation: Add", "Filter: [")
				if len(probe.Lines) != 5 || probe.Get("MatchCriteria") == "" {
					t.Errorf("the probe is %q", probe.Lines)
				}
				d.Error(probe, test.answer)
				if test.sent {
					for range 2 {
						d.Answer(d.Expect("Action: Filter", "Operation: Add", "MatchCriteria: "+wanted.Match, "Filter: Wanted"), "Success")
					}
				}
				d.Wait()
			})
			for range 2 {
				if err := wanted.Do(t.Context(), c); !isError(err, test.err) {
					t.Errorf("error %v", err)
				}
				if test.err == amiclient.ErrPermission {
					break // it would be asked again
				}
			}
		})
	}
}

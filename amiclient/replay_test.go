package amiclient_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// replay returns a connection to the server of a recorded dialogue (see
// testdata/dialogues): to each action it says what that server said between the
// same action and the next one. An action given again gets what the recording
// has next for it, or else the last again.
func replay(t *testing.T, name string) *amiclient.Conn {
	t.Helper()
	content, err := os.ReadFile("testdata/dialogues/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string][]string{}
	var asked, id string
	for line := range strings.Lines(string(content)) {
		switch line = strings.TrimSuffix(line, "\n"); line[0] {
		case 'C':
			asked, id = question(strings.Split(strings.TrimSuffix(line[2:], "⏎⏎"), "⏎"))
			answers[asked] = append(answers[asked], "")
		case 'S':
			if turns := answers[asked]; len(turns) > 0 {
				turns[len(turns)-1] += strings.ReplaceAll(line[2:], "ActionID: "+id+"⏎", "ActionID: {id}⏎")
			}
		}
	}
	return dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
		for {
			a, err := d.Read()
			if err != nil {
				return
			}
			asked, id := question(a.Lines)
			turns := answers[asked]
			if len(turns) == 0 {
				t.Errorf("%s has no answer to %q", name, asked)
				return
			}
			// The test may be over before the last event is sent.
			d.TrySend(strings.NewReplacer("⏎", "\r\n", "␊", "\n", "{id}", id).Replace(turns[0]))
			answers[asked] = turns[min(1, len(turns)-1):]
		}
	})
}

// question takes an action apart into what it asks for, in an order of its own,
// and its ActionID.
func question(lines []string) (asked, id string) {
	lines = slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		value, ok := strings.CutPrefix(line, "ActionID: ")
		if ok {
			id = value
		}
		return ok
	})
	slices.Sort(lines)
	return strings.Join(lines, "⏎"), id
}

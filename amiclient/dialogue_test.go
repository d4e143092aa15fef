package amiclient

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// dialogue is what a client and a real server said to each other, one turn a
// line, of the server one message a line: see testdata/dialogues, which
// amitest's TestRecord writes.
type dialogue struct {
	name  string
	turns []turn
}

type turn struct {
	server bool
	text   string
}

// recorded reads all dialogues.
func recorded(t testing.TB) []dialogue {
	t.Helper()
	files, err := filepath.Glob("testdata/dialogues/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded dialogues: %v", err)
	}
	var all []dialogue
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := dialogue{name: strings.TrimSuffix(filepath.Base(file), ".txt")}
		for line := range strings.Lines(string(content)) {
			text := strings.NewReplacer("⏎", "\r\n", "␊", "\n").Replace(strings.TrimSuffix(line, "\n")[min(2, len(line)-1):])
			switch line[0] {
			case 'S', 'C':
				d.turns = append(d.turns, turn{line[0] == 'S', text})
			}
		}
		all = append(all, d)
	}
	return all
}

// server returns all that the server said, in one piece, without its greeting.
func (d dialogue) server() []byte {
	var b bytes.Buffer
	for _, text := range d.messages() {
		b.WriteString(text)
	}
	return b.Bytes()
}

// messages returns what the server said after its greeting.
func (d dialogue) messages() []string {
	var all []string
	for _, turn := range d.turns {
		if turn.server && !strings.HasPrefix(turn.text, "Asterisk Call Manager/") {
			all = append(all, turn.text)
		}
	}
	return all
}

// TestReader_recorded: in what real servers said, each message is found whole.
func TestReader_recorded(t *testing.T) {
	for _, d := range recorded(t) {
		t.Run(d.name, func(t *testing.T) {
			messages, _ := readAll(bytes.NewReader(d.server()))
			want := d.messages()
			if len(messages) != len(want) {
				t.Fatalf("%d messages, want %d", len(messages), len(want))
			}
			for i, m := range messages {
				alone, _ := readAll(strings.NewReader(want[i]))
				if len(alone) != 1 || !reflect.DeepEqual(m.Headers(), alone[0].Headers()) {
					t.Errorf("message %d in the stream is %v, alone %v", i, m, alone)
				}
				first, _, _ := strings.Cut(want[i], "\r\n")
				if h := m.Headers()[0]; h.Name+": "+h.Value != first {
					t.Errorf("message %d begins with %q, want %q", i, h, first)
				}
			}
		})
	}
}

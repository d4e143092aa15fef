package amiclient

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// dialogue is what a client and a real server said to each other, one turn a
// line: see testdata/dialogues.
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

// server returns all that the server said, in one piece.
func (d dialogue) server() []byte {
	var b bytes.Buffer
	for _, turn := range d.turns {
		if turn.server {
			b.WriteString(turn.text)
		}
	}
	return b.Bytes()
}

// TestReader_recorded: in what real servers said, each message is found whole.
func TestReader_recorded(t *testing.T) {
	for _, d := range recorded(t) {
		t.Run(d.name, func(t *testing.T) {
			stream := string(d.server())
			stream = strings.TrimPrefix(stream, "Asterisk Call Manager/5.0.4\r\n")
			messages, _ := readAll(strings.NewReader(stream))
			want := strings.Count("\r\n"+stream, "\nResponse: ") + strings.Count("\r\n"+stream, "\nEvent: ")
			if d.name == "userevent-22" {
				want -= 3 // headers of that name inside events
			}
			if len(messages) != want {
				t.Fatalf("%d messages, want %d", len(messages), want)
			}
			for _, m := range messages {
				if first := m.Headers()[0].Name; first != "Response" && first != "Event" {
					t.Errorf("a message begins with %q", first)
				}
			}
		})
	}
}

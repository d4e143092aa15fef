package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/notifyrun/notifyrun/schema"
)

// lineEditor reads lines from a terminal on which they can be edited, recalled and
// completed. What was typed is kept for as long as it runs and no longer: it may
// hold what a file must not.
type lineEditor struct {
	app   *app
	scope *schema.Scope
	fd    int
	term  *term.Terminal
	input *interruptible
	open  string // what was typed of an expression on the lines before
	asked string // for what the candidates would have been listed by one more tab
}

// newLineEditor makes one for a terminal.
func (a *app) newLineEditor(f *os.File, scope *schema.Scope) *lineEditor {
	e := &lineEditor{app: a, scope: scope, fd: int(f.Fd()), input: &interruptible{from: f}}
	e.term = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{e.input, a.stdout}, "")
	e.term.History = &typedLines{}
	e.term.AutoCompleteCallback = e.key
	return e
}

// line reads a line behind a prompt. The error is io.EOF behind the last one,
// errInterrupted where Ctrl-C was pressed in it, or exitInterrupted as soon as ctx
// ends.
func (e *lineEditor) line(ctx context.Context, prompt, open string) (string, error) {
	cooked, err := term.MakeRaw(e.fd)
	if err != nil {
		return "", fmt.Errorf("prepare terminal: %w", err)
	}
	defer term.Restore(e.fd, cooked)
	if width, height, err := term.GetSize(e.fd); err == nil && width > 0 {
		_ = e.term.SetSize(width, height) // it cannot fail before anything is shown
	}
	e.open, e.asked = open, ""
	e.term.SetPrompt(prompt)
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := e.term.ReadLine()
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		if e.input.taken() {
			return "", errInterrupted
		}
		return r.line, r.err
	case <-ctx.Done():
		return "", exitCode(exitInterrupted)
	}
}

// errInterrupted says that the user wants to begin anew.
var errInterrupted = fmt.Errorf("interrupted")

// key completes at the tab key: as far as all candidates go, and at the second in
// a row it lists them.
func (e *lineEditor) key(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		e.asked = ""
		return "", 0, false
	}
	before := e.open + line[:pos]
	from, all := e.scope.Complete(before)
	if len(all) == 0 {
		return line, pos, true
	}
	word := before[from:]
	longest := all[0]
	for _, c := range all[1:] {
		longest = commonPrefix(longest, c)
	}
	if more := strings.TrimPrefix(longest, word); more != "" {
		e.asked = before + more
		return line[:pos] + more + line[pos:], pos + len(more), true
	}
	if len(all) > 1 && e.asked == before {
		e.list(all, word)
	}
	e.asked = before
	return line, pos, true
}

// list writes candidates above the line, in columns, by their last part.
func (e *lineEditor) list(all []string, word string) {
	const most = 100
	skip := strings.LastIndexAny(word, ".[")
	width, height, err := term.GetSize(e.fd)
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	room := 0
	shown := make([]string, 0, min(len(all), most))
	for _, c := range all[:min(len(all), most)] {
		c = printable(c[skip+1:])
		shown = append(shown, c)
		room = max(room, utf8.RuneCountInString(c)+2)
	}
	columns := max(1, width/room)
	rows := (len(shown) + columns - 1) / columns
	var b strings.Builder
	for row := range rows {
		for i := row; i < len(shown); i += rows {
			pad := room
			if i+rows >= len(shown) {
				pad = 0
			}
			fmt.Fprintf(&b, "%-*s", pad, shown[i])
		}
		b.WriteString("\n")
	}
	if more := len(all) - len(shown); more > 0 {
		fmt.Fprintf(&b, "… and %s more\n", thousands(more))
	}
	io.WriteString(e.term, b.String())
}

// commonPrefix is what two texts begin with alike.
func commonPrefix(a, b string) string {
	n := 0
	for n < len(a) {
		r, size := utf8.DecodeRuneInString(a[n:])
		if !strings.HasPrefix(b[n:], string(r)) {
			break
		}
		n += size
	}
	return a[:n]
}

// interruptible is a terminal's input in which Ctrl-C clears the line and ends it.
type interruptible struct {
	from        io.Reader
	left        []byte // read, and not handed out yet
	interrupted bool
}

const ctrlC = 3

func (r *interruptible) Read(b []byte) (int, error) {
	if len(r.left) == 0 {
		buffer := make([]byte, 256)
		n, err := r.from.Read(buffer)
		if n == 0 {
			return 0, err
		}
		r.left = buffer[:n]
	}
	give := r.left
	if r.left[0] == ctrlC {
		r.interrupted = true
		r.left = r.left[1:]
		return copy(b, "\x05\x15\r"), nil // to the end, delete to the beginning, enter
	}
	for i, c := range r.left {
		if c == ctrlC {
			give = r.left[:i]
			break
		}
	}
	n := copy(b, give)
	r.left = r.left[n:]
	return n, nil
}

// taken tells whether a line was interrupted since it was asked last.
func (r *interruptible) taken() bool {
	was := r.interrupted
	r.interrupted = false
	return was
}

// typedLines are the last lines that were typed, newest first, without empty ones
// and repetitions.
type typedLines struct{ lines []string }

func (h *typedLines) Add(line string) {
	const most = 1000
	if strings.TrimSpace(line) == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if len(h.lines) > most {
		h.lines = h.lines[1:]
	}
}

func (h *typedLines) Len() int { return len(h.lines) }

func (h *typedLines) At(i int) string { return h.lines[len(h.lines)-1-i] }

package schema

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/text/width"
)

// maxSnippetLines bounds how many lines of source are shown with one diagnostic.
const maxSnippetLines = 10

// tabWidth is how far tabs in source are apart.
const tabWidth = 4

// WriteDiagnostics writes diagnostics for people, each with the lines of source
// it is about and the values that were involved, in columns columns: text is
// wrapped there and lines of source are cut (0: neither). Give it the files of
// Source.Files: literal secrets are blanked there. Control characters from the
// source or from a value come out as question marks, so that they cannot drive a
// terminal.
func WriteDiagnostics(w io.Writer, files map[string]*hcl.File, diags hcl.Diagnostics, columns int, color bool) error {
	t := textWriter{columns: max(columns, 0), color: color}
	for _, d := range diags {
		t.diagnostic(files, d)
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

// textWriter writes diagnostics as text.
type textWriter struct {
	out     bytes.Buffer
	columns int
	color   bool
}

// painted colours text, if that is wanted.
func (t *textWriter) painted(code, text string) string {
	if !t.color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *textWriter) diagnostic(files map[string]*hcl.File, d *hcl.Diagnostic) {
	severity := t.painted("31", "Error")
	if d.Severity == hcl.DiagWarning {
		severity = t.painted("33", "Warning")
	}
	fmt.Fprintf(&t.out, "%s: %s\n\n", severity, strings.ReplaceAll(harmless(d.Summary), "\n", " "))
	if d.Subject != nil {
		t.source(d.Subject, NewSnippet(files, d))
	}
	if d.Detail != "" {
		fmt.Fprintf(&t.out, "%s\n\n", wrapped(harmless(d.Detail), t.columns))
	}
}

func (t *textWriter) source(at *hcl.Range, s *Snippet) {
	where := fmt.Sprintf("  on %s line %d", singleLine(at.Filename), at.Start.Line)
	if s == nil {
		fmt.Fprintf(&t.out, "%s:\n  (source code not available)\n\n", where)
		return
	}
	if s.Context != "" {
		where += ", in " + singleLine(s.Context)
	}
	t.out.WriteString(where + ":\n")
	offset := 0
	for i, line := range strings.Split(s.Code, "\n") {
		if i == maxSnippetLines {
			t.out.WriteString("      …\n")
			break
		}
		number := fmt.Sprintf("%4d: ", s.StartLine+i)
		start, end := s.Start-offset, s.End-offset
		t.out.WriteString(number + t.line(strings.TrimSuffix(line, "\r"), start, end, t.columns-len(number)) + "\n")
		offset += len(line) + 1
	}
	t.values(s)
	t.out.WriteByte('\n')
}

func (t *textWriter) values(s *Snippet) {
	if len(s.Values) == 0 && s.Call == "" {
		return
	}
	const margin = "    │ "
	t.out.WriteString("    ├────────────────\n")
	say := func(line string) {
		if room := t.columns - 6; t.columns > 0 {
			line = clipColumns(line, room)
		}
		t.out.WriteString(margin + line + "\n")
	}
	if s.Call != "" {
		say("while calling " + singleLine(s.Call))
	}
	for _, v := range s.Values {
		say(singleLine(v.Traversal + " " + v.Statement))
	}
}

// cell is a character of a line as it is shown.
type cell struct {
	text    string
	columns int
	meant   bool // part of what the diagnostic is about
}

// line shows a line of source, of which the bytes from start to end are meant,
// in columns columns. What is meant is in it.
func (t *textWriter) line(line string, start, end, columns int) string {
	if t.columns > 0 { // no more of a long line than can be shown
		most := 4 * utf8.UTFMax * max(columns, 1)
		for cut := start - most; cut > 0 && cut < len(line); cut++ {
			if utf8.RuneStart(line[cut]) {
				line, start, end = line[cut:], start-cut, end-cut
				break
			}
		}
		if cut := max(start, 0) + most; cut < len(line) {
			for cut > 0 && !utf8.RuneStart(line[cut]) {
				cut--
			}
			line = line[:cut]
		}
	}
	var cells []cell
	at := 0
	for i, r := range line {
		text, n := string(r), runeColumns(r)
		switch {
		case r == '\t':
			n = tabWidth - at%tabWidth
			text = strings.Repeat(" ", n)
		case r == utf8.RuneError || !shown(r):
			text, n = "?", 1
		}
		at += n
		cells = append(cells, cell{text, n, i >= start && i < end})
	}
	if t.columns > 0 && at > columns {
		cells = window(cells, columns)
	}
	var b strings.Builder
	for len(cells) > 0 {
		n := 0
		var part strings.Builder
		for n < len(cells) && cells[n].meant == cells[0].meant {
			part.WriteString(cells[n].text)
			n++
		}
		if cells[0].meant {
			b.WriteString(t.painted("1;4", part.String()))
		} else {
			b.WriteString(part.String())
		}
		cells = cells[n:]
	}
	return b.String()
}

// window cuts a line to columns columns, about where what is meant begins.
func window(cells []cell, columns int) []cell {
	ellipsis := cell{text: "…", columns: 1}
	before := 0 // columns before what is meant
	from := 0
	for i, c := range cells {
		if c.meant {
			for before > columns*2/3 {
				before -= cells[from].columns
				from++
			}
			break
		}
		before += c.columns
		if i == len(cells)-1 {
			from = 0
		}
	}
	var out []cell
	room := columns
	if from > 0 {
		out = append(out, ellipsis)
		room--
	}
	rest := 0
	for _, c := range cells[from:] {
		rest += c.columns
	}
	if rest <= room {
		return append(out, cells[from:]...)
	}
	room-- // for another ellipsis
	for _, c := range cells[from:] {
		if room -= c.columns; room < 0 {
			break
		}
		out = append(out, c)
	}
	return append(out, ellipsis)
}

// runeColumns is how many columns a character takes on a terminal.
func runeColumns(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func textColumns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func clipColumns(s string, columns int) string {
	if textColumns(s) <= columns {
		return s
	}
	room := columns - 1
	for i, r := range s {
		if room -= runeColumns(r); room < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// wrapped breaks lines at blanks so that they have at most so many columns,
// where it can (0: not at all). Lines that begin with a blank stay whole: they
// are meant as they are.
func wrapped(text string, columns int) string {
	if columns == 0 {
		return text
	}
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if strings.HasPrefix(line, " ") || textColumns(line) <= columns {
			b.WriteString(line)
			continue
		}
		at := 0
		for j, word := range strings.Split(line, " ") {
			n := textColumns(word)
			switch {
			case j == 0:
			case at+1+n > columns:
				b.WriteByte('\n')
				at = 0
			default:
				b.WriteByte(' ')
				at++
			}
			b.WriteString(word)
			at += n
		}
	}
	return b.String()
}

// harmless replaces what a terminal would act upon, but for line ends, and what
// is not text.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == '\n', shown(r) && r != utf8.RuneError:
			return r
		}
		return '?'
	}, s)
}

func singleLine(s string) string { return strings.ReplaceAll(harmless(s), "\n", "?") }

// shown tells whether a terminal shows a character and does nothing else.
func shown(r rune) bool { return !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) }

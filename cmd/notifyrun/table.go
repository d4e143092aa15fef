package main

import (
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/schema"
)

// table writes rows in aligned columns. On a terminal it fits its width by
// clipping the widest cells; elsewhere nothing is clipped, so that grep and awk
// see all of it.
type table struct {
	columns []column
	width   int // of the terminal; 0: no limit
	style   style

	rows   [][]string
	widths []int
	begun  bool
}

// column is one column of a table.
type column struct {
	title string
	right bool                       // aligned to the right
	whole bool                       // never clipped
	keep  bool                       // clipped only when the others can give no more
	ends  bool                       // clipped in the middle: what tells cells apart is at the end
	paint func(style, string) string // colours a cell; nil: plain
}

// newTable starts a table that is written to w.
func (a *app) newTable(w io.Writer, columns ...column) *table {
	return &table{columns: columns, style: a.style(w), width: a.columns(w)}
}

// wide tells whether w has room for the columns that are not needed every day.
func (a *app) wide(w io.Writer) bool { return terminal(w) && a.width(w) >= 120 }

// stamp is how w shows instants: narrow terminals do without the year.
func (a *app) stamp(w io.Writer) string {
	if terminal(w) && !a.wide(w) {
		return "01-02 15:04:05"
	}
	return time.DateTime
}

// add adds a row, whose cells may hold anything a PBX or a file says.
func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(strings.ReplaceAll(strings.TrimSpace(c), "\n", `\n`))
	}
	t.rows = append(t.rows, cells)
}

// flush writes the rows added since the last time. Widths only grow from one
// time to the next, so that a long list can be written in parts.
func (t *table) flush(w io.Writer) error {
	if t.widths == nil {
		t.widths = make([]int, len(t.columns))
		for i, c := range t.columns {
			t.widths[i] = utf8.RuneCountInString(c.title)
		}
	}
	for _, row := range t.rows {
		for i, c := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c))
		}
	}
	widths := t.fit()
	var b strings.Builder
	if !t.begun {
		t.begun = true
		titles := make([]string, len(t.columns))
		for i, c := range t.columns {
			titles[i] = c.title
		}
		t.line(&b, widths, titles, true)
	}
	for _, row := range t.rows {
		t.line(&b, widths, row, false)
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(w, b.String())
	return err
}

// fit takes columns from the widest cells until the line fits.
func (t *table) fit() []int {
	widths := slices.Clone(t.widths)
	if t.width == 0 {
		return widths
	}
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for _, least := range []int{14, 8} {
		for total > t.width {
			widest := -1
			for i, w := range widths {
				c := t.columns[i]
				if !c.whole && !(c.keep && least > 8) && w > least && (widest < 0 || w >= widths[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			widths[widest]--
			total--
		}
	}
	return widths
}

// clipMiddle shortens a line to width columns, keeping both ends.
func clipMiddle(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return s
	}
	tail := max(width-1, 0) / 2
	return string(r[:max(width-1-tail, 0)]) + "…" + string(r[len(r)-tail:])
}

// clipAddress shortens an address to width columns. Of a job in modules the words
// that all such jobs have go first: what tells the jobs of two sites apart is the
// key of the module.
func clipAddress(s string, width int) string {
	if utf8.RuneCountInString(s) <= width || !strings.HasPrefix(s, "module.") {
		return clipMiddle(s, width)
	}
	var short strings.Builder
	for rest := s; rest != ""; {
		if path, ok := strings.CutPrefix(rest, "module."); ok {
			rest = path
		} else if _, name, ok := strings.Cut(rest, "."); ok { // the type of the job
			rest = name
		}
		end := nameEnd(rest)
		short.WriteString(rest[:end])
		rest = rest[end:]
	}
	return clipMiddle("…"+short.String(), width)
}

// nameEnd is where a name of an address ends, with its key and the dot behind it.
func nameEnd(s string) int {
	i := strings.IndexAny(s, ".[")
	if i < 0 {
		return len(s)
	}
	if s[i] == '[' {
		i += schema.KeyLength(s[i:])
	}
	return min(i+1, len(s))
}

func (t *table) line(b *strings.Builder, widths []int, cells []string, title bool) {
	var l strings.Builder
	for i, c := range cells {
		switch {
		case t.width == 0:
		case t.columns[i].ends:
			c = clipAddress(c, widths[i])
		default:
			c = clip(c, widths[i])
		}
		pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(c)))
		switch paint := t.columns[i].paint; {
		case title:
			c = t.style.faint(c)
		case paint != nil:
			c = paint(t.style, c)
		}
		switch {
		case t.columns[i].right:
			c = pad + c
		case i < len(cells)-1:
			c += pad
		}
		if i > 0 {
			l.WriteString("  ")
		}
		l.WriteString(c)
	}
	b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
}

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// twoScreens is how many rows a plan or a report may have before it is shown as
// an overview, and what an overview keeps to: those of two terminals of 24.
const twoScreens = 48

// screenWidth is by how many columns rows are counted where the output is no
// terminal, and nothing is clipped.
const screenWidth = 80

// screen is where a view is written for people.
type screen struct {
	w     io.Writer
	style style
	width int // 0: no limit
}

func (a *app) screen(w io.Writer) screen { return screen{w, a.style(w), a.columns(w)} }

func (s screen) printf(format string, args ...any) { fmt.Fprintf(s.w, format, args...) }

// line writes one line, clipped to the width of a terminal.
func (s screen) line(format string, args ...any) {
	s.printf("%s\n", s.clip(printable(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`)), 0))
}

// folded writes a text of which nothing is to be left out, behind so many spaces, in
// as many lines as it needs.
func (s screen) folded(indent int, text string) {
	lines := []string{printable(text)}
	if s.width > 0 {
		lines = wrap(lines[0], s.room(indent+2))
	}
	for i, l := range lines {
		s.line("%*s%s", indent+2*min(i, 1), "", l)
	}
}

// broken takes a text apart at the width of a terminal, between words.
func (s screen) broken(text string) []string {
	if s.width == 0 {
		return []string{text}
	}
	return wrap(text, s.width)
}

// note writes what is good to know beside what was asked.
func (s screen) note(text string) {
	for i, l := range s.broken("Note: " + printable(text)) {
		if i == 0 {
			l = s.style.yellow("Note:") + strings.TrimPrefix(l, "Note:")
		}
		s.printf("%s\n", l)
	}
}

// titled writes a line that begins with a word that is to be seen.
func (s screen) titled(word, text string) {
	s.printf("%s %s\n", s.style.yellow(word), s.clip(printable(text), len(word)+1))
}

// more ends a list of which so many things are left out.
func (s screen) more(n int, noun string) {
	if n > 0 {
		s.line("  … and %s", count(n, noun))
	}
}

// room is how many columns a line has behind the first taken ones; 0: no limit.
func (s screen) room(taken int) int {
	if s.width == 0 {
		return 0
	}
	return max(s.width-taken, 1)
}

// clip shortens what stands behind the first taken columns of a line.
func (s screen) clip(text string, taken int) string {
	if s.width == 0 {
		return text
	}
	return clip(text, s.width-taken)
}

// columns is by how many columns rows are counted.
func (s screen) columns() int { return cmp.Or(s.width, screenWidth) }

// rows is how many rows of a terminal a line takes.
func (s screen) rows(line string) int {
	return max(1, (columnsOf(line)+s.columns()-1)/s.columns())
}

func (s screen) rowsOf(lines []string) int {
	n := 0
	for _, l := range lines {
		n += s.rows(l)
	}
	return n
}

// cut shortens what was written to so many rows, and says how much is left out of
// what.
func (s screen) cut(lines []string, room int, of string) []string {
	if s.rowsOf(lines) <= room {
		return lines
	}
	room-- // to say so
	indentation := len(lines[0]) - len(strings.TrimLeft(lines[0], " ")) + 2
	for i, l := range lines {
		rows := s.rows(l)
		if rows > room {
			out := slices.Clone(lines[:i])
			if room > 0 {
				out = append(out, clip(l, room*s.columns()))
				i++
			}
			what := "the rest of this line"
			if n := len(lines) - i; n > 0 {
				what = count(n, "more line")
			}
			return append(out, strings.Repeat(" ", indentation)+"… and "+what+of)
		}
		room -= rows
	}
	return lines
}

// linesOf takes what was written apart.
func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// columnsOf counts what is seen of a line: not what colours it.
func columnsOf(line string) int {
	n := 0
	for line != "" {
		before, rest, colour := strings.Cut(line, "\x1b[")
		n += utf8.RuneCountInString(before)
		if !colour {
			break
		}
		_, line, _ = strings.Cut(rest, "m")
	}
	return n
}

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

func (v planView) printf(format string, args ...any) { fmt.Fprintf(v.w, format, args...) }

// room is how many columns a line has behind the first taken ones; 0: no limit.
func (v planView) room(taken int) int {
	if v.width == 0 {
		return 0
	}
	return max(v.width-taken, 1)
}

// line writes one line, clipped to the width of a terminal.
func (v planView) line(format string, args ...any) {
	text := printable(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`))
	if v.width > 0 {
		text = clip(text, v.width)
	}
	v.printf("%s\n", text)
}

// twoScreens is how many rows a plan may have before it is shown as an
// overview, and what an overview keeps to: those of two terminals of 24.
const twoScreens = 48

// screenWidth is by how many columns rows are counted where the output is no
// terminal, and nothing is clipped.
const screenWidth = 80

// lines are those that write writes.
func (v planView) lines(write func(planView)) []string {
	var b bytes.Buffer
	v.w = &b
	write(v)
	if b.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// rows is how many rows of a terminal a line takes.
func (v planView) rows(line string) int {
	width := cmp.Or(v.width, screenWidth)
	return max(1, (columnsOf(line)+width-1)/width)
}

func (v planView) rowsOf(lines []string) int {
	n := 0
	for _, l := range lines {
		n += v.rows(l)
	}
	return n
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

// cut shortens a message to so many rows.
func (v planView) cut(lines []string, room int) []string {
	if v.rowsOf(lines) <= room {
		return lines
	}
	room-- // to say so
	for i, l := range lines {
		rows := v.rows(l)
		if rows > room {
			out := slices.Clone(lines[:i])
			if room > 0 {
				out = append(out, clip(l, room*cmp.Or(v.width, screenWidth)))
				i++
			}
			what := "the rest of this line"
			if n := len(lines) - i; n > 0 {
				what = count(n, "more line")
			}
			return append(out, "        … and "+what+" of the message")
		}
		room -= rows
	}
	return lines
}

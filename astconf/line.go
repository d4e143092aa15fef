package astconf

import "bytes"

// lineEnd returns how many bytes Asterisk takes as the next line: up to its end,
// that included, or as many as its buffer holds.
func lineEnd(text []byte) int {
	n := min(len(text), maxLine)
	if i := bytes.IndexByte(text[:n], '\n'); i >= 0 {
		return i + 1
	}
	return n
}

// tooLong tells whether a line goes on beyond Asterisk's buffer.
func tooLong(line []byte) bool { return len(line) == maxLine && line[maxLine-1] != '\n' }

// untilNUL is what C sees of a line.
func untilNUL(line []byte) []byte {
	if i := bytes.IndexByte(line, 0); i >= 0 {
		return line[:i]
	}
	return line
}

// A commentStripper takes comments out of the lines of a file, and the \ before a
// ; that is none. depth is how many block comments are open. Asterisk lets it
// fall below zero where a --; ends none: then nothing counts any more until a ;--.
type commentStripper struct{ depth int }

// stripped is one line without its comments.
type stripped struct {
	text    []byte
	comment []byte // from the ; on that ends the line
	stray   bool   // a --; ended no comment
	endless bool   // more comments in comments than Asterisk survives
}

// strip takes a line, in which there is no NUL.
func (c *commentStripper) strip(line []byte) stripped {
	var s stripped
	visible := c.depth == 0
	from := 0 // what is before has been dealt with
	keep := func(end int) {
		if visible {
			s.text = append(s.text, line[from:end]...)
		}
	}
	at := func(i int) byte {
		if i >= 0 && i < len(line) {
			return line[i]
		}
		return 0
	}
	for {
		i := bytes.IndexByte(line[from:], ';')
		if i < 0 {
			keep(len(line))
			return s
		}
		i += from
		switch {
		case i > from && line[i-1] == '\\':
			keep(i - 1)
			if visible {
				s.text = append(s.text, ';')
			}
			from = i + 1
		case at(i+1) == '-' && at(i+2) == '-' && at(i+3) != '-':
			if c.depth >= maxComments {
				s.endless = true
				return s
			}
			keep(i)
			visible = false
			c.depth++
			from = i + 3
		case i >= from+2 && line[i-1] == '-' && line[i-2] == '-':
			keep(i + 1)
			from = i + 1
			c.depth--
			if c.depth == 0 {
				visible = true
			}
			s.stray = s.stray || c.depth == -1
		case c.depth == 0:
			keep(i)
			if visible {
				s.comment = line[i:]
			}
			return s
		default:
			keep(i + 1)
			from = i + 1
		}
	}
}

// trim takes away what Asterisk calls blanks: all control characters, too.
func trim(b []byte) []byte { return bytes.TrimFunc(b, isBlank) }

func isBlank(r rune) bool { return r < 33 }

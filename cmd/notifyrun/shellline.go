package main

import "strings"

// shellLine is an unfinished command line of bash, up to where its user is.
type shellLine struct {
	words  []string // as they mean, the unfinished one last
	done   string   // what of the last one bash leaves alone when it completes: up to the last character that breaks it
	quoted byte     // the quote that the rest of the last one stands in; 0: none
	odd    bool     // it began to be quoted in its midst, so that nothing can be put there
}

// parseLine takes a command line apart as bash does. breaks are the characters at
// which bash breaks words for completion, beside blanks.
func parseLine(line, breaks string) shellLine {
	var l shellLine
	var word strings.Builder
	begun := false
	fresh := true // nothing since the word began or was broken
	next := func() {
		l.words = append(l.words, word.String())
		word.Reset()
		begun, fresh, l.done, l.odd = false, true, "", false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case l.quoted == '\'' && c == '\'', l.quoted == '"' && c == '"':
			l.quoted, l.odd = 0, true // what follows it belongs to the same word, whose quotes bash would take off
		case l.quoted == '\'':
			word.WriteByte(c)
		case c == '\\' && i+1 < len(line) && (l.quoted == 0 || strings.IndexByte("\"\\$`", line[i+1]) >= 0):
			i++
			word.WriteByte(line[i])
			begun, fresh = true, false
		case l.quoted == '"':
			word.WriteByte(c)
		case c == '\'' || c == '"':
			l.quoted, l.odd = c, !fresh
			begun, fresh = true, false
		case c == ' ' || c == '\t' || c == '\n':
			if begun {
				next()
			}
		default:
			word.WriteByte(c)
			begun, fresh = true, false
			if strings.IndexByte(breaks, c) >= 0 {
				l.done, fresh = word.String(), true
			}
		}
	}
	l.words = append(l.words, word.String())
	return l
}

// open tells whether the last word can be completed.
func (l shellLine) open() bool { return !l.odd }

// quote writes what is to take the place of the last piece of the last word, in the
// quotes that the user has begun, which bash ends, or without.
func (l shellLine) quote(word string) string {
	word = strings.TrimPrefix(word, l.done)
	switch l.quoted {
	case '\'':
		return strings.ReplaceAll(word, "'", `'\''`)
	case '"':
		return escape(word, func(r rune) bool { return strings.ContainsRune("\"\\$`", r) })
	}
	return escape(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 0x7f || strings.ContainsRune("_-./@%+,=:", r))
	})
}

func escape(s string, special func(rune) bool) string {
	var b strings.Builder
	for _, r := range s {
		if special(r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

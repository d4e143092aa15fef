package schema

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// quote is a text that is not closed, or has several lines.
func (w syntaxWords) quote() {
	start := clampTo(w.d.Subject.Start.Byte, w.src)
	if begin, marker := openHeredoc(w.src[:start], w.from); marker != "" && bytes.Count(w.src[start:], []byte{'\n'}) == 0 {
		w.d.Subject = &hcl.Range{Filename: w.d.Subject.Filename, Start: begin, End: begin}
		w.d.Subject.End.Byte += len(marker)
		w.d.Subject.End.Column += utf8.RuneCountInString(marker)
		w.say("Unclosed here document", "The text that begins after this line is ended by a line that has %s and nothing else, and there is none.", strings.TrimLeft(marker, "<-"))
		return
	}
	line := w.src[bytes.LastIndexByte(w.src[:start], '\n')+1:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if bytes.Count(line, []byte("${"))+bytes.Count(line, []byte("%{")) > bytes.Count(line, []byte("}")) {
		w.say("Unclosed ${ }", "What \"${\" or \"%%{\" begins is not closed with \"}\" before the text ends. For these characters themselves write \"$${\" and \"%%%%{\".")
		return
	}
	w.say("Text without closing quote", "A text in quotes ends on the line that it begins on, with another quote. For a line end in a text write \\n; for a text of many lines write <<EOT, the lines, and a line with EOT alone.")
}

var heredoc = regexp.MustCompile(`<<-?[\pL_][\pL\pN_-]*[ \t\r]*$`)

// openHeredoc finds the line on which a here document begins that src ends in,
// and what stands there, as <<EOT.
func openHeredoc(src []byte, from hcl.Pos) (begin hcl.Pos, opening string) {
	line := from
	closing := ""
	for text := range bytes.Lines(src[min(from.Byte, len(src)):]) {
		trimmed := bytes.TrimRight(text, "\r\n")
		switch found := heredoc.FindIndex(trimmed); {
		case opening != "":
			if string(bytes.TrimSpace(trimmed)) == closing {
				opening = ""
			}
		case found != nil:
			opening = strings.TrimSpace(string(trimmed[found[0]:]))
			closing = strings.TrimLeft(opening, "<-")
			begin = hcl.Pos{Line: line.Line, Column: utf8.RuneCount(trimmed[:found[0]]) + 1, Byte: line.Byte + found[0]}
		}
		line.Line++
		line.Byte += len(text)
	}
	return begin, opening
}

func (w syntaxWords) escape() {
	rest := w.at()
	if strings.HasPrefix(w.d.Detail, "Cannot encode") {
		w.say("Invalid escape sequence", "No character has this number.")
		return
	}
	if len(rest) > 1 && rest[0] == '\\' {
		r, _ := utf8.DecodeRune(rest[1:])
		if strings.ContainsRune("uU", r) {
			w.say("Invalid escape sequence", "Behind \\u come four hexadecimal digits of a character, behind \\U eight.")
			return
		}
		w.say("Invalid escape sequence", "A backslash in a text begins one of \\n, \\r, \\t, \\\", \\\\, \\uNNNN and \\UNNNNNNNN; it is followed by %s here. For a backslash itself write two: \\\\.", quotedRune(r))
		return
	}
	w.say("Invalid escape sequence", "A backslash in a text begins one of \\n, \\r, \\t, \\\", \\\\, \\uNNNN and \\UNNNNNNNN. For a backslash itself write two: \\\\.")
}

func quotedRune(r rune) string {
	if r == '\n' || r == '\r' {
		return "the end of the line"
	}
	return fmt.Sprintf("%q", string(r))
}

func (w syntaxWords) character() {
	r, n := utf8.DecodeRune(w.at())
	switch {
	case r == utf8.RuneError && n == 1:
		w.say("Invalid character encoding", "The file is not in UTF-8 here. Save it as UTF-8.")
	case r == '\'':
		w.say("Single quotes", "Texts stand in double quotes, \"…\"; single quotes have no meaning here.")
	case r == '$' && len(bytes.TrimSpace(w.before())) == 0:
		w.say("Argument or block required", "Here an argument, NAME = VALUE, or a block, NAME { … }, is expected. Its name is fixed: no expression can make it.")
	case r == '$':
		w.say("Reference in ${ } without quotes", "${ } stands only inside of quotes, to put a value into a text. Here write the reference itself, as in var.x.")
	case r == '“' || r == '”' || r == '„' || r == '‘' || r == '’':
		w.say("Curly quotes", "Texts stand in straight double quotes, \"…\". Curly ones often come from documents that were copied.")
	case r == ';':
		w.say("Semicolon", "Arguments stand on lines of their own and need no semicolon; a comment begins with \"#\".")
	case r == '`':
		w.say("Backquotes", "Texts stand in double quotes, \"…\"; one of many lines is written as <<EOT, the lines, and a line with EOT alone.")
	case strings.ContainsRune("&|^~*", r):
	default:
		w.say("Invalid character", "The character %s (U+%04X) means nothing outside of a text in quotes.", quotedRune(r), r)
	}
}

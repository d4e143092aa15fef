package amisim

import "strings"

// Header is a name and a value, in the order and the spelling in which they were sent.
type Header struct{ Name, Value string }

// maxItems is how many name=value items one Variable header can hold; what is over is not cut up any more and stays in
// the last one, raw (main/manager.c: man_do_variable_value).
const maxItems = 64

// cutVariable appends the variables of one Variable header to vars, cut up as Asterisk does: see separate; nothing is
// trimmed; an item without "=" or without a name is dropped in silence.
func cutVariable(vars []Header, text string) []Header {
	separate(skipBlanks(text), maxItems, func(item string) {
		name, value, found := strings.Cut(item, "=")
		if found && name != "" {
			vars = append(vars, Header{name, value})
		}
	})
	return vars
}

// separate cuts text at commas that are not inside quotes, parentheses or brackets, nor behind a backslash; quotes and
// backslashes that do so vanish. Of what would be more than limit items the rest stays in the last one, raw (main/app.c:
// __ast_app_separate_args).
func separate(text string, limit int, add func(item string)) {
	var item []byte
	// The three counters are not reset at a comma: a bracket opened and never closed keeps all that follows together.
	// Parentheses count inside quotes too.
	var paren, bracket int
	var quote bool
	items, i := 0, 0
	for i < len(text) && items < limit-1 {
		items++
		item = item[:0]
		cut := false
		for ; i < len(text) && !cut; i++ {
			switch c := text[i]; {
			case c == '"':
				quote = !quote
				continue
			case c == '\\':
				if i++; i < len(text) {
					item = append(item, text[i])
				}
				continue
			case c == '(':
				paren++
			case c == ')':
				paren = max(paren-1, 0)
			case c == '[':
				bracket++
			case c == ']':
				bracket = max(bracket-1, 0)
			case c == ',' && paren == 0 && !quote && bracket == 0:
				cut = true
				continue
			}
			item = append(item, text[i])
		}
		add(string(item))
	}
	if i < len(text) {
		add(text[i:])
	}
}

// skipBlanks removes leading blanks as ast_skip_blanks does: control characters are blanks too.
func skipBlanks(s string) string {
	for s != "" && s[0] <= ' ' {
		s = s[1:]
	}
	return s
}

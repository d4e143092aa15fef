package schema

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// plainSyntax puts what hcl says about syntax into words for people who do not
// know how it is parsed: what stands there, why that cannot be, what to write.
// src is what was parsed, from its first byte. Of several complaints that come of
// one mistake it keeps the first.
func plainSyntax(src []byte, diags hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	told := make(map[int]bool) // lines of which something has been said
	strange := false           // characters were found that belong to no language
	for _, d := range diags {
		if d.Subject == nil {
			out = append(out, d)
			continue
		}
		if told[d.Subject.Start.Line] || strange && strings.HasPrefix(d.Summary, "Invalid multi-line") {
			continue
		}
		if unclosedQuote(d) {
			strange = true
		}
		told[d.Subject.Start.Line] = true
		better := *d
		say := syntaxWords{src: src, d: &better}
		say.reword()
		out = append(out, &better)
	}
	return out
}

func unclosedQuote(d *hcl.Diagnostic) bool {
	return d.Summary == "Unterminated template string" || d.Summary == "Invalid multi-line string"
}

// syntaxWords rewords one diagnostic.
type syntaxWords struct {
	src []byte
	d   *hcl.Diagnostic
}

func (w syntaxWords) say(summary, format string, args ...any) {
	w.d.Summary, w.d.Detail = summary, fmt.Sprintf(format, args...)
}

// at is the source from where the diagnostic points at.
func (w syntaxWords) at() []byte { return w.src[clampTo(w.d.Subject.Start.Byte, w.src):] }

// before is the source before that, of the same line.
func (w syntaxWords) before() []byte {
	b := w.src[:clampTo(w.d.Subject.Start.Byte, w.src)]
	return b[bytes.LastIndexByte(b, '\n')+1:]
}

// found names what stands where the diagnostic points at. It quotes neither
// texts nor numbers, which may be secret.
func (w syntaxWords) found() string {
	rest := w.at()
	r, _ := utf8.DecodeRune(rest)
	switch {
	case len(rest) == 0:
		return "the end of the file"
	case r == '\n' || r == '\r':
		return "the end of the line"
	case r == '"':
		return "a text in quotes"
	case unicode.IsDigit(r):
		return "a number"
	case r == '#' || bytes.HasPrefix(rest, []byte("//")):
		return "a comment"
	case unicode.IsLetter(r) || r == '_':
		end := bytes.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' })
		if end < 0 {
			end = len(rest)
		}
		return excerpt(string(rest[:end]))
	}
	for _, two := range []string{"==", "!=", "<=", ">=", "&&", "||", "=>", "${", "%{", "<<"} {
		if bytes.HasPrefix(rest, []byte(two)) {
			return fmt.Sprintf("%q", two)
		}
	}
	return fmt.Sprintf("%q", string(r))
}

// word is the name that the line begins with, if it does.
func (w syntaxWords) word() string {
	line := strings.TrimSpace(string(w.before()))
	end := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' })
	if end < 0 {
		end = len(line)
	}
	if hclsyntax.ValidIdentifier(line[:end]) {
		return line[:end]
	}
	return ""
}

func (w syntaxWords) reword() {
	switch d := w.d; d.Summary {
	case "Argument or block definition required", "Argument definition required":
		w.item()
	case "Attribute redefined":
		if name, where, ok := strings.Cut(strings.TrimPrefix(d.Detail, "The argument "), " was already set at "); ok {
			w.say("Argument given twice", "The argument %s is given a second time; the first time is at %s. Take one of them out.", name, strings.TrimSuffix(where, ". Each argument may be set only once."))
		}
	case "Invalid argument name":
		w.say(d.Summary, "The name of an argument stands without quotes: NAME = VALUE. Only the keys of a map or an object, in braces, may be in quotes.")
	case "Unclosed configuration block":
		w.unclosed()
	case "Invalid block definition":
		w.header()
	case "Invalid single-argument block definition":
		w.say(d.Summary, "A block on one line has one argument and then its closing brace; here comes %s. Write each argument on a line of its own.", w.found())
	case "Missing newline after block definition":
		w.say(d.Summary, "After the closing brace of a block the line ends; here comes %s. Begin a new line.", w.found())
	case "Missing newline after argument":
		w.afterArgument()
	case "Unexpected comma after argument":
		w.say(d.Summary, "The arguments of a block stand on lines of their own, without commas. Take the comma out. (Only between the elements of a list, map or object there are commas.)")
	case "Invalid expression", "Missing expression":
		w.expression()
	case "Unterminated template string", "Invalid multi-line string":
		w.quote()
	case "Unbalanced parentheses":
		w.say("Unclosed parenthesis", "The parenthesis has to be closed with \")\" before %s.", w.found())
	case "Unterminated function call":
		w.say("Unclosed function call", "The arguments of the function are not closed with \")\": the file ends first.")
	case "Unterminated tuple constructor expression":
		w.say("Unclosed list", "The list that begins with \"[\" is not closed with \"]\": the file ends first.")
	case "Unterminated object constructor expression":
		w.say("Unclosed object", "The map or object that begins with \"{\" is not closed with \"}\": the file ends first.")
	case "Missing argument separator":
		w.say("Missing comma", "Between two arguments of a function comes a comma, and behind the last one \")\"; here comes %s.", w.found())
	case "Missing item separator":
		w.say("Missing comma", "Between two elements of a list comes a comma, and behind the last one \"]\"; here comes %s.", w.found())
	case "Missing attribute separator":
		w.say("Missing comma", "Between two items of a map or object comes a comma or a new line, and behind the last one \"}\"; here comes %s.", w.found())
	case "Missing key/value separator", "Missing attribute value":
		w.say("Missing value", "Each item of a map or object is written KEY = VALUE; behind the key comes \"=\" or \":\", but here comes %s. Keys with blanks or dots in them stand in quotes.", w.found())
	case "Missing close bracket on index", "Missing close bracket on splat index":
		w.say("Unclosed bracket", "The index is not closed with \"]\"; here comes %s.", w.found())
	case "Missing false expression in conditional":
		w.say("Incomplete condition", "A condition is written CONDITION ? VALUE : VALUE; the colon and the second value are missing.")
	case "Invalid attribute name":
		w.say("Missing name", "After a dot comes the name of an attribute, but here comes %s.", w.found())
	case "Invalid escape sequence":
		w.escape()
	case "Invalid character", "Invalid character encoding", "Unsupported operator":
		w.character()
	case "Invalid number literal":
		w.say(d.Summary, "This is not a number. Numbers are written as 42, 1.5 or 1e3; anything else, such as a version or an address, is text and stands in quotes.")
	case "Invalid string literal":
		w.say(d.Summary, "Here stands a text in quotes that is fixed: it cannot have ${ } or %%{ } in it. For these characters themselves write $${ and %%%%{.")
	case "Unclosed template interpolation sequence":
		w.say("Unclosed ${ }", "What \"${\" begins is not closed with \"}\" before the text ends. For the characters \"${\" themselves write \"$${\".")
	case "Extra characters after interpolation expression":
		w.say("Unclosed ${ }", "Inside of ${ } stands one expression, and then \"}\"; here comes %s. If the characters \"${\" themselves are meant, as for a script or for Asterisk, write \"$${\".", w.found())
	case "Invalid template directive", "Invalid template control keyword":
		hint := ""
		if _, s, ok := strings.Cut(d.Detail, "Did you mean"); ok {
			hint = " Did you mean" + s
		}
		w.say("Invalid directive", "%%{ begins a directive of a template: if, else, endif, for or endfor.%s For the characters \"%%{\" themselves write \"%%%%{\".", hint)
	case "Unexpected end of template":
		if strings.HasPrefix(d.Detail, "The control directives") {
			w.say("Unclosed directive", "A directive %%{ } of this text lacks its end: each if has an endif, each for an endfor.")
			return
		}
		w.say("Unclosed directive", "%s", strings.ReplaceAll(strings.ReplaceAll(d.Detail, "is missing its corresponding", "has no"), " directive.", "."))
	case "Ambiguous attribute key":
		w.say("Unclear key", "A key with a dot in it is either a reference, which stands in parentheses: (var.x) = 1, or text, which stands in quotes: \"var.x\" = 1.")
	case "Missing open parenthesis", "Missing function name":
		w.say("Invalid function call", "Names with \"::\" are those of functions from providers, which notifyrun does not have. Its functions are called by their names alone, as in upper(\"x\").")
	case "Function calls not allowed", "Variables not allowed":
	default:
		if form, ok := strings.CutPrefix(d.Detail, "For expression requires "); ok {
			w.say(d.Summary, "A 'for' expression is written [for VALUE in LIST : RESULT] or { for KEY, VALUE in MAP : KEY => RESULT }. It requires %s", form)
		}
	}
}

// item is where an argument or a block should be.
func (w syntaxWords) item() {
	const title = "Argument or block required"
	name := w.word()
	rest := w.at()
	switch {
	case name != "" && bytes.HasPrefix(bytes.TrimLeft(w.src[clampTo(w.d.Subject.Start.Byte-1, w.src):], " \t"), []byte(":")),
		name != "" && bytes.HasPrefix(rest, []byte(":")), colonAfterWord(rest):
		if name == "" {
			name = firstWord(rest)
		}
		w.say("Colon instead of equals sign", "The argument %q gets its value by \"=\": %s = VALUE. A colon stands only between a key and its value in a map or object.", name, name)
	case bytes.HasPrefix(rest, []byte("}")):
		w.say("Brace without a block", "This \"}\" closes nothing. Either there is one too many, or a \"{\" is missing before.")
	case bytes.HasPrefix(rest, []byte("\"")):
		w.say(title, "Here an argument, NAME = VALUE, or a block begins with a name, which stands without quotes.")
	case bytes.HasPrefix(rest, []byte("${")):
		w.say(title, "Here an argument, NAME = VALUE, or a block is expected. ${ } stands only inside of quotes.")
	case firstWord(rest) != "":
		name := firstWord(rest)
		w.say(title, "%q is neither an argument, which would be %s = VALUE, nor a block, which would be %s { … }.", name, name, name)
	case name != "":
		w.say(title, "After %q comes \"=\" and a value, if it is an argument, or \"{\", if it is a block; here comes %s.", name, w.found())
	default:
		w.say(title, "Here an argument, NAME = VALUE, or a block, NAME { … }, is expected, but here comes %s.", w.found())
	}
}

func firstWord(b []byte) string {
	end := bytes.IndexFunc(b, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' })
	if end < 0 {
		end = len(b)
	}
	if s := string(b[:end]); hclsyntax.ValidIdentifier(s) {
		return s
	}
	return ""
}

func colonAfterWord(b []byte) bool {
	name := firstWord(b)
	return name != "" && bytes.HasPrefix(bytes.TrimLeft(b[len(name):], " \t"), []byte(":"))
}

// header is the first line of a block.
func (w syntaxWords) header() {
	name := w.word()
	switch rest := w.at(); {
	case bytes.HasPrefix(rest, []byte("=")):
		w.say(w.d.Summary, "A block has no equals sign: %s \"LABEL\" { … }.", name)
	case bytes.HasPrefix(rest, []byte("\n")) || bytes.HasPrefix(rest, []byte("\r")) || len(rest) == 0:
		w.say(w.d.Summary, "The line ends where the block %q should begin with \"{\", on the same line as its name. If an argument is meant, write %s = VALUE.", name, name)
	default:
		w.say(w.d.Summary, "After %q comes \"=\" and a value, if it is an argument, or a label in quotes and \"{\", if it is a block; here comes %s.", name, w.found())
	}
}

func (w syntaxWords) afterArgument() {
	const title = "Missing newline after argument"
	switch found := w.found(); {
	case found == `"="`:
		w.say(title, "Here comes another \"=\". Two values are compared with \"==\"; another argument begins on a line of its own.")
	case found == `"}"`:
		w.say(title, "Here the argument ends and the line does not. A \"}\" on the same line closes only a block of one line; otherwise it stands on a line of its own.")
	case strings.HasPrefix(found, `"`) && firstWord(w.at()) != "" && slices.Contains([]string{"and", "or", "not", "is", "in", "if", "then", "else"}, firstWord(w.at())):
		w.say(title, "%s is no operator here. Conditions are joined with && (and) and || (or) and turned round with !; a choice is written CONDITION ? VALUE : VALUE.", found)
	default:
		w.say(title, "The value of the argument ends here, and then the line has to, but here comes %s. Texts stand in quotes as a whole; elements of a list stand in brackets, with commas between them.", found)
	}
}

// expression is where a value should begin.
func (w syntaxWords) expression() {
	before := strings.TrimSpace(string(w.before()))
	name := w.word()
	switch found := w.found(); {
	case found == `"${"` || found == `"$"`:
		w.say("Reference in ${ } without quotes", "${ } stands only inside of quotes, to put a value into a text. Here write the reference itself, as in var.x.")
	case strings.HasSuffix(before, "=") && name != "" && (found == "the end of the line" || found == "the end of the file" || found == "a comment"):
		w.say("Missing value", "The argument %q has no value. Write one behind the equals sign, or take the line out; null is as good as leaving it out.", name)
	case found == `"="` && strings.HasSuffix(before, "="):
		w.say("Invalid expression", "An argument gets its value by one \"=\"; \"==\" compares two values.")
	case found == "the end of the line" || found == "the end of the file":
		w.say("Missing value", "A value is expected here, but here comes %s.", found)
	case found == `","`:
		w.say("Missing value", "A value is expected before this comma.")
	default:
		w.say("Invalid expression", "A value is expected here: a text in quotes, a number, a reference such as var.x, a list in brackets, or an object in braces. But here comes %s.", found)
	}
}

// quote is a text that is not closed, or has several lines.
func (w syntaxWords) quote() {
	src := w.src
	start := clampTo(w.d.Subject.Start.Byte, src)
	line := src[bytes.LastIndexByte(src[:start], '\n')+1:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if i := bytes.Index(line, []byte("<<")); i >= 0 {
		marker := strings.TrimSpace(strings.TrimPrefix(string(line[i+2:]), "-"))
		if hclsyntax.ValidIdentifier(marker) {
			w.say("Unclosed here document", "The text that begins after this line is ended by a line that has %s and nothing else, and there is none.", marker)
			return
		}
		if marker == "" || marker[0] == '"' || marker[0] == '\'' {
			w.say("Invalid here document", "Behind \"<<\" comes a word without quotes, as in <<EOT, and the line ends; the text is ended by a line with that word alone.")
			return
		}
	}
	w.say("Text without closing quote", "A text in quotes ends on the line that it begins on, with another quote. For a line end in a text write \\n; for a text of many lines write <<EOT, the lines, and a line with EOT alone.")
}

func (w syntaxWords) escape() {
	rest := w.at()
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

// unclosed is a block whose closing brace is missing.
func (w syntaxWords) unclosed() {
	detail := "The block that begins here is not closed: the file ends before its \"}\"."
	if line := w.nextAtMargin(); line > 0 {
		detail = fmt.Sprintf("The block that begins here is not closed with \"}\". Line %d begins another one, so that it should end before that.", line)
	}
	w.say("Unclosed block", "%s If its own brace is there, one of a block or bracket in it is missing.", detail)
}

// nextAtMargin gives the first line below the diagnostic, with something at the
// left margin that begins a block.
func (w syntaxWords) nextAtMargin() int {
	line := w.d.Subject.Start.Line
	rest := w.at()
	for i := bytes.IndexByte(rest, '\n'); i >= 0; i = bytes.IndexByte(rest, '\n') {
		rest = rest[i+1:]
		line++
		if beginsBlock(rest) {
			return line
		}
	}
	return 0
}

// beginsBlock tells whether a line begins with a block of the top level.
func beginsBlock(line []byte) bool {
	name := firstWord(line)
	if name == "" {
		return false
	}
	rest := bytes.TrimLeft(line[len(name):], " \t")
	for _, t := range rootSchema.Blocks {
		if t.Type == name {
			return bytes.HasPrefix(rest, []byte("\"")) == (len(t.LabelNames) > 0) && len(rest) > 0 && (rest[0] == '"' || rest[0] == '{')
		}
	}
	return false
}

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
// all is the source, of which the part from from to end was parsed. Of several complaints that come of
// one mistake it keeps the first: of a line, and of all that follows where it is
// not known any more what is text and what is not.
func plainSyntax(all []byte, from hcl.Pos, end int, diags hcl.Diagnostics) hcl.Diagnostics {
	var out hcl.Diagnostics
	src := all[:end]
	told := make(map[int]bool) // lines of which something has been said
	for _, d := range diags {
		if d.Subject == nil {
			out = append(out, d)
			continue
		}
		line := d.Subject.Start.Line
		if told[line] {
			continue
		}
		told[line] = true
		better := *d
		say := syntaxWords{src: src, all: all, from: from, d: &better}
		say.reword()
		out = append(out, &better)
		if d.Summary == "Unterminated template string" || d.Summary == "Invalid multi-line string" || better.Summary == "Invalid here document" {
			break
		}
	}
	return out
}

// syntaxWords rewords one diagnostic.
type syntaxWords struct {
	src  []byte  // up to where what was parsed ends
	all  []byte  // and beyond
	from hcl.Pos // where what was parsed begins in it
	d    *hcl.Diagnostic
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
		return excerpt(leadingName(rest))
	}
	for _, two := range []string{"==", "!=", "<=", ">=", "&&", "||", "=>", "${", "%{", "<<"} {
		if bytes.HasPrefix(rest, []byte(two)) {
			return fmt.Sprintf("%q", two)
		}
	}
	return fmt.Sprintf("%q", string(r))
}

// word is the name that the line begins with, if it does.
func (w syntaxWords) word() string { return firstWord(bytes.TrimSpace(w.before())) }

func (w syntaxWords) reword() {
	switch d := w.d; d.Summary {
	case "Argument definition required":
		w.say("Block on one line", "A block on one line has one argument at most, and no block in it. Write %s on a line of its own.", w.found())
	case "Argument or block definition required":
		w.item()
	case "Attribute redefined":
		if name, where, ok := strings.Cut(strings.TrimPrefix(d.Detail, "The argument "), " was already set at "); ok {
			w.say("Argument given twice", "The argument %s is given a second time; the first time is at %s. Take one of them out.", name, strings.TrimSuffix(where, ". Each argument may be set only once."))
		}
	case "Invalid argument name":
		w.say(d.Summary, "The name of an argument or block stands without quotes: NAME = VALUE, or NAME { … }. Only the keys of a map or an object may be in quotes.")
	case "Unclosed configuration block":
		w.unclosed()
	case "Invalid block definition":
		w.header()
	case "Invalid single-argument block definition":
		w.say("Block on one line", "A block on one line has one argument and then its closing brace; here comes %s. Write each argument on a line of its own.", w.found())
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
	case "Missing closing parenthesis":
		w.say("Unclosed function call", "The list before \"...\" is the last argument of a function: behind it comes \")\".")
	case "Unexpected else directive":
		w.say("Misplaced directive", "%s", map[bool]string{
			true:  "The if that this else belongs to has one already. For a second condition put another if into its text.",
			false: "A for has no else. Put an if around it.",
		}[strings.HasPrefix(d.Detail, "Already")])
	case "Unexpected endif directive", "Unexpected endfor directive", "Unexpected else if directive":
		what := strings.TrimSuffix(strings.TrimPrefix(d.Summary, "Unexpected "), " directive")
		if _, place, ok := strings.Cut(d.Detail, " at "); ok {
			w.say("Misplaced directive", "This is an %s, but what was begun last, at %s, is of the other kind: each if has an endif, each for an endfor.", what, strings.TrimSuffix(place, "."))
			return
		}
		w.say("Misplaced directive", "This %s ends nothing: no directive before it is open.", what)
	case "Invalid 'for' directive":
		w.say(d.Summary, "A 'for' in a text is written %%{ for VALUE in LIST } or %%{ for KEY, VALUE in MAP }, and ends with %%{ endfor }.")
	case "Missing open parenthesis", "Missing function name":
		w.say("Invalid function call", "Names with \"::\" are those of functions from providers, which notifyrun does not have. Its functions are called by their names alone, as in upper(\"x\").")
	case "Function calls not allowed", "Variables not allowed":
	default:
		w.inFor()
	}
	if w.d.Subject.Start.Byte >= len(bytes.TrimSpace(w.src)) && strings.HasPrefix(w.d.Summary, "Unclosed ") {
		w.pointAtOpen()
	}
}

// inFor words what is wrong with a 'for' expression.
func (w syntaxWords) inFor() {
	const forms = "A 'for' expression is written [for VALUE in LIST : RESULT] or { for KEY, VALUE in MAP : KEY => RESULT }."
	reasons := []struct{ theirs, ours string }{
		{"requires variable name", "Behind 'for' a name is missing."},
		{"requires value variable name", "Behind the comma a name is missing."},
		{"requires the 'in'", "Behind the names the word 'in' is missing."},
		{"requires a colon", "Behind the list or map a colon is missing."},
		{"Key expression is not valid", "In brackets it makes a list, whose elements have no keys: take \"KEY =>\" out, or write braces."},
		{"Key expression is required", "In braces it makes an object, whose values have keys: write KEY => VALUE, or brackets."},
		{"Grouping ellipsis", "\"...\" gathers the values of one key, and in brackets there are no keys: take it out, or write braces."},
		{"Extra characters", fmt.Sprintf("Here it ends, but here comes %s.", w.found())},
	}
	for _, r := range reasons {
		if w.d.Summary == "Invalid 'for' expression" && strings.Contains(w.d.Detail, r.theirs) {
			w.say(w.d.Summary, "%s %s", forms, r.ours)
			return
		}
	}
}

// pointAtOpen points at the last bracket that is not closed, where hcl points at
// the end of the file.
func (w syntaxWords) pointAtOpen() {
	tokens, _ := hclsyntax.LexConfig(w.src[w.from.Byte:], w.d.Subject.Filename, w.from)
	var open []hclsyntax.Token
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open = append(open, t)
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			for i := len(open) - 1; i >= 0; i-- { // what lies in between is not closed
				if closes[t.Type] == open[i].Type || t.Type == hclsyntax.TokenTemplateSeqEnd {
					open = slices.Delete(open, i, i+1)
					break
				}
			}
		}
	}
	if len(open) > 0 {
		w.d.Subject, w.d.Context = open[len(open)-1].Range.Ptr(), nil
	}
}

var closes = map[hclsyntax.TokenType]hclsyntax.TokenType{
	hclsyntax.TokenCBrace: hclsyntax.TokenOBrace, hclsyntax.TokenCBrack: hclsyntax.TokenOBrack, hclsyntax.TokenCParen: hclsyntax.TokenOParen,
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
		if bytes.HasPrefix(bytes.TrimLeft(rest[len(name):], " \t"), []byte("==")) {
			w.say(title, "The argument %q gets its value by one equals sign: %s = VALUE. Two of them compare values.", name, name)
			return
		}
		w.say(title, "%q is neither an argument, which would be %s = VALUE, nor a block, which would be %s { … }.", name, name, name)
	case name != "":
		w.say(title, "After %q comes \"=\" and a value, if it is an argument, or \"{\", if it is a block; here comes %s.", name, w.found())
	default:
		w.say(title, "Here an argument, NAME = VALUE, or a block, NAME { … }, is expected, but here comes %s.", w.found())
	}
}

// firstWord is the name that source begins with, or "".
func firstWord(b []byte) string {
	if s := leadingName(b); hclsyntax.ValidIdentifier(s) {
		return s
	}
	return ""
}

// leadingName is all that source begins with of what names are made of.
func leadingName(b []byte) string {
	if end := bytes.IndexFunc(b, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' }); end >= 0 {
		b = b[:end]
	}
	return string(b)
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
	before := strings.TrimRight(string(w.before()), " \t")
	last := byte(' ')
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	switch found := w.found(); {
	case strings.HasSuffix(before, "= not"):
		w.say(title, "A condition is turned round with !, as in !true; the word \"not\" means nothing here.")
	case strings.HasSuffix(before, "= if"):
		w.say(title, "A choice is written CONDITION ? VALUE : VALUE; the word \"if\" means nothing here.")
	case len(before) == len(w.before()) && last >= '0' && last <= '9' && firstWord(w.at()) != "":
		w.say(title, "A number has no unit. Write it in quotes if a text is meant, as durations are: \"10s\".")
	case found == `"="`:
		w.say(title, "Here comes another \"=\". Two values are compared with \"==\"; another argument begins on a line of its own.")
	case found == `"{"`:
		w.say(title, "The value of the argument ends here, and then the line has to. If a block is meant, it has no equals sign: %s \"LABEL\" { … }.", w.word())
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
	case strings.HasSuffix(before, "${") && found == `"}"`:
		w.say("Empty ${ }", "Inside of ${ } stands the value that is put into the text, such as ${var.x}. For the characters \"${\" themselves write \"$${\".")
	case strings.HasSuffix(before, "*") && found == `"*"`:
		w.say("Unsupported operator", "There is no operator \"**\". Powers are pow(BASE, EXPONENT).")
	case strings.HasSuffix(before, "[") && found == `"]"` && len(before) > 1 && before[len(before)-2] != ' ':
		w.say("Missing value", "Between the brackets of an index stands which element is meant: LIST[0] or MAP[\"KEY\"].")
	case strings.HasSuffix(before, "=") && name != "" && (found == "the end of the line" || found == "the end of the file" || found == "a comment"):
		w.say("Missing value", "The argument %q has no value. Write one behind the equals sign, or take the line out; null is as good as leaving it out.", name)
	case found == `"="` && strings.HasSuffix(before, "="):
		w.say("Invalid expression", "An argument gets its value by one \"=\"; \"==\" compares two values.")
	case found == "the end of the line" || found == "the end of the file":
		w.say("Missing value", "A value is expected here, but here comes %s.", found)
	case found == `"<<"`:
		w.say("Invalid here document", "Behind \"<<\" comes a word without quotes, as in <<EOT, and the line ends; the text is ended by a line with that word alone.")
	case found == `","`:
		w.say("Missing value", "A value is expected before this comma.")
	default:
		w.say("Invalid expression", "A value is expected here: a text in quotes, a number, a reference such as var.x, a list in brackets, or an object in braces. But here comes %s.", found)
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
	rest := w.all[clampTo(w.d.Subject.Start.Byte, w.all):]
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

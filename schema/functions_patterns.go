package schema

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What it may take to look for a pattern, that is a regular expression. Steps are
// the parts of a pattern, as it is compiled, each tried at each character looked at.
const (
	maxPattern = 1 << 20 // bytes
	maxSteps   = 1 << 30
)

var (
	errPattern = fmt.Errorf("a pattern has %d KiB at most", maxPattern>>10)
	errSteps   = errors.New("to look for this pattern in a text of this length would take too long")
	errRepeats = errors.New("to look for this pattern in a text of this length would take too long: after each of its matches it goes through much of what follows again. Look for it in parts of the text, such as its lines")
)

// searchable refuses a pattern that would take too long to be looked for in a text,
// once or for all of its matches. A pattern that is none says so where it is used.
func searchable(pattern, text string, all bool) error {
	if len(pattern) > maxPattern {
		return errPattern
	}
	const partsOfByte = 1000 // at most, as of x{1000}
	if timesFewer(maxSteps, errSteps, partsOfByte, len(pattern), len(text), len(text)) == nil {
		return nil
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	parts := len(program.Inst) * (1 + parsed.MaxCap()/8) // groups are copied along
	if err := timesFewer(maxSteps, errSteps, parts, len(text)); err != nil {
		return err
	}
	if !all || timesFewer(maxSteps, errRepeats, parts, len(text), len(text)) == nil {
		return nil
	}
	return repeatable(parsed.String(), text, maxSteps/parts)
}

// repeatable looks for all matches of a pattern as long as no more than so many
// characters have to be looked at. A match may go on after what comes before it, as
// with \b: so that is looked at, too.
func repeatable(pattern, text string, most int) error {
	first, err := regexp.Compile(pattern)
	if err != nil {
		return errSteps
	}
	further, err := regexp.Compile(`\A(?s:.)(?s:.*?)(?:` + pattern + `)`)
	if err != nil {
		return errSteps
	}
	re, begin, end := first, 0, 0
	for end < len(text) {
		r := &reader{text: text[begin:], left: most}
		match := re.FindReaderIndex(r)
		if most = r.left; most < 0 {
			return errRepeats
		}
		if match == nil {
			return nil
		}
		_, letter := utf8.DecodeRuneInString(text[end:])
		if begin+match[1] > end {
			end = begin + match[1]
		} else {
			end += letter
		}
		_, before := utf8.DecodeLastRuneInString(text[:end])
		re, begin = further, end-before
	}
	return nil
}

// reader reads a text, and counts the characters that are looked at, to the end of
// how many may be.
type reader struct {
	text string
	left int
}

func (r *reader) ReadRune() (rune, int, error) {
	if r.left--; r.text == "" || r.left < 0 {
		return 0, 0, io.EOF
	}
	c, size := utf8.DecodeRuneInString(r.text)
	r.text = r.text[size:]
	return c, size, nil
}

// found is the estimate of regex.
func found(args []cty.Value) error {
	return searchable(args[0].AsString(), args[1].AsString(), false)
}

// matches is the estimate of regexall, by its matches and the groups of each.
func matches(args []cty.Value) error {
	pattern, text := args[0].AsString(), args[1].AsString()
	if err := searchable(pattern, text, true); err != nil {
		return err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil // it says so
	}
	if n, groups := len(text)+1, re.NumSubexp()+1; n <= maxItems/groups {
		return nil
	}
	return manyMatches(re, text)
}

// manyMatches refuses a text with more matches, and groups in them, than can be
// kept.
func manyMatches(re *regexp.Regexp, s string) error {
	n := 0
	re.ReplaceAllStringFunc(s, func(string) string { n++; return "" })
	return timesFewer(maxItems, errItems, n, re.NumSubexp()+1)
}

// replacePattern replaces what matches a pattern.
func replacePattern(s, pattern, with string) (string, error) {
	if err := searchable(pattern, s, true); err != nil {
		return "", err
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", function.NewArgError(1, err)
	}
	return replaceMatches(re, s, with)
}

// replaceMatches replaces what matches, one match after the other, so that it
// can stop where the result becomes too long.
func replaceMatches(re *regexp.Regexp, s, with string) (string, error) {
	// Each $ stands for the whole match at most.
	insertions := strings.Count(with, "$")
	if timesFewer(maxText, errText, len(s)+1, len(with)+insertions*len(s)+1) == nil {
		return re.ReplaceAllString(s, with), nil
	}
	if err := manyMatches(re, s); err != nil {
		return "", err
	}
	var out []byte
	end := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
		out = append(out, s[end:m[0]]...)
		end = m[1]
		room := maxText - len(out) - len(with)
		if room < 0 {
			return "", errText
		}
		if err := timesFewer(room, errText, insertions, end-m[0]); err != nil {
			return "", err
		}
		out = re.ExpandString(out, with, s, m)
	}
	if out = append(out, s[end:]...); len(out) > maxText {
		return "", errText
	}
	return string(out), nil
}

package schema

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxSnippet bounds the source that is quoted with one diagnostic, in bytes: a
// file may be one line of megabytes.
const maxSnippet = 8 << 10

// Snippet is the source that a diagnostic is about, and what was involved where
// an expression went wrong.
type Snippet struct {
	Context   string    // the outermost block around it, as `sip_notify "x"`; or nothing
	Range     hcl.Range // what is meant; never empty
	Code      string    // the lines around it, valid UTF-8
	StartLine int       // of the first line of Code
	Start     int       // in Code, in bytes, of what is meant
	End       int       // likewise, behind it
	Values    []Involved
	Call      string // the function that failed, with its parameters, as `parseint(number, base)`; or nothing
}

// Involved is a value that an expression refers to.
type Involved struct {
	Traversal string // "var.site"
	Statement string // `is "hq"`
}

// NewSnippet finds the source of a diagnostic in files, which should be those of
// Source.Files: literal secrets are blanked there. It returns nil where there is
// none.
func NewSnippet(files map[string]*hcl.File, d *hcl.Diagnostic) *Snippet {
	if d.Subject == nil || files[d.Subject.Filename] == nil || files[d.Subject.Filename].Bytes == nil {
		return nil
	}
	file := files[d.Subject.Filename]
	s := &Snippet{Range: notEmpty(*d.Subject), Call: signatureOf(d), Values: involved(d)}
	if file.Nav != nil {
		s.Context = hcled.ContextString(file, s.Range.Start.Byte)
	}
	around := s.Range
	if d.Context != nil {
		around = hcl.RangeOver(around, notEmpty(*d.Context))
	}
	src := file.Bytes
	s.StartLine = around.Start.Line
	from, to := clampTo(around.Start.Byte, src), clampTo(around.End.Byte, src)
	start, end := clampTo(s.Range.Start.Byte, src), clampTo(s.Range.End.Byte, src)
	from = bytes.LastIndexByte(src[:from], '\n') + 1
	if to > from && src[to-1] == '\n' {
		to-- // what ends with a line does not need the next
	}
	if i := bytes.IndexByte(src[to:], '\n'); i >= 0 {
		to += i
	} else {
		to = len(src)
	}
	if least := start - maxSnippet/4; from < least {
		for least < start && !utf8.RuneStart(src[least]) {
			least++
		}
		s.StartLine += bytes.Count(src[from:least], []byte{'\n'})
		from = least
	}
	if most := from + maxSnippet; to > most {
		for most > start && !utf8.RuneStart(src[most]) {
			most--
		}
		to = most
	}
	code := bytes.TrimSuffix(src[from:to], []byte{'\r'})
	s.Start, s.End = min(max(start-from, 0), len(code)), min(max(end-from, 0), len(code))
	s.Code = validText(code)
	return s
}

func clampTo(n int, src []byte) int { return min(max(n, 0), len(src)) }

// validText makes text of bytes, of the same length: what is not UTF-8 comes out
// as question marks.
func validText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := bytes.Clone(b)
	for i := 0; i < len(out); {
		r, n := utf8.DecodeRune(out[i:])
		if r == utf8.RuneError && n == 1 {
			out[i] = '?'
		}
		i += n
	}
	return string(out)
}

// notEmpty widens a range between two characters to one.
func notEmpty(r hcl.Range) hcl.Range {
	if r.End.Byte <= r.Start.Byte {
		r.End = r.Start
		r.End.Byte++
		r.End.Column++
	}
	return r
}

// signatureOf names the function whose own error this is, with its parameters.
func signatureOf(d *hcl.Diagnostic) string {
	name := calledFunction(d)
	if name == "" || strings.HasSuffix(d.Summary, " function arguments") {
		return ""
	}
	f, ok := functionNamed(d.EvalContext, name)
	if !ok {
		return name + "()"
	}
	return signature(name, f)
}

func functionNamed(ctx *hcl.EvalContext, name string) (function.Function, bool) {
	for ; ctx != nil; ctx = ctx.Parent() {
		if f, ok := ctx.Functions[name]; ok {
			return f, true
		}
	}
	return function.Function{}, false
}

// signature writes a function with the names of its parameters.
func signature(name string, f function.Function) string {
	var params []string
	for _, p := range f.Params() {
		params = append(params, p.Name)
	}
	if v := f.VarParam(); v != nil {
		params = append(params, v.Name+"...")
	}
	return name + "(" + strings.Join(params, ", ") + ")"
}

// involved gives the values that the expression of a diagnostic refers to, sorted
// by name: neither those that are sensitive, nor those that there are not.
func involved(d *hcl.Diagnostic) []Involved {
	if d.Expression == nil || d.EvalContext == nil {
		return nil
	}
	var all []Involved
	for _, t := range d.Expression.Variables() {
		for ; len(t) > 0; t = t[:len(t)-1] {
			if len(t) == 1 && (common[t.RootName()] != "" || t.RootName() == "path") {
				break // all that there is
			}
			v, diags := t.TraverseAbs(d.EvalContext)
			if diags.HasErrors() {
				continue // told by the diagnostic itself; of what is it missing?
			}
			if v.IsMarked() {
				break
			}
			all = append(all, Involved{traversalText(t), statementOf(t.RootName(), v)})
			break
		}
	}
	slices.SortFunc(all, func(a, b Involved) int { return cmp.Compare(a.Traversal, b.Traversal) })
	return slices.Compact(all)
}

// statementOf tells in a few words what a value is.
func statementOf(root string, v cty.Value) string {
	if !v.IsKnown() {
		what := "is"
		if ty := v.Type(); ty != cty.DynamicPseudoType {
			what = "is " + article(ty.FriendlyName()) + ","
		}
		switch root {
		case "target":
			return what + " known only for each target"
		case "trigger", "event":
			return what + " known only when the job fires"
		}
		return what + " not known yet"
	}
	return "is " + valueText(v)
}

// valueText is a value in a few words: itself, if that is short, or how large it is.
func valueText(v cty.Value) string {
	ty := v.Type()
	switch {
	case v.IsMarked():
		return Redacted
	case v.IsNull():
		return "null"
	case !v.IsKnown():
		return "not known yet"
	case ty == cty.Bool && v.True():
		return "true"
	case ty == cty.Bool:
		return "false"
	case ty == cty.Number:
		return clipped(numberText(v), 60)
	case ty == cty.String:
		return excerpt(v.AsString())
	case ty.IsCollectionType() || ty.IsTupleType():
		return counted("a "+ty.FriendlyName(), v.LengthInt(), "element")
	case ty.IsObjectType():
		if names := attributeNames(ty); len(names) == 1 {
			return fmt.Sprintf("an object with 1 attribute, %s", excerpt(names[0]))
		}
		return counted("an object", len(ty.AttributeTypes()), "attribute")
	}
	return "a " + ty.FriendlyName()
}

func counted(what string, n int, part string) string {
	switch n {
	case 0:
		return what + " with no " + part + "s"
	case 1:
		return what + " with 1 " + part
	}
	return fmt.Sprintf("%s with %d %ss", what, n, part)
}

// clipped cuts a text to about so many bytes.
func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// traversalText writes a reference as it stands in source.
func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			b.WriteString(indexText(step.Key))
		}
	}
	return b.String()
}

// indexText writes an index as it stands in source, if it is short and no secret.
func indexText(key cty.Value) string {
	if key.IsMarked() || !key.IsKnown() || key.IsNull() || !key.Type().IsPrimitiveType() {
		return "[…]"
	}
	return "[" + valueText(key) + "]"
}

// inJob is what a diagnostic carries beside its words, if it is about one job of
// the configuration: Extra of the diagnostic.
type inJob struct {
	address string
	inner   any
}

// UnwrapDiagnosticExtra lets hcl find what else the diagnostic carries.
func (j inJob) UnwrapDiagnosticExtra() any { return j.inner }

// DiagnosticAddress tells which job a diagnostic is about, as
// sip_notify.reboot["hq"]; "" if it is about none, or about several.
func DiagnosticAddress(d *hcl.Diagnostic) string {
	if j, ok := hcl.DiagnosticExtra[inJob](d); ok {
		return j.address
	}
	return ""
}

// of says that a diagnostic is about a job.
func of(address string, d *hcl.Diagnostic) *hcl.Diagnostic {
	about := *d
	about.Extra = inJob{address, d.Extra}
	return &about
}

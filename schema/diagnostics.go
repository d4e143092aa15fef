package schema

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// problem makes one error. The summary is short and fixed; the detail says
// what is wrong with which thing, why, and what to do, in full sentences.
func problem(subject *hcl.Range, summary, format string, args ...any) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: subject}
}

// appended returns a diagnostic with one more sentence in a paragraph of its own.
func appended(d *hcl.Diagnostic, format string, args ...any) *hcl.Diagnostic {
	more := *d
	more.Detail += "\n\n" + fmt.Sprintf(format, args...)
	return &more
}

// failf makes a list of one error.
func failf(subject *hcl.Range, summary, format string, args ...any) hcl.Diagnostics {
	return hcl.Diagnostics{problem(subject, summary, format, args...)}
}

// collector gathers diagnostics, each once: an expression that is evaluated for
// each of ten thousand instances says what is wrong with it one time.
type collector struct {
	diags  hcl.Diagnostics
	seen   map[diagKey]bool
	errors int // how many there were, each time
}

type diagKey struct {
	summary, detail string
	subject         hcl.Range
}

func (c *collector) add(diags ...*hcl.Diagnostic) {
	for _, d := range diags {
		if s := plainMismatch(d.Detail); s != d.Detail {
			better := *d
			better.Detail = s
			d = &better
		}
		key := diagKey{summary: d.Summary, detail: d.Detail}
		if d.Subject != nil {
			key.subject = *d.Subject
		}
		if d.Severity == hcl.DiagError {
			c.errors++
		}
		if c.seen[key] {
			continue
		}
		if c.seen == nil {
			c.seen = make(map[diagKey]bool)
		}
		c.seen[key] = true
		c.diags = append(c.diags, d)
	}
}

func (c *collector) fail(subject hcl.Range, summary, format string, args ...any) {
	c.add(problem(&subject, summary, format, args...))
}

// failIn is fail for the value of an argument, with the values that it was made of.
func (c *collector) failIn(ctx *hcl.EvalContext, a *arg, summary, format string, args ...any) {
	d := problem(&a.rng, summary, format, args...)
	if ctx != nil && len(a.expr.Variables()) > 0 {
		d.Expression, d.EvalContext = a.expr, ctx
	}
	c.add(d)
}

// sorted gives the diagnostics in the order of the source, those without a
// place in it first.
func (c *collector) sorted() hcl.Diagnostics {
	slices.SortStableFunc(c.diags, func(a, b *hcl.Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(btoi(a.Subject != nil), btoi(b.Subject != nil))
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte), cmp.Compare(a.Detail, b.Detail))
	})
	return c.diags
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// suggest returns ` Did you mean "x"?` for the known name that is nearest to the
// given one, or nothing if none is near.
func suggest(given string, known []string) string {
	best := guess(given, known)
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// swapped tells whether one word is the other with two neighbours in each other's
// place, as they are typed in haste.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// guess gives the known name that is nearest to the given one, or "".
func guess(given string, known []string) string {
	const near = 2 // as hcl does
	best, distance := "", near+1
	letters := []rune(given)
	for _, k := range known {
		if strings.EqualFold(given, k) || swapped(given, k) {
			return k
		}
		if d := edits(letters, []rune(k), near); d < distance && 2*d <= max(len(k), len(given)) {
			best, distance = k, d
		}
	}
	return best
}

// edits is how many letters have to be put in, left out or replaced to make one word
// of the other; where it is more than most, one more than that. The time it takes
// grows with the length of the words, and not with its square: names may be long.
func edits(a, b []rune, most int) int {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	switch {
	case len(a) == 0 || len(b) == 0:
		return min(len(a)+len(b), most+1)
	case most == 0:
		return 1
	}
	return 1 + min(edits(a[1:], b, most-1), edits(a, b[1:], most-1), edits(a[1:], b[1:], most-1))
}

// suggestOrList is suggest, or else names what there is, if it is not much.
func suggestOrList(given string, known []string) string {
	if s := suggest(given, known); s != "" {
		return s
	}
	if len(known) == 0 || len(known) > 10 {
		return ""
	}
	return " There is " + enumerate(known) + "."
}

// enumerate writes names as "a", "b" and "c".
func enumerate(names []string) string {
	q := quoted(names)
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	last := len(q) - 1
	return strings.Join(q[:last], ", ") + " and " + q[last]
}

func quoted(names []string) []string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return q
}

// excerpt quotes at most some 60 bytes of a value.
func excerpt(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(s[:60], ""))
	}
	return fmt.Sprintf("%q", s)
}

// tidied makes the diagnostics of evaluating expr in ctx fit to be shown: hcl does
// not know which arguments of a failed function are sensitive, and says less than
// it could about names that do not exist. The given ones stay as they are.
func tidied(diags hcl.Diagnostics, expr hcl.Expression, ctx *hcl.EvalContext) hcl.Diagnostics {
	if len(diags) == 0 {
		return nil
	}
	out := slices.Clone(diags)
	secretive := refersToSensitive(expr, ctx)
	for i, d := range out {
		better := *d
		if d.Expression == nil || d.EvalContext == nil {
			plainValues(&better)
			out[i] = &better
			continue
		}
		// hcl takes the mark off a collection while it goes through it with
		// "for", so that nothing tells of a variable of that whether it is secret.
		hidden := secretive && d.EvalContext != ctx
		if hidden {
			better.EvalContext = ctx
		}
		switch name := failedCall(d); {
		case name != "" && panicked(d):
			better.Detail = fmt.Sprintf("The function %q cannot work with these arguments.", name)
		case name != "" && (hidden || anySensitive(d) || callSensitive(expr, name, d)):
			better.Detail = fmt.Sprintf("The call of function %q failed. The reason is not shown because an argument is sensitive.", name)
		case d.Summary == "Duplicate object key" && (hidden || anySensitive(d)):
			better.Detail = "Two different items produced the same key in this 'for' expression. The key is not shown because it is sensitive."
		default:
			plainValues(&better)
			if name != "" { // its reason may quote an argument
				better.Detail = cutShort(better.Detail)
			}
		}
		out[i] = &better
	}
	return out
}

// refersToSensitive tells whether anything in an expression may be sensitive.
func refersToSensitive(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	for _, t := range expr.Variables() {
		if v, _ := t.TraverseAbs(ctx); hasSensitive(v) {
			return true
		}
	}
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return true
	}
	found := false
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			found = found || call.Name == "sensitive"
		}
		return nil
	})
	return found
}

// discreet makes the diagnostics fit of something that becomes a secret: why
// functions failed is hidden, since their reasons quote arguments, and the values
// involved, too. What the functions that read files say stays.
func discreet(diags hcl.Diagnostics, expr hcl.Expression, ctx *hcl.EvalContext) hcl.Diagnostics {
	out := tidied(diags, expr, ctx)
	for i, d := range out {
		better := *d
		if name := failedCall(d); name != "" && name != "sensitive" && !fileFunctions[name] {
			better.Detail = fmt.Sprintf("The call of function %q failed. The reason is not shown because the result is sensitive.", name)
		}
		better.Expression, better.EvalContext = nil, nil
		out[i] = &better
	}
	return out
}

// failedCall gives the name of the function whose own error this is, or "".
func failedCall(d *hcl.Diagnostic) string {
	extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	if !ok || extra.FunctionCallError() == nil {
		return ""
	}
	return extra.CalledFunctionName()
}

// callSensitive tells whether the call in expr that failed has a sensitive
// argument: what is said of one argument may quote another.
func callSensitive(expr hcl.Expression, name string, d *hcl.Diagnostic) bool {
	node, ok := expr.(hclsyntax.Node)
	if !ok || d.Subject == nil {
		return true
	}
	found := false
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		if ok && call.Name == name && call.Range().Overlaps(*d.Subject) {
			of := *d
			of.Expression = call
			found = found || anySensitive(&of)
		}
		return nil
	})
	return found
}

// cutShort leaves out the middle of a text that nobody would read to its end.
func cutShort(s string) string {
	const begin, end = 3000, 500
	if len(s) <= begin+end {
		return s
	}
	return strings.ToValidUTF8(s[:begin]+" … "+s[len(s)-end:], "")
}

// panicked tells whether a function failed by a defect of its own: its reason is
// a stack of calls then.
func panicked(d *hcl.Diagnostic) bool {
	extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	var defect function.PanicError
	return ok && errors.As(extra.FunctionCallError(), &defect)
}

// calledFunction gives the name of the function whose call a diagnostic is about,
// or "".
func calledFunction(d *hcl.Diagnostic) string {
	extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	if !ok {
		return ""
	}
	return extra.CalledFunctionName()
}

// anySensitive tells whether the expression of a diagnostic, an argument of it,
// or anything that it refers to, is sensitive.
func anySensitive(d *hcl.Diagnostic) bool {
	exprs := []hcl.Expression{d.Expression} // a call that has failed, or an argument of one, which may be a call itself
	if call, ok := d.Expression.(*hclsyntax.FunctionCallExpr); ok {
		for _, a := range call.Args {
			exprs = append(exprs, a)
		}
	}
	for _, e := range exprs {
		if v, _ := e.Value(d.EvalContext); hasSensitive(v) {
			return true
		}
		for _, t := range e.Variables() {
			if v, _ := t.TraverseAbs(d.EvalContext); hasSensitive(v) {
				return true
			}
		}
	}
	return false
}

func functionNames(ctx *hcl.EvalContext) []string {
	var names []string
	for ; ctx != nil; ctx = ctx.Parent() {
		names = slices.AppendSeq(names, maps.Keys(ctx.Functions))
	}
	slices.Sort(names)
	return names
}

// errorOf makes an error, for a function, of the diagnostics of an expression in it.
func errorOf(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			return errors.New(strings.TrimSuffix(d.Detail, "."))
		}
	}
	return errors.New("it could not be evaluated")
}

// attributeNames gives the names of the attributes of an object, sorted; none of
// any other type.
func attributeNames(ty cty.Type) []string {
	if !ty.IsObjectType() {
		return nil
	}
	names := make([]string, 0, len(ty.AttributeTypes()))
	for n := range ty.AttributeTypes() {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

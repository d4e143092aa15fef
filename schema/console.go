package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// consoleInput is the file name of expressions given to Scope.Eval.
const consoleInput = "<console-input>"

// Scope evaluates single expressions in a configuration, for a console. It is
// not to be used by several goroutines at once.
type Scope struct {
	graph *graph
	root  *hcl.EvalContext
	input []byte
}

// Scope returns the scope in which the jobs of the configuration are evaluated,
// without what varies from job to job and from target to target.
func (c *Config) Scope() *Scope { return c.scope }

// Eval parses and evaluates one expression. The value may be sensitive: show it
// by FormatValue only.
func (s *Scope) Eval(expr string) (cty.Value, hcl.Diagnostics) {
	s.input = []byte(expr)
	if diags := checkNesting(s.input, consoleInput, hclsyntax.LexExpression); diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	parsed, diags := hclsyntax.ParseExpression(s.input, consoleInput, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.DynamicVal, plainSyntax(s.input, hcl.InitialPos, len(s.input), diags)
	}
	boundNumbers(parsed)
	of, isType := typeCall(parsed)
	if isType {
		parsed = of
	}
	g := *s.graph
	g.collector = &collector{}
	a := &arg{name: "input", expr: parsed, rng: parsed.Range()}
	g.resolve(a, 0)
	ctx := s.root
	if g.jobsUsed && !s.graph.jobsUsed {
		ctx = g.everything()
		s.graph.jobsUsed, s.root = true, ctx
	}
	v, ok := g.eval(a, ctx)
	if !ok {
		return cty.DynamicVal, g.diags
	}
	if isType {
		ty := v.Type()
		v = cty.CapsuleVal(shownType, &ty)
	}
	return v, g.diags
}

// Files returns the expression last given to Eval, for the snippets of its
// diagnostics.
func (s *Scope) Files() map[string]*hcl.File {
	return map[string]*hcl.File{consoleInput: {Bytes: blank(s.input, literalSecrets(s.input, nil, false))}}
}

// FormatValue prints a value in the language itself, as Terraform's console
// does. What is sensitive or unknown shows as Redacted and KnownLater.
func FormatValue(v cty.Value) string {
	var b strings.Builder
	formatValue(&b, v, 0)
	return b.String()
}

func formatValue(b *strings.Builder, v cty.Value, indent int) {
	ty := v.Type()
	switch {
	case v.HasMark(sensitive):
		b.WriteString(Redacted)
		return
	case !v.IsKnown():
		b.WriteString(KnownLater)
		return
	case v.IsNull():
		b.WriteString(formatNull(ty))
		return
	}
	switch {
	case ty == cty.String:
		formatString(b, v.AsString(), indent)
	case ty == cty.Number:
		b.WriteString(numberText(v))
	case ty == cty.Bool:
		b.WriteString(strconv.FormatBool(v.True()))
	case ty.IsObjectType():
		formatElements(b, v, indent, "{", "}")
	case ty.IsMapType():
		formatElements(b, v, indent, "tomap({", "})")
	case ty.IsTupleType():
		formatElements(b, v, indent, "[", "]")
	case ty.IsListType():
		formatElements(b, v, indent, "tolist([", "])")
	case ty.IsSetType():
		formatElements(b, v, indent, "toset([", "])")
	case ty == shownType:
		writeType(b, *v.EncapsulatedValue().(*cty.Type), indent)
	default:
		b.WriteString("(" + ty.FriendlyName() + ")")
	}
}

func formatNull(ty cty.Type) string {
	switch ty {
	case cty.String:
		return "tostring(null)"
	case cty.Number:
		return "tonumber(null)"
	case cty.Bool:
		return "tobool(null)"
	}
	return "null"
}

func formatElements(b *strings.Builder, v cty.Value, indent int, open, end string) {
	b.WriteString(open)
	keyed := v.Type().IsObjectType() || v.Type().IsMapType()
	empty := true
	for it := v.ElementIterator(); it.Next(); {
		key, e := it.Element()
		empty = false
		b.WriteString("\n" + strings.Repeat("  ", indent+1))
		if keyed {
			b.WriteString(quoteKey(key.AsString()) + " = ")
		}
		formatValue(b, e, indent+1)
		if !keyed {
			b.WriteString(",")
		}
	}
	if !empty {
		b.WriteString("\n" + strings.Repeat("  ", indent))
	}
	b.WriteString(end)
}

// formatString prints a string in quotes, or, if it has several lines, as a
// here document.
func formatString(b *strings.Builder, s string, indent int) {
	lines := strings.Split(s, "\n")
	control := func(r rune) bool { return r != '\n' && r != '\t' && (r < ' ' || r == 0x7f) }
	if len(lines) == 1 || strings.ContainsFunc(s, control) {
		b.WriteString(quoteKey(s))
		return
	}
	end := "EOT"
	for slices.ContainsFunc(lines, func(l string) bool { return strings.TrimSpace(l) == end }) {
		end += "_"
	}
	margin := strings.Repeat("  ", indent)
	open := "<<" + end
	if indent > 0 {
		open = "<<-" + end
	}
	fmt.Fprintf(b, "%s\n", open)
	for _, l := range lines {
		fmt.Fprintf(b, "%s%s\n", margin, l)
	}
	b.WriteString(margin + end)
}

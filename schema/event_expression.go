package schema

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// eventExpr is an expression over event.*. It is evaluated for every event of a
// name, so that all that can be known before is.
type eventExpr struct {
	arg   *arg
	ctx   *hcl.EvalContext // of the job
	refs  headerRefs
	fixed cty.Value // its value, where it does not refer to the event; NilVal: it does
}

// newEventExpr takes an expression whose value is v without any event.
func newEventExpr(a *arg, v cty.Value, ctx *hcl.EvalContext) *eventExpr {
	x := &eventExpr{arg: a, ctx: ctx}
	for _, t := range a.expr.Variables() {
		if t.RootName() == "event" {
			x.refs.add(t[1:])
		}
	}
	if a.uses&inEvent == 0 {
		x.fixed = v
	}
	return x
}

// eval gives the value for one event. It shares nothing with other calls that it
// would change.
func (x *eventExpr) eval(h EventHeaders) (cty.Value, hcl.Diagnostics) {
	if x.fixed != cty.NilVal {
		return x.fixed, nil
	}
	ctx := x.ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"event": h.object(x.refs)}
	v, diags := x.arg.expr.Value(ctx)
	if diags.HasErrors() {
		return cty.NilVal, bounded(tidied(diags, x.arg.expr, ctx))
	}
	return v, nil
}

func asBool(v cty.Value) (cty.Value, error) {
	v, _ = v.UnmarkDeep()
	return convert.Convert(v, cty.Bool)
}

func asText(v cty.Value) (cty.Value, error) {
	v, _ = v.UnmarkDeep()
	return convert.Convert(v, cty.String)
}

// need is a header that an event must have for a condition to be true.
type need struct{ name, value string }

// perhaps tells whether the event may have it: false is certain.
func (n need) perhaps(h EventHeaders) bool {
	found := false
	for _, header := range h {
		if !strings.EqualFold(header.Name, n.name) {
			continue
		}
		if found || header.Value == n.value || !plainASCII(header.Value) {
			return true
		}
		found = true
	}
	return false
}

// plainASCII tells whether a text is the same as a value of the language.
func plainASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// needsOf finds what must be so for a condition to be true: comparisons of a
// header with a text that is known, which stand by themselves or between &&.
// Most events that do not match are told by it without evaluating anything.
func needsOf(expr hcl.Expression, ctx *hcl.EvalContext) []need {
	if node, ok := expr.(hclsyntax.Expression); ok {
		expr = bare(node)
	}
	switch expr := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return needsOf(expr.Expression, ctx)
	case *hclsyntax.BinaryOpExpr:
		switch expr.Op {
		case hclsyntax.OpLogicalAnd:
			return append(needsOf(expr.LHS, ctx), needsOf(expr.RHS, ctx)...)
		case hclsyntax.OpEqual:
			if n, ok := needOf(expr.LHS, expr.RHS, ctx); ok {
				return []need{n}
			}
			if n, ok := needOf(expr.RHS, expr.LHS, ctx); ok {
				return []need{n}
			}
		}
	}
	return nil
}

func needOf(header, text hcl.Expression, ctx *hcl.EvalContext) (need, bool) {
	expr, ok := header.(*hclsyntax.ScopeTraversalExpr)
	if !ok || expr.Traversal.RootName() != "event" || len(expr.Traversal) != 2 {
		return need{}, false
	}
	var refs headerRefs
	refs.add(expr.Traversal[1:])
	for _, t := range text.Variables() {
		if t.RootName() == "event" {
			return need{}, false
		}
	}
	v, diags := text.Value(ctx)
	if diags.HasErrors() || refs.whole {
		return need{}, false
	}
	v, _ = v.Unmark()
	if v.Type() != cty.String || !v.IsKnown() || v.IsNull() {
		return need{}, false
	}
	return need{refs.names[0], v.AsString()}, true
}

package schema

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

func (m *module) declareLocals(b *hcl.Block) {
	attrs := m.values("A locals block", b.Body)
	sorted := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		sorted = append(sorted, a)
	}
	slices.SortFunc(sorted, func(a, b *hcl.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	for _, attr := range sorted {
		a := &arg{name: attr.Name, expr: attr.Expr, rng: attr.Expr.Range()}
		m.declare(&node{root: "local", name: attr.Name, rng: attr.NameRange, args: []*arg{a}, compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
			if m.kept > maxLocals {
				return cty.NilVal, false // told
			}
			v, ok := m.eval(a, ctx)
			if ok && !isReference(a.expr) {
				if m.kept += weightOf(v); m.kept > maxLocals {
					m.fail(a.rng, "Values too large", "All local values together hold more elements, or more text, than a configuration can handle.")
					return v, false
				}
			}
			if ok && tooLarge(v) {
				m.fail(a.rng, "Value too large", "The local value %q is larger than a configuration can handle.", a.name)
				return v, false
			}
			return v, ok
		}})
	}
}

// isReference tells whether an expression does no more than refer to something,
// so that its value is no new one.
func isReference(expr hcl.Expression) bool {
	_, diags := hcl.AbsTraversalForExpr(expr)
	return !diags.HasErrors()
}

// tooLarge tells whether a value is beyond all use. Local values can double
// from one to the next, so that a few lines could fill the memory.
func tooLarge(v cty.Value) bool {
	const maxBytes, maxElements, maxBits = 64 << 20, 4 << 20, 4096
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return false
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return len(v.AsString()) > maxBytes
	case ty == cty.Number:
		exponent := v.AsBigFloat().MantExp(nil)
		return exponent > maxBits || exponent < -maxBits
	case ty.IsCollectionType() || ty.IsTupleType():
		return v.LengthInt() > maxElements
	}
	return false
}

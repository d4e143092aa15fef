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
			v, ok := m.eval(a, ctx)
			if ok && tooLarge(v) {
				m.fail(a.rng, "Value too large", "The local value %q is larger than a configuration can handle.", a.name)
				return v, false
			}
			return v, ok
		}})
	}
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

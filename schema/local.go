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
			if ok && !m.walkable(a, v) {
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
	const maxBits = 4096
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return false
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return len(v.AsString()) > maxText
	case ty == cty.Number:
		exponent := v.AsBigFloat().MantExp(nil)
		return exponent > maxBits || exponent < -maxBits
	case ty.IsCollectionType() || ty.IsTupleType():
		return v.LengthInt() > maxItems
	}
	return false
}

// maxWalked bounds what is looked through in all, to find values that hold more than
// maxItems at any depth.
const maxWalked = 32 * maxItems

// walkable checks that what an argument has made has an end for who goes through it.
// Values share what they hold: sixty lines of which each has twice the value of the
// one before take no memory, and more than a lifetime to look through.
func (l *loader) walkable(a *arg, v cty.Value) bool {
	if a.uses == 0 && isReference(a.expr) {
		return true
	}
	most := min(maxItems, maxWalked-l.walked)
	left := heldWithin(v, most)
	l.walked += most - max(left, 0)
	if left < 0 {
		l.fail(a.rng, "Value too large", "A local value, an input of a module or an output can hold %d elements, with all that is in them, and all together %d. One that holds the same value several times holds its elements as often.", maxItems, maxWalked)
		return false
	}
	return true
}

// heldWithin takes the elements that a value holds, at any depth, off how many there
// may be, until there are too many.
func heldWithin(v cty.Value, left int) int {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return left
	}
	n, ty := v.LengthInt(), v.Type()
	if ty.IsCollectionType() && isFlat(ty.ElementType()) {
		return left - n*(1+len(attributesOf(ty.ElementType())))
	}
	if left -= n; left < 0 || isFlat(ty) {
		return left
	}
	for it := v.ElementIterator(); it.Next() && left >= 0; {
		_, e := it.Element()
		left = heldWithin(e, left)
	}
	return left
}

// isFlat tells whether values of a type hold nothing that has elements itself.
func isFlat(ty cty.Type) bool {
	if !ty.IsObjectType() {
		return ty.IsPrimitiveType()
	}
	for _, attribute := range ty.AttributeTypes() {
		if !attribute.IsPrimitiveType() {
			return false
		}
	}
	return true
}

func attributesOf(ty cty.Type) map[string]cty.Type {
	if ty.IsObjectType() {
		return ty.AttributeTypes()
	}
	return nil
}

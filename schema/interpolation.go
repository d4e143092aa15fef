package schema

import (
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// interpolated is a part of a template that may be a number. The language
// computes with numbers of 512 bits, and to write one of these out takes twenty
// microseconds: too long for "PJSIP/${1000 + n}" of 100,000 phones. So whole
// numbers become text here, before the template does the same. It stands for
// parentheses around the part, so that who looks for something in an expression
// finds it there too.
//
// What all parts make together is counted as well.
type interpolated struct {
	*hclsyntax.ParenthesesExpr
	written *textSoFar
	first   bool // of the parts that are counted
}

func (p *interpolated) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := p.ParenthesesExpr.Value(ctx)
	if s, ok := wholeNumberText(v); ok {
		v = s
	}
	if d := p.written.add(v, p.first, p.Range()); d != nil {
		return cty.UnknownVal(cty.String), append(diags, d)
	}
	return v, diags
}

// interpolate puts parts that may be numbers into a template.
func interpolate(t *hclsyntax.TemplateExpr) {
	w, first := &textSoFar{}, true
	for i, p := range t.Parts {
		switch p.(type) {
		case *hclsyntax.LiteralValueExpr, *interpolated:
		default:
			t.Parts[i] = &interpolated{&hclsyntax.ParenthesesExpr{Expression: p, SrcRange: p.Range()}, w, first}
			first = false
		}
	}
}

// textFrom converts a value to text, as the language does.
func textFrom(v cty.Value) (cty.Value, error) {
	if s, ok := wholeNumberText(v); ok {
		return s, nil
	}
	return convert.Convert(v, cty.String)
}

// wholeNumberText writes a whole number of a usual size out as the language
// does. It returns false for all else, which is to be converted by the language.
func wholeNumberText(v cty.Value) (cty.Value, bool) {
	number, marks := v.Unmark()
	n, ok := wholeNumber(number)
	if !ok {
		return cty.NilVal, false
	}
	return cty.StringVal(strconv.FormatInt(n, 10)).WithMarks(marks), true
}

// wholeNumber gives a whole number of a usual size.
func wholeNumber(v cty.Value) (int64, bool) {
	if v.Type() != cty.Number || v.IsMarked() || !v.IsKnown() || v.IsNull() {
		return 0, false
	}
	f := v.AsBigFloat()
	if !f.IsInt() || f.MantExp(nil) > 63 || f.Sign() == 0 && f.Signbit() {
		return 0, false
	}
	n, _ := f.Int64()
	return n, true
}

// shortNumbers gives the same value with whole numbers of 64 bits, which are
// written out as others are, only faster.
func shortNumbers(v cty.Value) cty.Value {
	if !hasNumbers(v.Type()) {
		return v
	}
	short, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if n, ok := wholeNumber(v); ok {
			return cty.NumberIntVal(n), nil
		}
		return v, nil
	})
	if err != nil { // the function above has none: cannot happen
		return v
	}
	return short
}

// hasNumbers tells whether a value of a type may have numbers in it.
func hasNumbers(ty cty.Type) bool {
	switch {
	case ty == cty.Number:
		return true
	case ty.IsObjectType():
		for _, a := range ty.AttributeTypes() {
			if hasNumbers(a) {
				return true
			}
		}
	case ty.IsTupleType():
		return slices.ContainsFunc(ty.TupleElementTypes(), hasNumbers)
	case ty.IsCollectionType():
		return hasNumbers(ty.ElementType())
	}
	return false
}

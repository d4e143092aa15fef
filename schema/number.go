package schema

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// maxDigits bounds the numbers that are computed with, before the point and
// after it. A text as short as 1e600000000 becomes a number whose sum with 1, and
// whose digits, take all time and memory; and texts come from strangers.
const maxDigits = 9_999

var errDigits = fmt.Errorf("a number of more than %d digits cannot be computed with", maxDigits)

// tooGreat and tooSmall are the first numbers that have more digits.
var (
	tooGreat = cty.MustParseNumberVal(fmt.Sprintf("1e%d", maxDigits)).AsBigFloat()
	tooSmall = cty.MustParseNumberVal(fmt.Sprintf("1e-%d", maxDigits+1)).AsBigFloat()
)

// manyDigits tells whether a value is or holds a number of more digits.
func manyDigits(v cty.Value) bool {
	v, _ = v.Unmark()
	switch ty := v.Type(); {
	case !v.IsKnown() || v.IsNull():
		return false
	case ty == cty.Number:
		f := v.AsBigFloat()
		size := new(big.Float).Abs(f) // infinite, if there are too many digits to count
		return size.Cmp(tooGreat) >= 0 || size.Sign() != 0 && size.Cmp(tooSmall) <= 0
	case ty.IsPrimitiveType() || !v.CanIterateElements() || ty.IsCollectionType() && ty.ElementType() == cty.String:
		return false
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, e := it.Element(); manyDigits(e) {
			return true
		}
	}
	return false
}

// manyDigitsAsNumber tells whether a text, as a number, would have more digits.
func manyDigitsAsNumber(v cty.Value) bool {
	v, _ = v.Unmark()
	if v.Type() != cty.String || !v.IsKnown() || v.IsNull() {
		return manyDigits(v)
	}
	n, err := convert.Convert(v, cty.Number)
	return err == nil && manyDigits(n)
}

// countable refuses numbers of too many digits, which may have been texts.
func countable(f function.Function) function.Function {
	return guarded(f, func(args []cty.Value) error {
		if i := slices.IndexFunc(args, manyDigits); i >= 0 {
			return function.NewArgError(i, errDigits)
		}
		return nil
	})
}

// guarded has check say of arguments, before f is called, whether they may be,
// and refuses a result of too many digits. Of a result that is not known it
// knows as much as f.
func guarded(f function.Function, check func(args []cty.Value) error) function.Function {
	spec := &function.Spec{
		Params: slices.Clone(f.Params()),
		Type:   typeOf(f),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			plain := make([]cty.Value, len(args))
			for i, a := range args {
				plain[i], _ = a.Unmark()
			}
			if err := check(plain); err != nil {
				return cty.NilVal, err
			}
			v, err := f.Call(args)
			if err == nil && manyDigits(v) {
				err = errDigits
			}
			return v, err
		},
	}
	for i := range spec.Params {
		spec.Params[i].AllowUnknown = true
	}
	if p := f.VarParam(); p != nil {
		all := *p
		all.AllowUnknown = true
		spec.VarParam = &all
	}
	return function.New(spec)
}

// typeOf says of what type the result of f is, where that is not known: a result that
// is known tells. To find out the type of what a text is decoded to takes as long as
// to decode it, and would be done again by each function around f.
func typeOf(f function.Function) function.TypeFunc {
	return func(args []cty.Value) (cty.Type, error) {
		if !slices.ContainsFunc(args, func(a cty.Value) bool { return !a.IsKnown() }) {
			return cty.DynamicPseudoType, nil
		}
		return f.ReturnTypeForValues(args)
	}
}

// divided refuses a division by zero, whose result cty has for a number of
// infinitely many digits.
func divided(f function.Function) function.Function {
	return guarded(f, func(args []cty.Value) error {
		if i := slices.IndexFunc(args, manyDigits); i >= 0 {
			return function.NewArgError(i, errDigits)
		}
		by, _ := args[1].Unmark()
		if by.Type() == cty.Number && by.IsKnown() && !by.IsNull() && by.AsBigFloat().Sign() == 0 {
			return function.NewArgErrorf(1, "a division by zero")
		}
		return nil
	})
}

// takesNumbers tells whether the language converts an argument of a function to
// a number.
func takesNumbers(f function.Function) bool {
	params := f.Params()
	if p := f.VarParam(); p != nil {
		params = append(slices.Clone(params), *p)
	}
	return slices.ContainsFunc(params, func(p function.Parameter) bool {
		return p.Type == cty.Number || p.Type.IsCollectionType() && p.Type.ElementType() == cty.Number
	})
}

// countableOps are the operators that compute, but for what they refuse.
var countableOps = func() map[*hclsyntax.Operation]*hclsyntax.Operation {
	ops := make(map[*hclsyntax.Operation]*hclsyntax.Operation)
	for _, op := range []*hclsyntax.Operation{
		hclsyntax.OpAdd, hclsyntax.OpSubtract, hclsyntax.OpMultiply, hclsyntax.OpDivide, hclsyntax.OpModulo, hclsyntax.OpNegate,
	} {
		ops[op] = &hclsyntax.Operation{Impl: countable(op.Impl), Type: op.Type}
	}
	ops[hclsyntax.OpDivide].Impl = divided(hclsyntax.OpDivide.Impl)
	return ops
}()

// boundNumbers has all operators and indexes of what was parsed refuse numbers
// of too many digits, and templates write numbers out fast. Comparing them costs
// nothing. It also takes the namespace off the names of functions, all of which
// are in one, so that nobody else needs to know of it.
func boundNumbers(parsed hclsyntax.Node) {
	if expr, ok := parsed.(hclsyntax.Expression); ok {
		boundWork(expr)
	}
	hclsyntax.VisitAll(parsed, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.Attribute:
			boundWork(n.Expr)
		case *hclsyntax.FunctionCallExpr:
			n.Name = strings.TrimPrefix(n.Name, "core::")
			evenArguments(n)
		case *hclsyntax.ConditionalExpr:
			n.TrueResult, n.FalseResult = evened(n.TrueResult), evened(n.FalseResult)
		case *hclsyntax.BinaryOpExpr:
			if op := countableOps[n.Op]; op != nil {
				n.Op = op
			}
		case *hclsyntax.UnaryOpExpr:
			if op := countableOps[n.Op]; op != nil {
				n.Op = op
			}
		case *hclsyntax.TemplateExpr:
			interpolate(n)
		case *hclsyntax.IndexExpr:
			n.Key = &indexKey{&hclsyntax.ParenthesesExpr{Expression: n.Key, SrcRange: n.Key.Range()}, n.Collection}
		}
		return nil
	})
}

// indexKey is the key of an index, which a list takes for a number. It stands
// for parentheses around the key, so that who looks for something in an
// expression finds it there too.
type indexKey struct {
	*hclsyntax.ParenthesesExpr
	collection hclsyntax.Expression
}

func (k *indexKey) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	key, diags := k.ParenthesesExpr.Value(ctx)
	if diags.HasErrors() || !manyDigitsAsNumber(key) {
		return key, diags
	}
	list, _ := k.collection.Value(ctx)
	if ty := list.Type(); !ty.IsListType() && !ty.IsTupleType() {
		return key, diags
	}
	at := k.Range()
	return cty.DynamicVal, append(diags, failf(&at, "Invalid index", "The given key does not identify an element in this collection value: it is a number of more than %d digits.", maxDigits)...)
}

// Of a format: a verb that writes a number, and a verb whose width or precision
// has six digits.
var (
	numberVerb = regexp.MustCompile(`%[^%a-zA-Z]*[bdoxXeEfgG]`)
	wideVerb   = regexp.MustCompile(`%[^%a-zA-Z]*[0-9]{6}`)
)

// narrow bounds what a function writes by a format.
func narrow(f function.Function) function.Function {
	return guarded(f, func(args []cty.Value) error {
		if !args[0].IsKnown() {
			return nil
		}
		format := args[0].AsString()
		if wideVerb.MatchString(format) {
			return function.NewArgErrorf(0, "a width or precision of more than five digits")
		}
		numbers := numberVerb.MatchString(format)
		for i, a := range args[1:] {
			if numbers && holdsManyDigits(a) {
				return function.NewArgError(i+1, errDigits)
			}
		}
		return nil
	})
}

// holdsManyDigits is manyDigitsAsNumber of a value or of the elements of a list.
func holdsManyDigits(v cty.Value) bool {
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return manyDigitsAsNumber(v)
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, e := it.Element(); manyDigitsAsNumber(e) {
			return true
		}
	}
	return false
}

package schema

import (
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// manyElements is from how many elements on a tuple is made a list by even.
const manyElements = 64

// even is an argument of a function that takes a list or a set, or a branch of a
// condition. Where it is a tuple, as a 'for' makes, cty compares the type of each element with that of each
// other to find one for all: a minute for 100,000 phones. Elements that are all of
// one type are a list of that here, which is what cty makes of them in the end. It
// stands for parentheses around the argument, so that who looks for something in an
// expression finds it there too.
type even struct{ *hclsyntax.ParenthesesExpr }

func (e *even) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := e.ParenthesesExpr.Value(ctx)
	return evenList(v), diags
}

// evenList makes a list of a long tuple whose elements are of one type; all else
// it gives back.
func evenList(v cty.Value) cty.Value {
	if ty := v.Type(); !ty.IsTupleType() || ty.Length() < manyElements || !v.IsKnown() || v.IsNull() {
		return v
	}
	types := v.Type().TupleElementTypes()
	for _, ty := range types[1:] {
		if !ty.Equals(types[0]) {
			return v
		}
	}
	if types[0].HasDynamicTypes() {
		return v
	}
	plain, marks := v.Unmark()
	return cty.ListVal(plain.AsValueSlice()).WithMarks(marks)
}

// listArguments has, for each function, which of its arguments take a list or a
// set; the last one also stands for those that follow it, where there may be any
// number.
var listArguments func() map[string][]bool

func init() { listArguments = sync.OnceValue(findListArguments) }

func findListArguments() map[string][]bool {
	all := make(map[string][]bool)
	for name, f := range functions(nil) {
		params := f.Params()
		if p := f.VarParam(); p != nil {
			params = append(params[:len(params):len(params)], *p)
		}
		takes := make([]bool, len(params))
		for i, p := range params {
			takes[i] = p.Type.IsListType() || p.Type.IsSetType() || name == "toset" || name == "tolist" || name == "setproduct"
		}
		all[name] = takes
	}
	return all
}

// evenArguments has the arguments of a call take long tuples for lists, where they
// are made lists anyway.
func evenArguments(call *hclsyntax.FunctionCallExpr) {
	takes := listArguments()[call.Name]
	if len(takes) == 0 {
		return
	}
	for i, arg := range call.Args {
		if takes[min(i, len(takes)-1)] && !call.ExpandFinal {
			call.Args[i] = evened(arg)
		}
	}
}

// evened has an expression take long tuples for lists.
func evened(expr hclsyntax.Expression) hclsyntax.Expression {
	switch expr.(type) {
	case *even, *hclsyntax.LiteralValueExpr, *hclsyntax.TemplateExpr:
		return expr
	}
	return &even{&hclsyntax.ParenthesesExpr{Expression: expr, SrcRange: expr.Range()}}
}

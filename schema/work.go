package schema

import (
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxWork bounds what one expression makes on its way to its value: each element
// of a list that is gone through or made counts one, and each workText bytes of
// text. "for" inside of "for", or a function that makes a long list inside of one,
// would otherwise take hours and all memory from a line of source.
const (
	maxWork  = 2 << 20
	workText = 64 // bytes
)

// maxLocals bounds what all local values together hold, counted alike.
const maxLocals = 2 * maxWork

// weightOf is how much a value counts, without what its elements hold: those have
// been counted where they were made.
func weightOf(v cty.Value) int64 {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return 0
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return int64(len(v.AsString()) / workText)
	case ty.IsCollectionType() || ty.IsTupleType():
		return int64(v.LengthInt())
	case ty.IsObjectType():
		return int64(len(ty.AttributeTypes()))
	}
	return 0
}

// work is what evaluating an expression has made so far. Evaluations of the same
// expression that go on at once share it, which does no harm: it would take
// thousands of large ones for that to matter, and each sets it back.
type work struct {
	done  atomic.Int64
	where hcl.Range // the whole expression
}

func (w *work) over() bool { return w.done.Load() > maxWork }

// bare takes off an expression what counts its value, for those who look at how it
// is written.
func bare(expr hclsyntax.Expression) hclsyntax.Expression {
	if w, ok := expr.(*weighed); ok {
		return w.Expression
	}
	return expr
}

// weighed is a part of an expression whose value counts. Beyond the bound, which is
// told once, it is not evaluated any more: its value is unknown. It stands for
// parentheses around the part, so that who looks for something in an expression
// finds it there too.
type weighed struct {
	*hclsyntax.ParenthesesExpr
	work  *work
	first bool // it is evaluated before all others
}

func (w *weighed) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if w.first {
		w.work.done.Store(0)
	} else if w.work.over() {
		return cty.DynamicVal, nil
	}
	v, diags := w.ParenthesesExpr.Value(ctx)
	n := weightOf(v)
	total := w.work.done.Add(n)
	if total <= maxWork {
		return v, diags
	}
	if total-n > maxWork {
		return cty.DynamicVal, diags // told
	}
	return cty.DynamicVal, append(diags, problem(&w.work.where, "Too much to compute",
		"This would go through, or make, more than %d elements, or as much text. Make do with fewer \"for\" inside of one another, or with shorter lists.", maxWork))
}

// typeConstructors look like functions in the type of a variable; there are no
// functions of these names.
var typeConstructors = map[string]bool{"list": true, "map": true, "set": true, "object": true, "tuple": true, "optional": true}

// boundWork has an expression refuse to make too much.
func boundWork(root hclsyntax.Expression) {
	switch root := root.(type) {
	case *hclsyntax.ScopeTraversalExpr, *hclsyntax.LiteralValueExpr:
		return
	case *hclsyntax.FunctionCallExpr:
		if typeConstructors[root.Name] {
			return // the type of a variable, which is read and not evaluated
		}
	}
	heavy := 0
	hclsyntax.VisitAll(root, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			heavy += 2
		case *hclsyntax.FunctionCallExpr, *hclsyntax.SplatExpr:
			heavy++
		case *hclsyntax.TemplateExpr:
			if len(n.Parts) > 1 {
				heavy++
			}
		}
		return nil
	})
	if heavy < 2 {
		return // one alone, without repetition, is bounded by what it is given
	}
	w := &work{where: root.Range()}
	first := true
	weigh := func(part hclsyntax.Expression, always bool) hclsyntax.Expression {
		switch part.(type) {
		case nil:
			return nil
		case *hclsyntax.LiteralValueExpr, *hclsyntax.AnonSymbolExpr, *weighed:
			return part
		case *hclsyntax.ScopeTraversalExpr:
			if !always {
				return part
			}
		}
		e := &weighed{ParenthesesExpr: &hclsyntax.ParenthesesExpr{Expression: part, SrcRange: part.Range()}, work: w, first: first}
		first = false
		return e
	}
	// Outer nodes come before those in them, and the parts of a node in the order
	// in which they are evaluated: so the part that is weighed first comes first.
	hclsyntax.VisitAll(root, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			n.CollExpr = weigh(n.CollExpr, true) // each element is gone through
			if n.CondExpr != nil {
				n.CondExpr = weigh(n.CondExpr, false)
			}
			if n.KeyExpr != nil {
				n.KeyExpr = weigh(n.KeyExpr, false)
			}
			n.ValExpr = weigh(n.ValExpr, false)
		case *hclsyntax.FunctionCallExpr:
			for i := range n.Args {
				n.Args[i] = weigh(n.Args[i], false)
			}
		case *hclsyntax.SplatExpr:
			n.Source = weigh(n.Source, true)
		case *hclsyntax.IndexExpr:
			n.Collection = weigh(n.Collection, false)
		case *hclsyntax.RelativeTraversalExpr:
			n.Source = weigh(n.Source, false)
		case *hclsyntax.BinaryOpExpr:
			n.LHS, n.RHS = weigh(n.LHS, false), weigh(n.RHS, false)
		case *hclsyntax.TupleConsExpr:
			for i := range n.Exprs {
				n.Exprs[i] = weigh(n.Exprs[i], false)
			}
		case *hclsyntax.ObjectConsExpr:
			for i := range n.Items {
				if key, ok := n.Items[i].KeyExpr.(*hclsyntax.ObjectConsKeyExpr); ok {
					key.Wrapped = weigh(key.Wrapped, false)
				}
				n.Items[i].ValueExpr = weigh(n.Items[i].ValueExpr, false)
			}
		}
		return nil
	})
}

// textSoFar is the text that a template has so far, where it is put together of
// several parts: local values that are put into it again and again could fill the
// memory.
type textSoFar struct{ bytes atomic.Int64 }

// add counts a part. It tells what is wrong when there is too much.
func (w *textSoFar) add(v cty.Value, first bool, at hcl.Range) *hcl.Diagnostic {
	if v, _ = v.Unmark(); v.Type() != cty.String || !v.IsKnown() || v.IsNull() {
		return nil
	}
	n := int64(len(v.AsString()))
	if first {
		w.bytes.Store(0)
	}
	if w.bytes.Add(n) <= maxText {
		return nil
	}
	return problem(&at, "Text too long", "The text would have more than %d MiB.", maxText>>20)
}

package schema

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// headersOf reads a map of headers, in the order of their names, or a list of
// objects with name and value, in its own order. unknown says that the list
// itself is not known yet.
func headersOf(c *collector, v cty.Value, argument string, rng hcl.Range) (headers []Header, unknown bool) {
	v, marks := v.Unmark()
	if !v.IsKnown() {
		return nil, true
	}
	ty := v.Type()
	bad := func(format string, args ...any) {
		c.fail(rng, "Invalid headers", "The argument %q takes a map of names to values, or a list of objects with the attributes \"name\" and \"value\": %s", argument, fmt.Sprintf(format, args...))
	}
	add := func(name string, value cty.Value) {
		if value.IsNull() {
			return // as if it were not there
		}
		s, err := textFrom(value)
		if err != nil {
			bad("the value of %s is not text: %s.", excerpt(name), err)
			return
		}
		headers = append(headers, Header{Name: name, Value: textOf(s.WithMarks(marks))})
	}
	switch {
	case ty.IsObjectType() || ty.IsMapType():
		for it := v.ElementIterator(); it.Next(); {
			k, value := it.Element()
			name, _ := k.Unmark()
			add(name.AsString(), value)
		}
	case ty.IsTupleType() || ty.IsListType():
		index := -1
		for it := v.ElementIterator(); it.Next(); {
			index++
			_, e := it.Element()
			e, elementMarks := e.Unmark()
			if !e.IsKnown() {
				return nil, true
			}
			if e.IsNull() || !e.Type().IsObjectType() || !e.Type().HasAttribute("name") || !e.Type().HasAttribute("value") || len(e.Type().AttributeTypes()) != 2 {
				bad("element %d of the list has not just these.", index)
				continue
			}
			name := e.GetAttr("name")
			switch {
			case name.IsMarked() || len(elementMarks) > 0:
				bad("the name in element %d is sensitive, but names are shown.", index)
				continue
			case !name.IsKnown():
				return nil, true
			case name.IsNull() || name.Type() != cty.String:
				bad("the name in element %d is not text.", index)
				continue
			}
			add(name.AsString(), e.GetAttr("value"))
		}
	default:
		bad("this is a %s.", ty.FriendlyName())
	}
	return headers, false
}

// headerRange points at one header in the expression of a headers argument. A
// name that ends with an ellipsis was shortened.
func headerRange(expr hcl.Expression, name string) (hcl.Range, bool) {
	switch expr := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range expr.Items {
			if key, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && isText(key, name) {
				return hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range()), true
			}
		}
	case *hclsyntax.TupleConsExpr:
		for _, e := range expr.Exprs {
			object, ok := bare(e).(*hclsyntax.ObjectConsExpr)
			if !ok {
				continue
			}
			for _, item := range object.Items {
				key, _ := item.KeyExpr.Value(nil)
				value, diags := item.ValueExpr.Value(nil)
				if !diags.HasErrors() && isText(key, "name") && isText(value, name) {
					return object.Range(), true
				}
			}
		}
	}
	return hcl.Range{}, false
}

func isText(v cty.Value, s string) bool {
	if v == cty.NilVal || v.Type() != cty.String || !v.IsKnown() || v.IsNull() || v.IsMarked() {
		return false
	}
	begin, cut := strings.CutSuffix(s, "…")
	return v.AsString() == s || cut && strings.HasPrefix(v.AsString(), begin)
}

package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// plainValues puts what hcl says of evaluating an expression into words for
// people, and adds what there would have been instead.
func plainValues(d *hcl.Diagnostic) {
	say := func(format string, args ...any) { d.Detail = fmt.Sprintf(format, args...) }
	cut := func(prefix string) (string, bool) { return strings.CutPrefix(d.Detail, prefix) }
	switch d.Summary {
	case "Variables not allowed", "Function calls not allowed":
		say("Here stands a fixed value, which refers to nothing and calls no function. To compute a value, use locals { NAME = … } and refer to that where it is needed.")
	case "Call to unknown function":
		if call, ok := d.Expression.(*hclsyntax.FunctionCallExpr); ok {
			d.Summary, d.Detail = functionDiag(call.Name, d.EvalContext)
		}
	case "Not enough function arguments", "Too many function arguments":
		call, ok := d.Expression.(*hclsyntax.FunctionCallExpr)
		if !ok {
			return
		}
		f, ok := functionNamed(d.EvalContext, call.Name)
		if !ok {
			return
		}
		form := signature(call.Name, f)
		n := len(f.Params())
		takes := fmt.Sprintf("%d arguments", n)
		switch n {
		case 0:
			takes = "no arguments"
		case 1:
			takes = "1 argument"
		}
		if f.VarParam() != nil {
			takes = "at least " + takes
		}
		if _, missing, ok := strings.Cut(d.Detail, "Missing value for "); ok {
			say("The function %s takes %s: %s. The argument %s is missing.", call.Name, takes, form, strings.TrimSuffix(missing, "."))
			return
		}
		say("The function %s takes %s: %s. From here on there are too many.", call.Name, takes, form)
	case "Invalid function argument":
		if rest, ok := cut("Invalid value for "); ok {
			if param, reason, ok := strings.Cut(rest, " parameter: "); ok {
				say("The argument %s of %s cannot be used: %s", param, calledFunction(d), plainJSON(reason))
			}
		}
	case "Error in function call":
		if rest, ok := cut("Call to function "); ok {
			if name, reason, ok := strings.Cut(rest, " failed: "); ok {
				say("The function %s failed: %s", strings.Trim(name, `"`), plainJSON(reason))
			}
		}
	case "Invalid operand":
		for _, side := range [][2]string{{"left", "left of the operator"}, {"right", "right of the operator"}, {"unary", "behind the operator"}} {
			if reason, ok := cut("Unsuitable value for " + side[0] + " operand: "); ok {
				say("What stands %s cannot be used with it: %s", side[1], reason)
			}
		}
	case "Operation failed":
		if byZero(d) {
			say("This divides by zero.")
		} else if reason, ok := cut("Error during operation: "); ok {
			say("The operation has no result: %s", reason)
		}
	case "Invalid template interpolation value":
		switch {
		case strings.Contains(d.Detail, "null"):
			say("This value is null, so that it cannot be put into a text. To put in something else instead, write coalesce(VALUE, \"…\").")
		default:
			if _, reason, ok := strings.Cut(d.Detail, "template: "); ok {
				say("This value cannot be put into a text: %s. For a list write join(\", \", LIST), for anything else jsonencode(VALUE).", strings.TrimSuffix(reason, "."))
			}
		}
	case "Inconsistent conditional result types":
		say("%s", strings.Replace(d.Detail, "The true and false result expressions must have consistent types.", "Both values of a condition must be of one type.", 1))
	case "Null condition":
		say("The condition is null. It must be true or false.")
	case "Incorrect condition type":
		say("The condition must be true or false, as comparisons are.")
	case "Iteration over non-iterable value":
		if _, rest, ok := strings.Cut(d.Detail, "A value of type "); ok {
			ty, _, _ := strings.Cut(rest, " cannot be used")
			say("'for' goes through a list, set, map or object, but this is a %s.", ty)
		}
	case "Iteration over null value":
		say("'for' goes through a list, set, map or object, but this is null.")
	case "Condition is null", "Invalid 'for' condition":
		if _, reason, ok := strings.Cut(d.Detail, "is invalid: "); ok {
			say("The condition after \"if\" must be true or false: %s", reason)
		} else {
			say("The condition after \"if\" must be true or false, not null.")
		}
	case "Invalid object key":
		if _, reason, ok := strings.Cut(d.Detail, "invalid result: "); ok {
			say("The key before \"=>\" must be text: %s", reason)
		} else {
			say("The key before \"=>\" must be text, not null.")
		}
	case "Null value as key", "Incorrect key type":
		if _, reason, ok := strings.Cut(d.Detail, "as a key: "); ok {
			say("The key must be text: %s", reason)
		} else {
			say("The key must be text, not null.")
		}
	case "Duplicate object key":
		say("%s", strings.Replace(d.Detail, "If duplicates are expected, use the ellipsis (...) after the value expression to enable grouping by key.",
			"To have a list of the values of each key, write \"...\" behind the value.", 1))
	case "Attempt to index null value":
		say("This value is null, so that it has no elements.")
	case "Attempt to get attribute from null value":
		say("This value is null, so that it has no attributes. To allow for that, write try(VALUE.NAME, null).")
	case "Unsupported attribute":
		if rest, ok := cut("This object does not have an attribute named "); ok {
			say("This object has no attribute %s", rest)
		} else if rest, ok := cut("Can't access attributes on a primitive-typed value ("); ok {
			ty, _, _ := strings.Cut(rest, ")")
			say("This is a %s, which has no attributes.", ty)
		} else if strings.HasPrefix(d.Detail, "Can't access attributes on a") {
			say("This is a list or set, which has no attributes. For the attribute of one element write LIST[0].NAME, for those of all LIST[*].NAME.")
		} else if strings.HasPrefix(d.Detail, "This value does not have any attributes") {
			say("This value has no attributes.")
		}
		d.Detail += elementHint(d)
	case "Duplicate object attribute": // of a variable file in JSON
		if _, where, ok := strings.Cut(d.Detail, " was already defined at "); ok {
			d.Summary = "Name given twice"
			say("The object has this name already, at %s Take one of them out.", where)
		}
	case "Missing map element":
		if rest, ok := cut("This map does not have an element with the key "); ok {
			say("This map has no element %s.%s", strings.TrimSuffix(rest, "."), elementHint(d))
		}
	case "Invalid index":
		plainIndex(d)
	case "Splat of null value":
		say("[*] goes through a list, but this is null.")
	case "Invalid expanding argument value":
		say("Before \"...\" stands a list whose elements are the arguments of the function.")
	}
}

// byZero tells whether an operation that failed is a division by zero.
func byZero(d *hcl.Diagnostic) bool {
	op, ok := d.Expression.(*hclsyntax.BinaryOpExpr)
	if !ok || op.Op != countableOps[hclsyntax.OpDivide] && op.Op != countableOps[hclsyntax.OpModulo] {
		return false
	}
	v, _ := op.RHS.Value(d.EvalContext)
	v, _ = v.Unmark()
	v, err := convert.Convert(v, cty.Number)
	return err == nil && v.IsKnown() && !v.IsNull() && v.AsBigFloat().Sign() == 0
}

var (
	indexReason = regexp.MustCompile(`^The given key does not identify an element in this collection value: (.*)$`)
	mismatch    = regexp.MustCompile(`\b((?:list|set|map) of [a-z ]*[a-z]|string|number|bool|object|tuple|list|set|map) required(?:, but have ((?:list|set|map) of [a-z ]*[a-z]|string|number|bool|object|tuple|dynamic))?`)
	jsonReason  = regexp.MustCompile(`^invalid character (.+) looking for beginning of (value|object key string)\.?$`)
)

// plainMismatch words what cty says of two types that do not fit.
func plainMismatch(s string) string {
	if !strings.Contains(s, " required") {
		return s
	}
	return mismatch.ReplaceAllStringFunc(s, func(found string) string {
		m := mismatch.FindStringSubmatch(found)
		if m[2] == "" {
			return article(m[1]) + " is required"
		}
		return article(m[1]) + " is required, but this is " + article(m[2])
	})
}

func article(what string) string {
	if strings.ContainsRune("aeiou", rune(what[0])) {
		return "an " + what
	}
	return "a " + what
}

// plainJSON words what is wrong with JSON.
func plainJSON(reason string) string {
	if strings.HasPrefix(reason, "EOF") || strings.HasPrefix(reason, "unexpected EOF") {
		return "it ends too early."
	}
	if m := jsonReason.FindStringSubmatch(reason); m != nil {
		return fmt.Sprintf("a value cannot begin with %s, so that this is no JSON.", m[1])
	}
	return reason
}

func plainIndex(d *hcl.Diagnostic) {
	reason := ""
	if m := indexReason.FindStringSubmatch(d.Detail); m != nil {
		reason = m[1]
	}
	switch {
	case strings.HasPrefix(d.Detail, "Elements of a set"):
		d.Detail = "The elements of a set have neither order nor keys, so that none can be picked. Make a list of it, tolist(SET), or go through it with 'for'."
		return
	case strings.HasPrefix(d.Detail, "This value does not have any indices"):
		d.Detail = "This value has no elements to pick from: it is neither a list nor a map."
		return
	case strings.HasPrefix(d.Detail, "Can't use a null value"):
		d.Detail = "The index is null."
		return
	case !strings.HasPrefix(d.Detail, "The given key does not identify"):
		return
	case strings.Contains(reason, "negative"):
		d.Detail = "The index is negative. To count from the end, write LIST[length(LIST) - 1]."
		return
	case strings.Contains(reason, "fractional"):
		d.Detail = "The index must be a whole number."
		return
	case strings.HasSuffix(reason, "required."), strings.Contains(reason, "digits"):
		d.Detail = "The index does not suit: " + reason
		return
	}
	d.Detail = "There is no such element." + elementHint(d)
}

// elementHint says what there is where an element or attribute was asked for
// that there is not.
func elementHint(d *hcl.Diagnostic) string {
	switch expr := d.Expression.(type) {
	case *hclsyntax.IndexExpr:
		collection, _ := expr.Collection.Value(d.EvalContext)
		key, _ := expr.Key.Value(d.EvalContext)
		return elementsHint(collection, key)
	case *hclsyntax.ScopeTraversalExpr:
		root, diags := expr.Traversal[:1].TraverseAbs(d.EvalContext)
		if diags.HasErrors() {
			return ""
		}
		return elementsHint(failingStep(root, expr.Traversal[1:]))
	case *hclsyntax.RelativeTraversalExpr:
		source, diags := expr.Source.Value(d.EvalContext)
		if diags.HasErrors() {
			return ""
		}
		return elementsHint(failingStep(source, expr.Traversal))
	}
	return ""
}

// failingStep follows a reference to the value at which it ends, and gives what
// that lacks.
func failingStep(v cty.Value, t hcl.Traversal) (collection, key cty.Value) {
	for n := range t {
		next, diags := t[n : n+1].TraverseRel(v)
		if !diags.HasErrors() {
			v = next
			continue
		}
		switch step := t[n].(type) {
		case hcl.TraverseIndex:
			return v, step.Key
		case hcl.TraverseAttr:
			return v, cty.StringVal(step.Name)
		}
	}
	return cty.NilVal, cty.NilVal
}

func elementsHint(collection, key cty.Value) string {
	if collection == cty.NilVal || key == cty.NilVal || collection.IsMarked() || key.IsMarked() || collection.IsNull() || !key.IsKnown() || key.IsNull() {
		return ""
	}
	ty := collection.Type()
	switch {
	case !ty.IsObjectType() && !collection.IsKnown():
	case ty.IsObjectType() || ty.IsMapType():
		if key.Type() != cty.String {
			return ""
		}
		known := attributeNames(ty)
		if ty.IsMapType() {
			known = slices.Sorted(maps.Keys(collection.AsValueMap()))
		}
		if len(known) == 0 {
			return " It has none at all."
		}
		return suggestOrList(key.AsString(), known)
	case ty.IsListType() || ty.IsTupleType():
		switch n := collection.LengthInt(); n {
		case 0:
			return " The list is empty."
		case 1:
			return " The list has one element, which has the index 0."
		default:
			return fmt.Sprintf(" The list has %d elements, which have the indexes 0 to %d.", n, n-1)
		}
	}
	return ""
}

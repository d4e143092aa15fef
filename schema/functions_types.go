package schema

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// anyValue is a parameter that takes everything as it is.
var anyValue = function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true}

// toFunc makes a function that converts to a type. The elements of a list keep
// their marks each for itself, so that one secret among them does not hide all.
func toFunc(ty cty.Type) function.Function {
	value := anyValue
	value.Name = "v"
	cannot := func(what string) error {
		hint := ""
		switch ty {
		case cty.Bool:
			hint = `; only the strings "true" or "false" are allowed`
		case cty.Number:
			hint = "; given string must be a decimal representation of a number"
		}
		return function.NewArgErrorf(0, "cannot convert %s to %s%s", what, ty.FriendlyNameForConstraint(), hint)
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{value},
		Type: func(args []cty.Value) (cty.Type, error) {
			from := args[0].Type()
			if !from.Equals(ty) && convert.GetConversionUnsafe(from, ty) == nil {
				return cty.NilType, function.NewArgErrorf(0, "cannot convert %s to %s", from.FriendlyName(), ty.FriendlyNameForConstraint())
			}
			return ty, nil
		},
		Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
			v := args[0]
			if !v.IsKnown() {
				return cty.UnknownVal(ret).WithSameMarks(v), nil
			}
			converted, err := convert.Convert(v, ret)
			if err == nil {
				return converted, nil
			}
			if plain, marks := v.Unmark(); plain.Type() == cty.String && len(marks) == 0 && !plain.IsNull() {
				return cty.NilVal, cannot(strconv.Quote(plain.AsString()))
			}
			return cty.NilVal, function.NewArgErrorf(0, "cannot convert %s to %s", v.Type().FriendlyName(), ty.FriendlyNameForConstraint())
		},
	})
}

// nonsensitiveFunc takes the mark off a value.
var nonsensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{anyValue},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, _ := args[0].Unmark()
		return v, nil
	},
})

// isSensitiveFunc tells whether a value is marked. One that is not known yet may
// turn out to be.
var isSensitiveFunc = function.New(&function.Spec{
	Params:       []function.Parameter{anyValue},
	Type:         function.StaticReturnType(cty.Bool),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		switch v := args[0]; {
		case v.HasMark(sensitive):
			return cty.True, nil
		case !v.IsKnown():
			return cty.UnknownVal(cty.Bool), nil
		}
		return cty.False, nil
	},
})

// shownType is a value that stands for a type, which only a console can show.
var shownType = cty.Capsule("type", reflect.TypeFor[cty.Type]())

// typeCall tells whether an expression is the call type(…) of a console, and of
// what. It is no function, so that there is no value to be computed with.
func typeCall(expr hclsyntax.Expression) (of hclsyntax.Expression, ok bool) {
	call, ok := expr.(*hclsyntax.FunctionCallExpr)
	if !ok || call.Name != "type" || len(call.Args) != 1 || call.ExpandFinal {
		return nil, false
	}
	return call.Args[0], true
}

// writeType writes a type as Terraform's console does.
func writeType(b *strings.Builder, ty cty.Type, indent int) {
	margin := strings.Repeat("    ", indent+1)
	end := strings.Repeat("    ", indent)
	switch {
	case ty == cty.DynamicPseudoType:
		b.WriteString("dynamic")
	case ty.IsCollectionType():
		name, _, _ := strings.Cut(ty.FriendlyName(), " ")
		b.WriteString(name + "(")
		writeType(b, ty.ElementType(), indent)
		b.WriteString(")")
	case ty.IsTupleType():
		b.WriteString("tuple([")
		for _, e := range ty.TupleElementTypes() {
			b.WriteString("\n" + margin)
			writeType(b, e, indent+1)
			b.WriteString(",")
		}
		if ty.Length() > 0 {
			b.WriteString("\n" + end)
		}
		b.WriteString("])")
	case ty.IsObjectType():
		b.WriteString("object({")
		names := attributeNames(ty)
		for _, name := range names {
			fmt.Fprintf(b, "\n%s%s: ", margin, quoteAttribute(name))
			writeType(b, ty.AttributeType(name), indent+1)
			b.WriteString(",")
		}
		if len(names) > 0 {
			b.WriteString("\n" + end)
		}
		b.WriteString("})")
	default:
		b.WriteString(ty.FriendlyName())
	}
}

func quoteAttribute(name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return name
	}
	return strconv.Quote(name)
}

// functionDiag says why a function that is called does not exist: it is one of
// Terraform's that would be wrong here, or there is none of that name.
func functionDiag(call string, ctx *hcl.EvalContext) (summary, detail string) {
	if why, ok := refusedFunctions[call]; ok {
		return "Function not available", fmt.Sprintf("The function %q of Terraform is not available here: %s", call, why)
	}
	if namespace, _, ok := strings.Cut(call, "::"); ok && namespace == "provider" {
		return "Function not available", fmt.Sprintf("There is no function %q: here are no providers. All functions are built in.%s", call, suggest(lastPart(call), functionNames(ctx)))
	} else if ok {
		return "Call to unknown function", fmt.Sprintf("There are no functions in the namespace %q: all are in \"core::\", which need not be written.%s", namespace+"::", suggest(lastPart(call), functionNames(ctx)))
	}
	return "Call to unknown function", fmt.Sprintf("There is no function named %q.%s", call, suggest(call, functionNames(ctx)))
}

func lastPart(call string) string { return call[strings.LastIndex(call, "::")+2:] }

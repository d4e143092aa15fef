package schema

import (
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var (
	hasPrefix = strings.HasPrefix
	hasSuffix = strings.HasSuffix
	contains  = strings.Contains
)

// notNull says of a result that is not known yet that it will not be null.
func notNull(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }

// stringTest makes a function of two strings that gives a bool.
func stringTest(second string, test func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: second, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool), RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(test(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// stringMap makes a function from a string to a string.
func stringMap(f func(s string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String), RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

// replaceFunc replaces a text, or what matches a regular expression if the text
// is written between slashes.
var replaceFunc = function.New(&function.Spec{
	Params:       []function.Parameter{{Name: "str", Type: cty.String}, {Name: "substr", Type: cty.String}, {Name: "replace", Type: cty.String}},
	Type:         function.StaticReturnType(cty.String),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		s, part, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
		if len(part) > 1 && part[0] == '/' && part[len(part)-1] == '/' {
			s, err := replacePattern(s, part[1:len(part)-1], with)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(s), nil
		}
		if err := timesFewer(maxText-min(len(s), maxText), errText, strings.Count(s, part), max(0, len(with)-len(part))); err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(strings.ReplaceAll(s, part, with)), nil
	},
})

// maxIndent bounds by how many spaces a text is indented: each of its lines
// grows by so much.
const maxIndent = 100

// indentFunc puts spaces before each line of a text but the first.
var indentFunc = guarded(sized(stdlib.IndentFunc, indented), func(args []cty.Value) error {
	if n := args[0]; n.IsKnown() && (n.GreaterThan(cty.NumberIntVal(maxIndent)).True() || n.LessThan(cty.Zero).True()) {
		return function.NewArgErrorf(0, "a text can be indented by 0 to %d spaces", maxIndent)
	}
	return nil
})

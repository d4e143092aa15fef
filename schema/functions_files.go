package schema

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// fileFunc makes a function of the content of a file, named relative to the
// directory of the configuration.
func fileFunc(src *Source, of func([]byte) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			b, err := readFor(src, args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			s, err := of(b)
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

func readFor(src *Source, path string) ([]byte, error) {
	b, err := src.read(path, maxDataSize)
	if err != nil {
		return nil, function.NewArgErrorf(0, "the file %q could not be read: %s. Its name is relative to the directory of the configuration", path, cause(err))
	}
	return b, nil
}

func textOfFile(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errors.New("the content of the file is not valid UTF-8; use filebase64 for other files")
	}
	return string(b), nil
}

func base64OfFile(b []byte) (string, error) { return base64.StdEncoding.EncodeToString(b), nil }
func md5OfFile(b []byte) (string, error)    { return fmt.Sprintf("%x", md5.Sum(b)), nil }
func sha256OfFile(b []byte) (string, error) { return fmt.Sprintf("%x", sha256.Sum256(b)), nil }

// fileExistsFunc tells whether a file can be read.
func fileExistsFunc(src *Source) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			_, err := src.read(args[0].AsString(), maxDataSize)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return cty.UnknownVal(cty.Bool), function.NewArgErrorf(0, "%q could not be read: %s", args[0].AsString(), cause(err))
			}
			return cty.BoolVal(err == nil), nil
		},
	})
}

// templateFileFunc renders a file as a template, with the attributes of its
// second argument as the only variables.
func templateFileFunc(src *Source, functions map[string]function.Function) function.Function {
	parsed := func(path string) (hclsyntax.Expression, error) {
		b, err := readFor(src, path)
		if err != nil {
			return nil, err
		}
		shown := src.locate(src.name(path))
		src.rememberTemplate(shown, b)
		if diags := checkNesting(b, shown, hclsyntax.LexTemplate); diags.HasErrors() {
			return nil, function.NewArgErrorf(0, "the template cannot be read: %s: %s", diags[0].Subject, errorOf(diags))
		}
		expr, diags := hclsyntax.ParseTemplate(b, shown, hcl.InitialPos)
		if diags.HasErrors() {
			return nil, function.NewArgErrorf(0, "the template cannot be read: %s: %s", diags[0].Subject, errorOf(plainSyntax(b, diags)))
		}
		boundNumbers(expr)
		return expr, nil
	}
	render := func(args []cty.Value) (cty.Value, error) {
		ty := args[1].Type()
		if !ty.IsObjectType() && !ty.IsMapType() {
			return cty.DynamicVal, function.NewArgErrorf(1, "the variables must be a map or an object")
		}
		path, pathMarks := args[0].Unmark()
		vars, varMarks := args[1].Unmark()
		marks := cty.NewValueMarks(pathMarks, varMarks)
		if !path.IsKnown() || !vars.IsKnown() {
			return cty.DynamicVal.WithMarks(marks), nil
		}
		expr, err := parsed(path.AsString())
		if err != nil {
			return cty.DynamicVal, err
		}
		ctx := &hcl.EvalContext{Functions: functions, Variables: vars.AsValueMap()}
		if ctx.Variables == nil {
			ctx.Variables = map[string]cty.Value{}
		}
		for _, t := range expr.Variables() {
			if name := t.RootName(); ctx.Variables[name] == cty.NilVal {
				return cty.DynamicVal, function.NewArgErrorf(1, "the template uses %q, at %s, but is given only %s",
					name, t.SourceRange(), enumerate(slices.Sorted(maps.Keys(ctx.Variables))))
			}
		}
		v, diags := expr.Value(ctx)
		if diags.HasErrors() {
			return cty.DynamicVal, errorOf(tidied(diags, expr, ctx))
		}
		return v.WithMarks(marks), nil
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String, AllowMarked: true}, {Name: "vars", Type: cty.DynamicPseudoType, AllowMarked: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			v, err := render(args)
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

// rememberTemplate keeps a template for the snippets of diagnostics.
func (s *Source) rememberTemplate(shown string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parsed[shown] == nil {
		s.parsed[shown] = &hcl.File{Bytes: b}
		s.hidden[shown] = s.secrecy > 0
	}
}

// closure is an argument that the function itself evaluates.
var closure = customdecode.ExpressionClosureType

// sensitiveFunc marks a value as sensitive. It evaluates its argument itself,
// so that files read for it alone are known to be secret.
func sensitiveFunc(src *Source) function.Function {
	value := func(args []cty.Value) (v cty.Value, err error) {
		c := customdecode.ExpressionClosureFromVal(args[0])
		src.secretly(func() {
			var diags hcl.Diagnostics
			if v, diags = c.Value(); diags.HasErrors() {
				err = errorOf(discreet(diags, c.Expression, c.EvalContext))
			}
		})
		return v, err
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: closure}},
		Type: func(args []cty.Value) (cty.Type, error) {
			v, err := value(args)
			if err != nil {
				return cty.DynamicPseudoType, err
			}
			return v.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := value(args)
			if err != nil {
				return cty.DynamicVal, err
			}
			return v.Mark(sensitive), nil
		},
	})
}

// anyValue is a parameter that takes everything as it is.
var anyValue = function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true}

// nonsensitiveFunc takes the mark off a value.
var nonsensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{anyValue},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, _ := args[0].Unmark()
		return v, nil
	},
})

// isSensitiveFunc tells whether a value is marked.
var isSensitiveFunc = function.New(&function.Spec{
	Params: []function.Parameter{anyValue},
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		return cty.BoolVal(args[0].HasMark(sensitive)), nil
	},
})

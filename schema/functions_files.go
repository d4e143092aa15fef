package schema

import (
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
	"github.com/zclconf/go-cty/cty/convert"
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
		return nil, function.NewArgErrorf(0, "the file %s could not be read: %s. Its name is relative to the directory of the configuration", excerpt(path), cause(err))
	}
	return b, nil
}

func textOfFile(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errors.New("the content of the file is not valid UTF-8; use filebase64 for other files")
	}
	return string(b), nil
}

// fileExistsFunc tells whether a file can be read.
func fileExistsFunc(src *Source) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			_, err := src.read(args[0].AsString(), maxDataSize)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return cty.UnknownVal(cty.Bool), function.NewArgErrorf(0, "%s could not be read: %s", excerpt(args[0].AsString()), cause(err))
			}
			return cty.BoolVal(err == nil), nil
		},
	})
}

// fileSetFunc lists the files in a directory whose names match a pattern.
func fileSetFunc(src *Source) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
		Type:         function.StaticReturnType(cty.Set(cty.String)),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			names, err := src.glob(args[0].AsString(), args[1].AsString())
			if err != nil {
				return cty.NilVal, err
			}
			if len(names) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			values := make([]cty.Value, len(names))
			for i, n := range names {
				values[i] = cty.StringVal(n)
			}
			return cty.SetVal(values), nil
		},
	})
}

// templateFileFunc renders a file as a template, with the attributes of its
// second argument as the only variables.
func templateFileFunc(src *Source, functions map[string]function.Function) function.Function {
	render := func(args []cty.Value) (cty.Value, error) {
		path, marks := args[0].Unmark()
		if !path.IsKnown() {
			return cty.DynamicVal.WithMarks(marks), nil
		}
		b, err := readFor(src, path.AsString())
		if err != nil {
			return cty.DynamicVal, err
		}
		shown := src.locate(src.name(path.AsString()))
		src.rememberTemplate(shown, b)
		v, err := src.render(b, shown, args[1], functions)
		return v.WithMarks(marks), err
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String, AllowMarked: true}, templateVars},
		Type: func(args []cty.Value) (cty.Type, error) {
			v, err := render(args)
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

// templateStringFunc renders a text as a template. The text must be a reference
// to something in the configuration, as in Terraform: one that is written here is
// a template as it stands, and what a phone or a server says never is one.
func templateStringFunc(src *Source, functions map[string]function.Function) function.Function {
	render := func(args []cty.Value) (cty.Value, error) {
		c := customdecode.ExpressionClosureFromVal(args[0])
		t, diags := hcl.AbsTraversalForExpr(c.Expression)
		if diags.HasErrors() || !templateRoots[t.RootName()] && varying[t.RootName()] == 0 && common[t.RootName()] == "" && len(t) == 1 {
			return cty.DynamicVal, function.NewArgErrorf(0, "the template must be a reference, such as local.greeting. What is written in quotes is a template by itself")
		}
		if !templateRoots[t.RootName()] {
			return cty.DynamicVal, function.NewArgErrorf(0, "a template cannot come from %s: only what is written in the configuration may be one, in a local value or a variable", t.RootName())
		}
		template, diags := c.Value()
		if diags.HasErrors() {
			return cty.DynamicVal, errorOf(tidied(diags, c.Expression, c.EvalContext))
		}
		template, marks := template.Unmark()
		if !template.IsKnown() {
			return cty.DynamicVal.WithMarks(marks), nil
		}
		template, err := convert.Convert(template, cty.String)
		switch {
		case err != nil:
			return cty.DynamicVal, function.NewArgError(0, err)
		case template.IsNull():
			return cty.DynamicVal, function.NewArgErrorf(0, "the template must not be null")
		}
		v, err := src.render([]byte(template.AsString()), "the template", args[1], functions)
		if err != nil && len(marks) > 0 {
			err = errors.New("the template could not be rendered. The reason is not shown because it is sensitive")
		}
		return v.WithMarks(marks), err
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "template", Type: closure}, templateVars},
		Type: func(args []cty.Value) (cty.Type, error) {
			v, err := render(args)
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

// templateRoots begin the references to what can be a template.
var templateRoots = map[string]bool{"var": true, "local": true, "each": true, "module": true}

var templateVars = function.Parameter{Name: "vars", Type: cty.DynamicPseudoType, AllowMarked: true}

// render evaluates a template with the attributes of vars as the only variables.
func (s *Source) render(template []byte, shown string, vars cty.Value, functions map[string]function.Function) (cty.Value, error) {
	if ty := vars.Type(); !ty.IsObjectType() && !ty.IsMapType() {
		return cty.DynamicVal, function.NewArgErrorf(1, "the variables must be a map or an object")
	}
	vars, marks := vars.Unmark()
	if !vars.IsKnown() {
		return cty.DynamicVal.WithMarks(marks), nil
	}
	expr, err := s.parseTemplate(template, shown)
	if err != nil {
		return cty.DynamicVal, err
	}
	ctx := &hcl.EvalContext{Functions: functions, Variables: vars.AsValueMap()}
	if ctx.Variables == nil {
		ctx.Variables = map[string]cty.Value{}
	}
	for _, name := range slices.Sorted(maps.Keys(ctx.Variables)) {
		if !hclsyntax.ValidIdentifier(name) {
			return cty.DynamicVal, function.NewArgErrorf(1, "%s cannot be the name of a variable of a template: a name begins with a letter or underscore, and has only letters, digits, underscores and hyphens", excerpt(name))
		}
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

func (s *Source) parseTemplate(template []byte, shown string) (hclsyntax.Expression, error) {
	if diags := checkNesting(template, shown, hclsyntax.LexTemplate); diags.HasErrors() {
		return nil, function.NewArgErrorf(0, "the template cannot be read: %s: %s", diags[0].Subject, errorOf(diags))
	}
	expr, diags := hclsyntax.ParseTemplate(template, shown, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, function.NewArgErrorf(0, "the template cannot be read: %s: %s", diags[0].Subject, errorOf(plainSyntax(template, hcl.InitialPos, len(template), diags)))
	}
	s.noticeTime(template, hclsyntax.LexTemplate)
	boundNumbers(expr)
	boundTemplate(expr)
	return expr, nil
}

// boundTemplate has a template, which is evaluated once, stop when it has
// written more than a text can hold, or gone around its loops too often.
func boundTemplate(expr hclsyntax.Expression) {
	left := &allowance{loops: maxLoops, bytes: maxText}
	hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			n.ValExpr = left.of(n.ValExpr)
		case *hclsyntax.TemplateExpr:
			for i, part := range n.Parts {
				if _, literal := part.(*hclsyntax.LiteralValueExpr); !literal {
					n.Parts[i] = left.of(part)
				}
			}
		}
		return nil
	})
}

var errLoops = fmt.Errorf("its loops go around more than %d times", maxLoops)

// allowance is what may still be made.
type allowance struct{ loops, bytes int }

func (a *allowance) of(e hclsyntax.Expression) hclsyntax.Expression {
	return &allowedExpr{&hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}, a}
}

// allowedExpr is an expression that counts what it makes. It stands for
// parentheses, so that who looks for something in it finds it there too.
type allowedExpr struct {
	*hclsyntax.ParenthesesExpr
	left *allowance
}

func (e *allowedExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	at := e.Range()
	beyond := func(err error) (cty.Value, hcl.Diagnostics) {
		return cty.DynamicVal, failf(&at, "Template too large", "The template makes more than a configuration can handle: %s.", err)
	}
	if e.left.loops--; e.left.loops < 0 {
		return beyond(errLoops)
	}
	v, diags := e.ParenthesesExpr.Value(ctx)
	if plain, _ := v.Unmark(); plain.Type() == cty.String && plain.IsKnown() && !plain.IsNull() {
		if e.left.bytes -= len(plain.AsString()); e.left.bytes < 0 {
			return beyond(errText)
		}
	}
	return v, diags
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

package schema

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// choices reads decisions from bytes, as a fuzzer varies them.
type choices []byte

func (c *choices) next(n int) int {
	if len(*c) == 0 {
		return 0
	}
	b := int((*c)[0])
	*c = (*c)[1:]
	return b % n
}

// value makes a value of any type, with few levels.
func (c *choices) value(depth int) cty.Value {
	v := c.plainValue(depth)
	if c.next(8) == 0 {
		v = v.Mark(sensitive)
	}
	return v
}

func (c *choices) plainValue(depth int) cty.Value {
	types := []cty.Type{cty.String, cty.Number, cty.Bool, cty.DynamicPseudoType, cty.List(cty.String), cty.Set(cty.Number), cty.Map(cty.String), cty.EmptyObject, cty.EmptyTuple}
	kinds := 14
	if depth == 0 {
		kinds = 8
	}
	switch c.next(kinds) {
	case 0, 1:
		return cty.StringVal([]string{"", "a", "10", "/(a)(?P<b>x)?/", "%s %5.2f %[3]d%v", "x\n\r\n%{", "${a}", "10.0.0.0/8", "::/0", "2026-11-22T10:00:00Z", "1h", "e\u0301👩‍👩‍👧", "-1e9", "UTF-16", "a,b\n1,2", "{\"a\":[1]}", "- &x a\n- *x", "SGVsbG8=", "**/*", "dns", "\x00", "hello.tftpl", "sub"}[c.next(23)])
	case 2:
		n := c.next(len(*c) + 1)
		return cty.StringVal(string((*c)[:min(n, len(*c))]))
	case 3, 4:
		return []cty.Value{cty.Zero, cty.NumberIntVal(1), cty.NumberIntVal(-1), cty.NumberIntVal(7), cty.NumberFloatVal(0.5), cty.NumberIntVal(1 << 40), cty.MustParseNumberVal("1e300"), cty.MustParseNumberVal("-1e-300"), cty.MustParseNumberVal("1e9998"), cty.MustParseNumberVal("1e-9998")}[c.next(10)]
	case 5:
		return cty.BoolVal(c.next(2) == 0)
	case 6:
		return cty.NullVal(types[c.next(len(types))])
	case 7:
		return cty.UnknownVal(types[c.next(len(types))])
	}
	elements := make([]cty.Value, c.next(4))
	for i := range elements {
		elements[i] = c.value(depth - 1)
	}
	attributes := map[string]cty.Value{}
	for i, e := range elements {
		attributes[string(rune('a'+i))] = e
	}
	kind := c.next(5)
	if kind > 1 { // of one type
		for i := range elements {
			elements[i] = elements[0]
		}
		for name := range attributes {
			attributes[name] = elements[0]
		}
	}
	switch {
	case kind == 0:
		return cty.TupleVal(elements)
	case kind == 1:
		return cty.ObjectVal(attributes)
	case len(elements) == 0:
		return []cty.Value{cty.ListValEmpty(cty.String), cty.SetValEmpty(cty.String), cty.MapValEmpty(cty.String)}[kind-2]
	case kind == 2:
		return cty.ListVal(elements)
	case kind == 3:
		return cty.SetVal(elements)
	}
	return cty.MapVal(attributes)
}

// FuzzFunctions calls every function with values of all types, as expressions
// do: none panics, takes long, makes what is beyond the bounds, or shows a secret.
func FuzzFunctions(f *testing.F) {
	names := Functions()
	for i := range names {
		f.Add([]byte{byte(i), 2, 0, 1, 3, 2, 5, 4, 8, 1, 2, 3})
		f.Add([]byte{byte(i), 3, 9, 2, 1, 0, 0, 1, 1, 10, 3, 0, 0, 4, 1, 11, 2})
	}
	ctx := conformanceScope(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4<<10 {
			return
		}
		c := choices(b)
		name := names[c.next(len(names))]
		call := &hclsyntax.FunctionCallExpr{Name: name, ExpandFinal: c.next(8) == 7}
		var given []cty.Value
		for range c.next(5) {
			v := c.value(3)
			given = append(given, v)
			call.Args = append(call.Args, &hclsyntax.LiteralValueExpr{Val: v})
		}
		call.ExpandFinal = call.ExpandFinal && len(given) > 0
		began := time.Now()
		v, diags := call.Value(ctx)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s%#v took %s", name, given, took)
		}
		for _, d := range diags {
			if panicked(d) {
				t.Fatalf("%s%#v: %s", name, given, d.Detail)
			}
		}
		if text := allErrors(tidied(diags, call, ctx)); len(text) > 10_000 {
			t.Errorf("%s%#v says %d bytes: %.500s", name, given, len(text), text)
		}
		if diags.HasErrors() {
			return
		}
		if plain, _ := v.Unmark(); plain.Type() == cty.String && plain.IsKnown() && !plain.IsNull() && len(plain.AsString()) > maxText {
			t.Errorf("%s%#v makes %d bytes", name, given, len(plain.AsString()))
		}
		if text := FormatValue(v); strings.Contains(text, "panic") {
			t.Errorf("%s%#v: %s", name, given, text)
		}
	})
}

// FuzzExpression evaluates arbitrary expressions in a console.
func FuzzExpression(f *testing.F) {
	for _, row := range conformanceRows(f) {
		f.Add(row.expr)
	}
	dir := writeFiles(f, "main.hcl", "locals {\n  greeting = \"Hello, $${name}!\"\n}\n", "hello.tftpl", "Hello, ${name}!")
	_, cfg := load(f, dir, Values{Now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)})
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2<<10 || strings.Contains(text, "file") || strings.Contains(text, "for") {
			return // it is not for the fuzzer to look around on this disk
		}
		scope := cfg.Scope()
		v, diags := scope.Eval(text)
		if strings.Contains(allErrors(diags), "panic in function") {
			t.Fatalf("%s: %v", text, diags)
		}
		if !diags.HasErrors() {
			FormatValue(v)
		}
	})
}

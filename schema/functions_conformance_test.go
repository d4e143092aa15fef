package schema

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// conformanceRow is a line of testdata/functions.txt.
type conformanceRow struct {
	expr, want string
	fails      bool // want is a part of the error
}

func conformanceRows(t testing.TB) []conformanceRow {
	t.Helper()
	b, err := os.ReadFile("testdata/functions.txt")
	if err != nil {
		t.Fatal(err)
	}
	var rows []conformanceRow
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		expr, want, ok := strings.Cut(line, " ==> ")
		fails := false
		if !ok {
			expr, want, fails = strings.Cut(line, " =!> ")
			if !fails {
				t.Fatalf("neither a result nor an error: %s", line)
			}
		}
		rows = append(rows, conformanceRow{strings.TrimSpace(expr), strings.TrimSpace(want), fails})
	}
	return rows
}

// conformanceScope has what the expressions of the table refer to.
func conformanceScope(t testing.TB) *hcl.EvalContext {
	t.Helper()
	dir := writeFiles(t, "main.hcl", "", "hello.txt", "hello!\n", "latin1.txt", "\xe9", "top.csv", "",
		"hello.tftpl", "Hello, ${name}!", "list.tftpl", "%{ for x in list ~}\n- ${x}\n%{ endfor ~}\n", "bool.tftpl", "${true}",
		"recursive.tftpl", "${templatefile(\"recursive.tftpl\", {})}")
	if err := os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sub/a.csv", "sub/c.conf", "sub/deep/b.csv"} {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, diags := Open(dir)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	src.planTime = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	unknown, null := map[string]cty.Value{}, map[string]cty.Value{}
	for name, ty := range map[string]cty.Type{
		"string": cty.String, "number": cty.Number, "bool": cty.Bool, "any": cty.DynamicPseudoType,
		"list": cty.List(cty.String), "set": cty.Set(cty.String), "map": cty.Map(cty.String),
	} {
		unknown[name], null[name] = cty.UnknownVal(ty), cty.NullVal(ty)
	}
	return &hcl.EvalContext{Functions: functions(src), Variables: map[string]cty.Value{
		"later": cty.ObjectVal(unknown), "nothing": cty.ObjectVal(null), "secret": cty.StringVal("hunter2").Mark(sensitive),
		"emptylist": cty.ObjectVal(map[string]cty.Value{"string": cty.ListValEmpty(cty.String), "number": cty.ListValEmpty(cty.Number)}),
		"emptyset":  cty.ObjectVal(map[string]cty.Value{"string": cty.SetValEmpty(cty.String)}),
		"emptymap":  cty.ObjectVal(map[string]cty.Value{"list": cty.MapValEmpty(cty.List(cty.String))}),
		"local": cty.ObjectVal(map[string]cty.Value{
			"greeting": cty.StringVal("Hello, ${name}!"), "loop": cty.StringVal("%{ for n in names }${n};%{ endfor }"), "number": cty.NumberIntVal(5),
			"broken": cty.StringVal("${"), "nested": cty.StringVal("${templatestring(x, {})}"),
		}),
	}}
}

func parsedExpression(t testing.TB, text string) hclsyntax.Expression {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(text), "table", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	boundNumbers(expr)
	return expr
}

// written are the functions with which the table writes values that have no
// literals, so that none of those under test is compared with itself.
var written = map[string]function.Function{
	"tolist": collected(func(v []cty.Value) cty.Value { return cty.ListVal(v) }),
	"toset":  collected(func(v []cty.Value) cty.Value { return cty.SetVal(v) }),
	"tomap": function.New(&function.Spec{
		Params: []function.Parameter{anyValue},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return cty.MapVal(args[0].AsValueMap()), nil },
	}),
	"sensitive": function.New(&function.Spec{
		Params: []function.Parameter{anyValue},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].Mark(sensitive), nil },
	}),
}

func collected(of func([]cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anyValue},
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].LengthInt() == 0 {
				return cty.ListValEmpty(cty.String), nil
			}
			return of(args[0].AsValueSlice()), nil
		},
	})
}

// same tells whether a value is the one that is wanted, marks and type included.
// Of what is not known, how much is known of it does not matter.
func same(got, want cty.Value) bool {
	if !want.IsWhollyKnown() {
		got, gotMarks := got.Unmark()
		want, wantMarks := want.Unmark()
		return !got.IsKnown() && !want.IsKnown() && got.Type().Equals(want.Type()) && gotMarks.Equal(wantMarks)
	}
	if want.IsNull() && want.Type() == cty.DynamicPseudoType { // of no type that it could be written with
		return got.IsNull()
	}
	if ty := want.Type(); ty.Equals(cty.EmptyTuple) || ty.Equals(cty.EmptyObject) { // likewise empty
		return !got.IsMarked() && got.IsKnown() && got.CanIterateElements() && got.LengthInt() == 0
	}
	return got.RawEquals(want)
}

// TestConformance holds every function against what Terraform gives.
func TestConformance(t *testing.T) {
	rows := conformanceRows(t)
	if len(rows) < 300 {
		t.Errorf("only %d expressions", len(rows))
	}
	ctx := conformanceScope(t)
	plain := &hcl.EvalContext{Variables: ctx.Variables, Functions: written}
	called := map[string]int{}
	for _, row := range rows {
		expr := parsedExpression(t, row.expr)
		hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, ok := n.(*hclsyntax.FunctionCallExpr); ok {
				called[call.Name]++
			}
			return nil
		})
		got, diags := expr.Value(ctx)
		if strings.Contains(allErrors(diags), "panic") {
			t.Errorf("%s: %v", row.expr, diags)
		}
		diags = tidied(diags, expr, ctx)
		if row.fails {
			if !strings.Contains(allErrors(diags), row.want) {
				t.Errorf("%s: got %#v, %v, want an error with %q", row.expr, got, diags, row.want)
			}
			continue
		}
		want, more := parsedExpression(t, row.want).Value(plain)
		if more.HasErrors() {
			t.Fatalf("%s: %v", row.want, more)
		}
		if diags.HasErrors() || !same(got, want) {
			t.Errorf("%s:\n got %#v %v\nwant %#v", row.expr, got, diags, want)
		}
	}
	for _, name := range Functions() {
		if called[name] == 0 && !slices.Contains([]string{"firmware_of", "preset_for", "vendor_of", "versioncmp"}, name) { // ours

			t.Errorf("nothing calls %s", name)
		}
	}
	for name := range refusedFunctions {
		if called[name] == 0 {
			t.Errorf("nothing calls %s, which is refused", name)
		}
		if slices.Contains(Functions(), name) {
			t.Errorf("%s is refused, but there is one", name)
		}
	}
}

func allErrors(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Summary + ": " + d.Detail + "\n")
	}
	return b.String()
}

// unmarked are the functions that are there to tell about a mark, or to take it
// away; and those whose other arguments are not looked at when one is enough.
var (
	unmarked = []string{"can", "issensitive", "nonsensitive"}
	unlooked = map[string]bool{
		`lookup({ a = "ay", b = "bee" }, "a", "what?") 2`: true,
		`try({}.a, "fallback") 0`:                         true,
		`try(1, 2) 1`:                                     true,
	}
)

// TestConformance_arguments takes the calls of the table and makes each of their
// arguments in turn sensitive, null and unknown: a secret is never lost, what is
// not known yet is no error, and nothing panics.
func TestConformance_arguments(t *testing.T) {
	ctx := conformanceScope(t)
	for _, row := range conformanceRows(t) {
		call, ok := parsedExpression(t, row.expr).(*hclsyntax.FunctionCallExpr)
		if !ok || call.ExpandFinal {
			continue
		}
		for i := range call.Args {
			if call.Name == "templatestring" && i == 0 {
				continue // it takes nothing but a reference
			}
			given, diags := call.Args[i].Value(ctx)
			if diags.HasErrors() {
				continue
			}
			with := func(v cty.Value) (cty.Value, hcl.Diagnostics) {
				changed := *call
				changed.Args = slices.Clone(call.Args)
				changed.Args[i] = &hclsyntax.LiteralValueExpr{Val: v, SrcRange: call.Args[i].Range()}
				got, diags := changed.Value(ctx)
				if strings.Contains(allErrors(diags), "panic") {
					t.Errorf("%s with argument %d = %#v: %v", row.expr, i+1, v, diags)
				}
				return got, tidied(diags, &changed, ctx)
			}
			secret, diags := with(given.Mark(sensitive))
			switch {
			case row.fails:
				if text := allErrors(diags); strings.Contains(text, "hunter2") {
					t.Errorf("%s with argument %d sensitive says %s", row.expr, i+1, text)
				}
			case diags.HasErrors():
				t.Errorf("%s with argument %d sensitive: %v", row.expr, i+1, diags)
			case !hasSensitive(secret) && !slices.Contains(unmarked, call.Name) && !unlooked[row.expr+" "+strconv.Itoa(i)]:
				t.Errorf("%s with argument %d sensitive is shown: %#v", row.expr, i+1, secret)
			}
			with(cty.NullVal(given.Type()))
			with(cty.NullVal(cty.DynamicPseudoType))
			with(cty.DynamicVal.Mark(sensitive))
			for _, v := range []cty.Value{cty.EmptyObjectVal, cty.EmptyTupleVal, cty.True, cty.NumberIntVal(-1), cty.MapVal(map[string]cty.Value{"a": cty.StringVal("x").Mark(sensitive)})} {
				with(v)
			}
			for _, v := range []cty.Value{cty.DynamicVal, cty.UnknownVal(given.Type())} {
				if got, diags := with(v); !row.fails && diags.HasErrors() {
					t.Errorf("%s with argument %d unknown: %#v, %v", row.expr, i+1, got, diags)
				}
			}
		}
	}
}

package schema

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// What is written out here is what the language writes.
func TestTextFrom(t *testing.T) {
	for _, s := range []string{
		"0", "-0", "1", "-1", "1001", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "0.5", "-1.25", "1e3", "1e63", "123456789012345678901234567890",
	} {
		number := cty.MustParseNumberVal(s)
		for _, v := range []cty.Value{number, number.Mark(sensitive)} {
			got, err := textFrom(v)
			want, wantErr := convert.Convert(v, cty.String)
			if err != nil || wantErr != nil || !got.RawEquals(want) {
				t.Errorf("%#v is %#v, %v; want %#v, %v", v, got, err, want, wantErr)
			}
		}
	}
	for _, v := range []cty.Value{cty.UnknownVal(cty.Number), cty.NullVal(cty.Number), cty.True, cty.StringVal("x"), cty.DynamicVal} {
		got, err := textFrom(v)
		want, wantErr := convert.Convert(v, cty.String)
		if (err != nil) != (wantErr != nil) || !got.RawEquals(want) {
			t.Errorf("%#v is %#v, %v; want %#v, %v", v, got, err, want, wantErr)
		}
	}
}

// A template gives the same value, the same diagnostics and the same references
// whether its parts are prepared or not.
func TestInterpolate(t *testing.T) {
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{
		"n": cty.NumberIntVal(7), "text": cty.StringVal("x"), "null": cty.NullVal(cty.Number), "secret": cty.NumberIntVal(42).Mark(sensitive),
		"unknown": cty.UnknownVal(cty.Number), "list": cty.ListValEmpty(cty.String),
	}}
	for _, src := range []string{
		`"PJSIP/${1000 + n}"`, `"${n}"`, `"${n} ${n / 2}"`, `"a${text}b${n % 2 == 0 ? 1 : 2}"`, `"a${secret + 1}"`, `"a${unknown}"`, `"a${null}"`, `"a${list}"`, `"a${nobody}"`, `"${"${n + 1}"}-"`, `"%{ if n > 1 }${n * 3}%{ endif }."`,
		`"%{ for i in [1, 2] }${i + n},%{ endfor }"`,
	} {
		plain, diags := hclsyntax.ParseExpression([]byte(src), "x", hcl.InitialPos)
		prepared, more := hclsyntax.ParseExpression([]byte(src), "x", hcl.InitialPos)
		if diags.HasErrors() || more.HasErrors() {
			t.Fatal(diags, more)
		}
		boundNumbers(prepared)
		want, wantDiags := plain.Value(ctx)
		got, gotDiags := prepared.Value(ctx)
		if !got.RawEquals(want) || wantDiags.Error() != gotDiags.Error() {
			t.Errorf("%s is %#v, %v; want %#v, %v", src, got, gotDiags, want, wantDiags)
		}
		if len(plain.Variables()) != len(prepared.Variables()) {
			t.Errorf("%s refers to %v, want %v", src, prepared.Variables(), plain.Variables())
		}
	}
}

// What is written with short numbers is what is written with long ones.
func TestShortNumbers(t *testing.T) {
	long := cty.MustParseNumberVal
	for _, v := range []cty.Value{
		long("7"), long("-0"), long("0.1"), long("1e40"), cty.StringVal("x"), cty.NullVal(cty.Number),
		cty.ObjectVal(map[string]cty.Value{"a": long("1"), "b": cty.TupleVal([]cty.Value{long("2.5"), long("1001"), cty.True}), "c": cty.NullVal(cty.Number)}),
		cty.SetVal([]cty.Value{long("10"), long("9"), long("0.5")}), cty.MapVal(map[string]cty.Value{"x": long("12345678901234567890")}), cty.ListValEmpty(cty.Number),
	} {
		got, err := ctyjson.Marshal(shortNumbers(v), v.Type())
		want, wantErr := ctyjson.Marshal(v, v.Type())
		if err != nil || wantErr != nil || string(got) != string(want) {
			t.Errorf("%#v is %s, %v; want %s, %v", v, got, err, want, wantErr)
		}
	}
	if secret := shortNumbers(long("42").Mark(sensitive)); !secret.IsMarked() {
		t.Error("a secret number is a secret no longer")
	}
}

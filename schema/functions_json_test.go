package schema

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Names are the same however their accents are written, as other texts are.
func TestJSONDecode_names(t *testing.T) {
	const composed, decomposed = "\u00e9", "e\u0301"
	v, err := jsonDecodeFunc.Call([]cty.Value{cty.StringVal(`{"` + decomposed + `": 1, "` + composed + `": 2}`)})
	if want := cty.ObjectVal(map[string]cty.Value{composed: cty.NumberIntVal(2)}); err != nil || !v.RawEquals(want) {
		t.Errorf("%#v, %v", v, err)
	}
	_, err = jsonDecodeFunc.Call([]cty.Value{cty.StringVal(`{"` + decomposed + `": 1, "` + composed + `": "x"}`)})
	if err == nil || !strings.Contains(err.Error(), "duplicate") {
		t.Errorf("%v", err)
	}
}

// FuzzJSONDecode holds our jsondecode against that of go-cty's stdlib.
func FuzzJSONDecode(f *testing.F) {
	for _, text := range []string{
		"", " ", "null", "true", `"x"`, "1", "-0.5e+3", "1E400", "01", "1.", "[]", "{}", "[1, null, {}]", `{"a": [true, {"b": null}], "c": "d"}`,
		"[1", "[1,", "[1,]", "[1 2]", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a" 1}`, "{1: 2}", "{null: 2}", "{[]: 2}", "]", "}", "[}", "{]", "1 2", "1 ]", "1 }", "1,", "{} []", "[]]",
		`{"a": 1, "a": 2}`, `{"a": 1, "a": "x"}`, `{"a": [1], "a": [1, 2]}`, `{"\u00e9": 1, "e\u0301": "x"}`, `{"e\u0301": 1, "\u00e9": 2}`, `{"": 1}`,
		`"\ud800"`, "\"\xff\"", `"\x"`, "\"\n\"", `"e\u0301"`, "tru", "nul", "NaN", "'a'", "// c\n1", "\ufeff1", "12345678901234567890.12345678901234567890",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if checkData(text, ",[{") != nil || len(text) > 4<<10 {
			return
		}
		v, err := jsonDecodeFunc.Call([]cty.Value{cty.StringVal(text)})
		want, wantErr := stdlib.JSONDecodeFunc.Call([]cty.Value{cty.StringVal(text)})
		if wantErr == nil && manyDigits(want) {
			return // refused here
		}
		if wantErr != nil && strings.HasPrefix(wantErr.Error(), "unsupported attribute ") {
			return // names with accents that are characters of their own, see TestJSONDecode_names
		}
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("%q: %v, want %v", text, err, wantErr)
		}
		if err == nil && !v.RawEquals(want) {
			t.Fatalf("%q: %#v, want %#v", text, v, want)
		}
	})
}

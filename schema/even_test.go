package schema

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A long tuple is the list that cty would make of it, and nothing else is changed.
func TestEvenList(t *testing.T) {
	texts := make([]cty.Value, 2*manyElements)
	for i := range texts {
		texts[i] = cty.StringVal(string(rune('a' + i%26)))
	}
	texts[3] = cty.UnknownVal(cty.String)
	texts[4] = cty.StringVal("x").Mark(sensitive)
	for _, v := range []cty.Value{cty.TupleVal(texts), cty.TupleVal(texts).Mark(sensitive)} {
		want, err := convert.Convert(v, cty.List(cty.DynamicPseudoType))
		if err != nil {
			t.Fatal(err)
		}
		if got := evenList(v); !got.RawEquals(want) {
			t.Errorf("%#v, want %#v", got, want)
		}
	}
	mixed := append([]cty.Value{cty.True}, texts...)
	for _, v := range []cty.Value{
		cty.TupleVal(mixed), cty.TupleVal(texts[:3]), cty.ListVal(texts), cty.EmptyTupleVal, cty.DynamicVal, cty.StringVal("x"), cty.NullVal(cty.String),
		cty.UnknownVal(cty.Tuple([]cty.Type{cty.String})),
	} {
		if got := evenList(v); !got.RawEquals(v) {
			t.Errorf("%#v becomes %#v", v, got)
		}
	}
}

package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// jsonDecodeFunc makes the same values, and errors, as that of go-cty's stdlib, which
// goes through a text once for its types, and then once more for each level that
// something is nested in: lists of phones are often kept in JSON. It also takes names
// whose accents are characters of their own, at which that one fails.
var jsonDecodeFunc = countable(sized(
	function.New(&function.Spec{
		Params: stdlib.JSONDecodeFunc.Params(),
		Type:   typeOf(stdlib.JSONDecodeFunc),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			dec := json.NewDecoder(strings.NewReader(args[0].AsString()))
			dec.UseNumber()
			v, err := jsonValue(dec)
			switch {
			case err != nil:
				return cty.NilVal, err
			case dec.More():
				return cty.NilVal, errors.New("extraneous data after JSON object")
			}
			return v, nil
		},
	}),
	ofText(func(text string) error { return checkData(text, ",[{") }),
))

// jsonValue reads one value of JSON: objects become objects, arrays tuples.
func jsonValue(dec *json.Decoder) (cty.Value, error) {
	token, err := dec.Token()
	if err != nil {
		return cty.NilVal, err
	}
	switch token := token.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case bool:
		return cty.BoolVal(token), nil
	case string:
		return cty.StringVal(token), nil
	case json.Number:
		return cty.ParseNumberVal(token.String())
	case json.Delim:
		if token == '[' {
			return jsonTuple(dec)
		}
		return jsonObject(dec)
	}
	return cty.NilVal, fmt.Errorf("unsupported JSON token %#v", token)
}

func jsonTuple(dec *json.Decoder) (cty.Value, error) {
	var elements []cty.Value
	for dec.More() {
		v, err := jsonValue(dec)
		if err != nil {
			return cty.NilVal, err
		}
		elements = append(elements, v)
	}
	_, err := dec.Token() // the bracket that closes it
	return cty.TupleVal(elements), err
}

func jsonObject(dec *json.Decoder) (cty.Value, error) {
	attributes := make(map[string]cty.Value)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return cty.NilVal, err
		}
		name := cty.NormalizeString(token.(string)) // the decoder takes nothing else for a key
		v, err := jsonValue(dec)
		if err != nil {
			return cty.NilVal, err
		}
		if other, twice := attributes[name]; twice && !other.Type().Equals(v.Type()) {
			return cty.NilVal, fmt.Errorf("duplicate %q property in JSON object", name)
		}
		attributes[name] = v
	}
	_, err := dec.Token()
	return cty.ObjectVal(attributes), err
}

package schema

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var (
	hasPrefix = strings.HasPrefix
	hasSuffix = strings.HasSuffix
	contains  = strings.Contains
)

// stringTest makes a function of two strings that gives a bool.
func stringTest(second string, test func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: second, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(test(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// stringMap makes a function from a string to a string.
func stringMap(f func(s string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

var (
	base64EncodeFunc = stringMap(func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil })
	base64DecodeFunc = stringMap(func(s string) (string, error) {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", fmt.Errorf("failed to decode base64 data: %w", err)
		}
		if !utf8.Valid(b) {
			return "", fmt.Errorf("the result of decoding the given string is not valid UTF-8")
		}
		return string(b), nil
	})
	urlEncodeFunc = stringMap(func(s string) (string, error) { return url.QueryEscape(s), nil })
	md5Func       = stringMap(func(s string) (string, error) { return fmt.Sprintf("%x", md5.Sum([]byte(s))), nil })
	sha1Func      = stringMap(func(s string) (string, error) { return fmt.Sprintf("%x", sha1.Sum([]byte(s))), nil })
	sha256Func    = stringMap(func(s string) (string, error) { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))), nil })
	sha512Func    = stringMap(func(s string) (string, error) { return fmt.Sprintf("%x", sha512.Sum512([]byte(s))), nil })
)

// replaceFunc replaces a text, or what matches a regular expression if the text
// is written between slashes.
var replaceFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: "substr", Type: cty.String}, {Name: "replace", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		s, part, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
		if len(part) > 1 && part[0] == '/' && part[len(part)-1] == '/' {
			re, err := regexp.Compile(part[1 : len(part)-1])
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(1, err)
			}
			return cty.StringVal(re.ReplaceAllString(s, with)), nil
		}
		return cty.StringVal(strings.ReplaceAll(s, part, with)), nil
	},
})

// maxIndent bounds by how many spaces a text is indented: each of its lines
// grows by so much.
const maxIndent = 100

// indentFunc puts spaces before each line of a text but the first.
var indentFunc = guarded(stdlib.IndentFunc, func(args []cty.Value) error {
	if n := args[0]; n.IsKnown() && (n.GreaterThan(cty.NumberIntVal(maxIndent)).True() || n.LessThan(cty.Zero).True()) {
		return function.NewArgErrorf(0, "a text can be indented by 0 to %d spaces", maxIndent)
	}
	return nil
})

// timeCmpFunc compares two RFC 3339 timestamps: -1, 0 or 1.
var timeCmpFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "timestamp_a", Type: cty.String}, {Name: "timestamp_b", Type: cty.String}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var times [2]time.Time
		for i, a := range args {
			t, err := time.Parse(time.RFC3339, a.AsString())
			if err != nil {
				return cty.UnknownVal(cty.Number), function.NewArgErrorf(i, "not a valid RFC 3339 timestamp")
			}
			times[i] = t
		}
		return cty.NumberIntVal(int64(times[0].Compare(times[1]))), nil
	},
})

// maxDataNesting bounds how deep decoded data may be nested; its decoders recurse.
const maxDataNesting = 200

// shallow refuses input that is nested too deeply before f decodes it.
func shallow(f function.Function, open, end string) function.Function {
	check := func(args []cty.Value) error {
		if v := args[0]; v.IsKnown() && !v.IsNull() {
			depth := 0
			for _, c := range []byte(v.AsString()) {
				switch {
				case strings.IndexByte(open, c) >= 0:
					depth++
				case strings.IndexByte(end, c) >= 0:
					depth--
				}
				if depth > maxDataNesting {
					return function.NewArgErrorf(0, "more than %d brackets lie inside one another", maxDataNesting)
				}
			}
		}
		return nil
	}
	return function.New(&function.Spec{
		Params: f.Params(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := check(args); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

var (
	jsonDecodeFunc = countable(shallow(stdlib.JSONDecodeFunc, "[{", "]}"))
	yamlDecodeFunc = countable(shallow(ctyyaml.YAMLDecodeFunc, "[{", "]}"))
)

package schema

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

// digest makes a text of the digest of some bytes.
type digest func([]byte) string

func hexOf(sum []byte) string    { return hex.EncodeToString(sum) }
func base64Of(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// digests has the digests that are functions, both of a text and of a file.
var digests = map[string]digest{
	"md5":          func(b []byte) string { s := md5.Sum(b); return hexOf(s[:]) },
	"sha1":         func(b []byte) string { s := sha1.Sum(b); return hexOf(s[:]) },
	"sha256":       func(b []byte) string { s := sha256.Sum256(b); return hexOf(s[:]) },
	"sha512":       func(b []byte) string { s := sha512.Sum512(b); return hexOf(s[:]) },
	"base64sha256": func(b []byte) string { s := sha256.Sum256(b); return base64Of(s[:]) },
	"base64sha512": func(b []byte) string { s := sha512.Sum512(b); return base64Of(s[:]) },
}

var (
	base64EncodeFunc = sized(stringMap(func(s string) (string, error) { return base64Of([]byte(s)), nil }), wordy(2))
	base64DecodeFunc = stringMap(func(s string) (string, error) {
		b, err := decoded(s)
		if err != nil {
			return "", err
		}
		return readable(b)
	})
	base64GzipFunc   = stringMap(func(s string) (string, error) { return base64Of(zipped(s)), nil })
	base64GunzipFunc = stringMap(func(s string) (string, error) {
		b, err := decoded(s)
		if err != nil {
			return "", err
		}
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			b, err = io.ReadAll(io.LimitReader(r, maxText+1))
		}
		switch {
		case err != nil:
			return "", fmt.Errorf("failed to decompress the data: %w", err)
		case len(b) > maxText:
			return "", errText
		}
		return readable(b)
	})
	urlEncodeFunc = sized(stringMap(func(s string) (string, error) { return url.QueryEscape(s), nil }), wordy(3))
	urlDecodeFunc = stringMap(func(s string) (string, error) {
		s, err := url.QueryUnescape(s)
		if err != nil {
			return "", fmt.Errorf("failed to decode the text: %w", err)
		}
		return readable([]byte(s))
	})
)

func decoded(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("failed to decode base64 data: %w", err)
	}
	return b, nil
}

// readable makes a text of bytes. Texts of the language are UTF-8.
func readable(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errors.New("the result of decoding the given string is not valid UTF-8")
	}
	return string(b), nil
}

// zipped compresses as Terraform does: with a flush before the end, and without
// the name and the time that gzip can have.
func zipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(s))
	if err = errors.Join(err, w.Flush(), w.Close()); err != nil {
		panic("compress in memory: " + err.Error()) // which has no way to fail
	}
	return b.Bytes()
}

// charsetOf finds an encoding by one of its names at IANA.
func charsetOf(name string) (encoding.Encoding, string, error) {
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		return nil, "", function.NewArgErrorf(1, "there is no encoding %s. Give the name of one as IANA lists it, such as \"UTF-16LE\" or \"ISO-8859-1\"", excerpt(name))
	}
	if known, err := ianaindex.IANA.Name(e); err == nil {
		name = known
	}
	return e, name, nil
}

// inCharset makes a function of a text and the name of an encoding.
func inCharset(first string, f func(s string, e encoding.Encoding, name string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: first, Type: cty.String}, {Name: "encoding", Type: cty.String}},
		Type:         function.StaticReturnType(cty.String),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			e, name, err := charsetOf(args[1].AsString())
			if err != nil {
				return cty.NilVal, err
			}
			s, err := f(args[0].AsString(), e, name)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

var (
	textEncodeBase64Func = sized(inCharset("string", func(s string, e encoding.Encoding, name string) (string, error) {
		b, err := e.NewEncoder().Bytes([]byte(s))
		if err != nil {
			return "", fmt.Errorf("the text has characters that %s has not", name)
		}
		return base64Of(b), nil
	}), wordy(8))
	textDecodeBase64Func = sized(inCharset("source", func(s string, e encoding.Encoding, name string) (string, error) {
		b, err := decoded(s)
		if err != nil {
			return "", err
		}
		b, err = e.NewDecoder().Bytes(b)
		if err != nil || bytes.ContainsRune(b, utf8.RuneError) {
			return "", fmt.Errorf("the given data is not %s throughout", name)
		}
		return string(b), nil
	}), wordy(4))
)

// namespaces are those of uuidv5 that have a name.
var namespaces = map[string]uuid.UUID{"dns": uuid.NameSpaceDNS, "url": uuid.NameSpaceURL, "oid": uuid.NameSpaceOID, "x500": uuid.NameSpaceX500}

// uuidV5Func makes a UUID of a name: of the same one always the same.
var uuidV5Func = function.New(&function.Spec{
	Params:       []function.Parameter{{Name: "namespace", Type: cty.String}, {Name: "name", Type: cty.String}},
	Type:         function.StaticReturnType(cty.String),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		space, named := namespaces[args[0].AsString()]
		if !named {
			var err error
			if space, err = uuid.Parse(args[0].AsString()); err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "the namespace %s is none of \"dns\", \"url\", \"oid\" and \"x500\", and no UUID", excerpt(args[0].AsString()))
			}
		}
		return cty.StringVal(uuid.NewSHA1(space, []byte(args[1].AsString())).String()), nil
	},
})

// maxDataNesting bounds how deep decoded data may be nested; its decoders recurse.
const maxDataNesting = 200

// cells counts the values of a table.
func cells(text string) error {
	if strings.Count(text, "\n")+strings.Count(text, ",") > maxItems {
		return errItems
	}
	return nil
}

// checkData refuses text that holds too much, or is nested too deeply, to be
// decoded: separators are the characters that come with each element of it.
func checkData(text, separators string) error {
	depth, items := 0, 0
	for _, c := range []byte(text) {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if strings.IndexByte(separators, c) >= 0 {
			items++
		}
		switch {
		case depth > maxDataNesting:
			return function.NewArgErrorf(0, "more than %d brackets lie inside one another", maxDataNesting)
		case items > maxItems:
			return errItems
		}
	}
	return nil
}

// ofText is the estimate of a function that decodes its one argument, a text.
func ofText(check func(text string) error) func(args []cty.Value) error {
	return func(args []cty.Value) error { return check(args[0].AsString()) }
}

var (
	csvDecodeFunc  = sized(stdlib.CSVDecodeFunc, ofText(cells))
	yamlDecodeFunc = countable(sized(ctyyaml.YAMLDecodeFunc, ofText(checkYAML)))
	jsonEncodeFunc = sized(stdlib.JSONEncodeFunc, asMuchAsGiven)
	yamlEncodeFunc = sized(ctyyaml.YAMLEncodeFunc, asMuchAsGiven)
)

// checkYAML also counts what aliases stand for: a few lines in which each has
// the one before twice are more than there is memory. The types of what they
// stand for are shared, so that to make them costs nothing.
func checkYAML(text string) error {
	if err := checkData(text, "\n,[{"); err != nil {
		return err
	}
	if !strings.Contains(text, "*") {
		return nil
	}
	ty, err := ctyyaml.Standard.ImpliedType([]byte(text))
	if err != nil {
		return nil // the decoder says so
	}
	return itemsOf(ty, new(int))
}

// itemsOf counts the elements that values of a type have, until there are too
// many.
func itemsOf(ty cty.Type, count *int) error {
	if *count++; *count > maxItems {
		return errItems
	}
	switch {
	case ty.IsTupleType():
		for _, e := range ty.TupleElementTypes() {
			if err := itemsOf(e, count); err != nil {
				return err
			}
		}
	case ty.IsObjectType():
		for _, e := range ty.AttributeTypes() {
			if err := itemsOf(e, count); err != nil {
				return err
			}
		}
	}
	return nil
}

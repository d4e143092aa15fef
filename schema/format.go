package schema

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format puts a configuration file into its canonical form: indentation and
// blanks, nothing else. Comments stay. The form of a form is itself.
//
// The formatter of hcl can run two tokens together that meant something apart, as
// in "0 .0". What it would so change stays as it is.
func Format(src []byte) []byte {
	const passes = 4 // one is enough for all that is known
	text := bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	out := text
	for range passes {
		next := hclwrite.Format(out)
		if bytes.Equal(next, out) {
			return out
		}
		if !sameTokens(text, next) {
			return text
		}
		out = next
	}
	return text
}

// sameTokens tells whether two files differ in nothing but blanks between tokens.
func sameTokens(a, b []byte) bool {
	want, _ := hclsyntax.LexConfig(a, "", hcl.InitialPos)
	got, _ := hclsyntax.LexConfig(b, "", hcl.InitialPos)
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i].Type != got[i].Type || !bytes.Equal(want[i].Bytes, got[i].Bytes) {
			return false
		}
	}
	return true
}

package schema

import (
	"bytes"
	"testing"
)

// FuzzFormat: a file that parses has one canonical form, of which Format makes
// itself; it has the same tokens in the same order, comments among them.
func FuzzFormat(f *testing.F) {
	addConfigurations(f)
	for _, c := range formatCases {
		f.Add([]byte(c.src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > fuzzSize || CheckSyntax(src, "main.hcl").HasErrors() {
			return
		}
		out := Format(src)
		if diags := CheckSyntax(out, "main.hcl"); diags.HasErrors() {
			t.Fatalf("%q\nbecomes\n%q\n%v", src, out, diags)
		}
		if again := Format(out); !bytes.Equal(out, again) {
			t.Fatalf("%q\nbecomes\n%q\nand then\n%q", src, out, again)
		}
		if !sameTokens(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")), out) {
			t.Fatalf("%q\nbecomes\n%q\nwith other tokens", src, out)
		}
	})
}

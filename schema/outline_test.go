package schema

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// An outline says of each place in a file what the parser would say.
func TestOutline(t *testing.T) {
	src := []byte("# a\nlocals {\n  x = 1\n}\n\nsip_notify \"a\" {\n  retry {}\n}\npbx \"\\\"q\" \"two\" { }\nvariable \"x\" {}")
	file, diags := hclsyntax.ParseConfig(src, "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	kept := outlinedFile(src, file.Body.(*hclsyntax.Body))
	for i := range len(src) + 1 {
		if got, want := hcled.ContextString(kept, i), hcled.ContextString(file, i); got != want {
			t.Errorf("at byte %d: %q, want %q", i, got, want)
		}
	}
}

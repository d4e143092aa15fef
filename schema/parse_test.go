package schema

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TestParsePieces compares a file parsed in pieces with the same parsed whole:
// every block, argument and range.
func TestParsePieces(t *testing.T) {
	src := []byte(manyJobs(100) + "x = 1\n" + manyJobs(50) + "y = 2")
	file := parsePieces(src, "main.hcl")
	if file == nil {
		t.Fatal("it does not parse")
	}
	whole, diags := hclsyntax.ParseConfig(src, "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	outline := func(f *hcl.File) string {
		var b strings.Builder
		body := f.Body.(*hclsyntax.Body)
		b.WriteString(body.SrcRange.String() + body.EndRange.String())
		if diags := hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics {
			if _, ok := n.(hclsyntax.Attributes); ok {
				return nil // a map: its range is that of any of them
			}
			b.WriteString(n.Range().String() + string(n.Range().SliceBytes(f.Bytes)) + "\n")
			return nil
		}); diags.HasErrors() {
			t.Fatal(diags)
		}
		return b.String()
	}
	if len(src) < 5*pieceSize {
		t.Fatal("too small to be cut")
	}
	// Attributes are visited in no order: compare as sets of lines.
	lines := make(map[string]int)
	for line := range strings.Lines(outline(file)) {
		lines[line]++
	}
	for line := range strings.Lines(outline(whole)) {
		lines[line]--
	}
	for line, n := range lines {
		if n != 0 {
			t.Errorf("differs by %d: %s", n, line)
		}
	}
}

// TestParsePieces_whole has files that cannot be cut where a line "}" is.
func TestParsePieces_whole(t *testing.T) {
	filler := strings.Repeat("# filler\n", pieceSize/8)
	for name, src := range map[string]string{
		"here document": filler + "a = <<EOT\n}\nEOT\n",
		"comment":       filler + "/*\n}\n*/\n",
		"list":          filler + "a = [{\n}\n]\n",
		"twice":         "a = 1\n" + filler + "b {\n}\na = 1\n",
		"broken":        filler + "b {\n}\n}\n",
	} {
		if parsePieces([]byte(src), "main.hcl") != nil {
			t.Errorf("%s: parsed in pieces", name)
		}
	}
}

// TestNesting refuses what would exhaust the stack, in every way to nest.
func TestNesting(t *testing.T) {
	for name, part := range map[string][2]string{
		"brackets":     {"(", ")"},
		"lists":        {"[", "]"},
		"objects":      {"{a=", "}"},
		"calls":        {"upper(", ")"},
		"templates":    {`"${`, `}"`},
		"not":          {"!", ""},
		"minus":        {"-", ""},
		"sum":          {"1+", ""},
		"conditionals": {"true ? 1 : ", ""},
		"indexes":      {"", "[0]"},
		"attributes":   {"", ".a"},
	} {
		src := "a = " + strings.Repeat(part[0], 20_000) + "1" + strings.Repeat(part[1], 20_000) + "\n"
		s := newSource(".", []string{"main.hcl"}, true)
		if _, diags := s.parse([]byte(src), "main.hcl"); !diags.HasErrors() {
			t.Errorf("%s: accepted", name)
		}
	}
	directives := strings.Repeat("%{ if true }", 20_000)
	s := newSource(".", []string{"main.hcl"}, true)
	if _, diags := s.parse([]byte("a = \""+directives+"\"\n"), "main.hcl"); !diags.HasErrors() {
		t.Error("directives: accepted")
	}
	// Long is not deep.
	long := "a = [" + strings.Repeat("1 + 1, ", 10_000) + "]\nb = [\n" + strings.Repeat("\"x${var.a}\",\n", 10_000) + "]\n"
	if _, diags := s.parse([]byte(long), "main.hcl"); diags.HasErrors() {
		t.Error(diags)
	}
}

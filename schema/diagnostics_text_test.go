package schema

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"
)

// mistake makes a diagnostic about what stands between « and » in a source.
func mistake(t *testing.T, source string) (map[string]*hcl.File, *hcl.Diagnostic) {
	t.Helper()
	before, rest, ok := strings.Cut(source, "«")
	meant, after, ok2 := strings.Cut(rest, "»")
	if !ok || !ok2 {
		t.Fatalf("%q does not say what is meant", source)
	}
	pos := func(s string) hcl.Pos {
		line := s[strings.LastIndexByte(s, '\n')+1:]
		return hcl.Pos{Line: strings.Count(s, "\n") + 1, Column: utf8.RuneCountInString(line) + 1, Byte: len(s)}
	}
	rng := hcl.Range{Filename: "main.hcl", Start: pos(before), End: pos(before + meant)}
	return map[string]*hcl.File{"main.hcl": {Bytes: []byte(before + meant + after)}},
		&hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Odd", Subject: &rng}
}

func shownAt(t *testing.T, columns int, color bool, files map[string]*hcl.File, d *hcl.Diagnostic) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteDiagnostics(&out, files, hcl.Diagnostics{d}, columns, color); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The line that a mistake is in is shown around it, in as many columns as there are.
func TestWriteDiagnostics_line(t *testing.T) {
	long := strings.Repeat("a", 200)
	for _, test := range []struct{ name, source, want string }{
		{"short", "x = «y» + z", "   1: x = y + z"},
		{"cut behind", "x = «" + long + "»", "   1: x = " + strings.Repeat("a", 29) + "…"},
		{"cut before", "x = " + long + "«yyy»", "   1: …" + strings.Repeat("a", 22) + "yyy"},
		{"cut on both sides", long + "«yyy»" + long, "   1: …" + strings.Repeat("a", 22) + "yyy" + strings.Repeat("a", 7) + "…"},
		{"tabs", "\tx\t= «y»", "   1:     x   = y"},
		{"wide characters", "電話電話電話電話電話電話電話電話電話電話 = «y»", "   1: …話電話電話電話電話 = y"},
		{"combining characters", strings.Repeat("e\u0301", 33) + "«y»", "   1: " + strings.Repeat("e\u0301", 33) + "y"},
		{"what a terminal acts upon", "x = «\x1b[2J\x07\u202e\u009b\x7f»", "   1: x = ?[2J????"},
		{"what is not UTF-8", "x = «\xff\xfe»", "   1: x = ??"},
		{"CR LF", "a\r\nx = «y»\r\nb\r\n", "   2: x = y"},
		{"at the end of the file", "a\n«»", "   2: "},
		{"behind the end of a line", "x =«»\ny", "   1: x ="},
		{"with the end of its line", "x = «y\n»z = 1\n", "   1: x = y"},
		{"of several lines", "x = «[\n  1\n]»\ny", "   1: x = [\n   2:   1\n   3: ]"},
		{"of many lines", "x = «[\n" + strings.Repeat("  1,\n", 50) + "]»\n", "   1: x = [\n   2:   1,\n   3:   1,\n   4:   1,\n   5:   1,\n   6:   1,\n   7:   1,\n   8:   1,\n   9:   1,\n  10:   1,\n      …"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files, d := mistake(t, test.source)
			got := shownAt(t, 40, false, files, d)
			_, got, _ = strings.Cut(got, ":\n")
			if got = strings.TrimSuffix(got, "\n\n"); got != test.want {
				t.Errorf("shown as\n%q, want\n%q", got, test.want)
			}
		})
	}
}

// A line of megabytes costs no more than a part of it.
func TestNewSnippet_bound(t *testing.T) {
	files, d := mistake(t, "x = ["+strings.Repeat("1,\n", 10)+strings.Repeat("é", 1<<20)+"«yyy»"+strings.Repeat("é", 1<<20))
	s := NewSnippet(files, d)
	if len(s.Code) > maxSnippet || s.Code[s.Start:s.End] != "yyy" || !utf8.ValidString(s.Code) || s.StartLine != 11 {
		t.Errorf("%d bytes from line %d, %q meant", len(s.Code), s.StartLine, s.Code[s.Start:s.End])
	}
	files, d = mistake(t, "«"+strings.Repeat("電", 1<<20)+"»")
	if s := NewSnippet(files, d); len(s.Code) > maxSnippet || !utf8.ValidString(s.Code) || s.End != len(s.Code) {
		t.Errorf("%d bytes, up to %d meant", len(s.Code), s.End)
	}
	got := shownAt(t, 80, false, files, d)
	if len(got) > 1000 {
		t.Errorf("%d bytes are shown", len(got))
	}
}

func TestWriteDiagnostics_color(t *testing.T) {
	files, d := mistake(t, "x = «y\x1b[31m» + z")
	d.Detail = "a \x1b[31mred\x1b[0m detail"
	got := shownAt(t, 80, true, files, d)
	want := "\x1b[31mError\x1b[0m: Odd\n\n  on main.hcl line 1:\n   1: x = \x1b[1;4my?[31m\x1b[0m + z\n\na ?[31mred?[0m detail\n\n"
	if got != want {
		t.Errorf("%q\nwant %q", got, want)
	}
	if plain := shownAt(t, 80, false, files, d); strings.Contains(plain, "\x1b") {
		t.Errorf("colours without leave: %q", plain)
	}
	d.Severity = hcl.DiagWarning
	if got := shownAt(t, 80, true, files, d); !strings.HasPrefix(got, "\x1b[33mWarning\x1b[0m: Odd\n") {
		t.Errorf("%q", got)
	}
}

func TestWriteDiagnostics_values(t *testing.T) {
	expr, diags := hclsyntax.ParseExpression([]byte(`"${var.n}${var.s}${var.secret}${var.held.part}${local.list}${each.value.x}${target.n}${trigger.due}${data.c.x}${var.gone}${var.o["a b"].c}${var.big}${var.n}${k}"`), "main.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{
		"var": cty.ObjectVal(map[string]cty.Value{
			"n": cty.NumberFloatVal(1.5), "s": cty.StringVal("a\n\x1b[2J" + strings.Repeat("é", 100)), "secret": cty.StringVal("hunter2").Mark(sensitive),
			"held": cty.ObjectVal(map[string]cty.Value{"part": cty.StringVal("hunter2")}).Mark(sensitive),
			"o":    cty.MapVal(map[string]cty.Value{"a b": cty.ObjectVal(map[string]cty.Value{"c": cty.NullVal(cty.String)})}),
			"big":  cty.MustParseNumberVal("1" + strings.Repeat("0", 500)),
		}),
		"local":   cty.ObjectVal(map[string]cty.Value{"list": cty.ListVal([]cty.Value{cty.True, cty.False})}),
		"each":    cty.ObjectVal(map[string]cty.Value{"value": cty.ObjectVal(map[string]cty.Value{"y": cty.True})}),
		"target":  cty.DynamicVal,
		"trigger": cty.ObjectVal(map[string]cty.Value{"due": cty.UnknownVal(cty.String)}),
		"data":    cty.DynamicVal,
		"k":       cty.StringVal("north"),
	}}
	files, d := mistake(t, "x = «y»")
	d.Expression, d.EvalContext = expr, ctx
	got := shownAt(t, 60, false, files, d)
	want := `Error: Odd

  on main.hcl line 1:
   1: x = y
    ├────────────────
    │ data.c.x is not known yet
    │ each.value is an object with 1 attribute, "y"
    │ k is "north"
    │ local.list is a list of bool with 2 elements
    │ target.n is known only for each target
    │ trigger.due is a string, known only when the job fires
    │ var.big is 100000000000000000000000000000000000000000…
    │ var.n is 1.5
    │ var.o["a b"].c is null
    │ var.s is "a\n\x1b[2Jééééééééééééééééééééééééééé"…

`
	if got != want {
		t.Errorf("shown (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// All that is reported of all mistakes keeps to the terminal's width, however
// wide that is; only words that are longer themselves go beyond it.
func TestWriteDiagnostics_width(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archives {
		file, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Chdir(t.TempDir())
			path, values, _ := unpack(t, archive)
			files, diags := reported(path, values)
			for _, columns := range []int{40, 80, 160} {
				var out bytes.Buffer
				if err := WriteDiagnostics(&out, files, diags, columns, false); err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(out.String()) {
					line = strings.TrimSuffix(line, "\n")
					heading := strings.HasPrefix(line, "  on ") || strings.HasPrefix(line, "Error: ") || strings.HasPrefix(line, "Warning: ") || strings.HasPrefix(line, "  ")
					if textColumns(line) > columns && strings.Contains(line, " ") && !heading {
						t.Errorf("at %d columns, a line has %d: %s", columns, textColumns(line), line)
					}
				}
			}
		})
	}
}

package astconf_test

import (
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/astconf"
)

// memory has one file under every name.
type memory string

func (m memory) Match(name string) ([]string, error) {
	if strings.Contains(name, "none") {
		return nil, nil
	}
	return strings.Fields(name), nil
}

func (m memory) Read(name string, limit int64) ([]byte, error) {
	if strings.Contains(name, "none") {
		return nil, fs.ErrNotExist
	}
	return []byte(m), nil
}

// TestRead_bounds: what would fill the memory is refused.
func TestRead_bounds(t *testing.T) {
	doubling := "[a]\nk=1\nk=2\n"
	for i := range 64 {
		doubling += fmt.Sprintf("[a%d](a%s,a%s)\n", i, number(i-1), number(i-1))
	}
	for name, c := range map[string]struct{ text, want string }{
		"templates that double":  {doubling, "more than 20000 variables"},
		"files that fan out":     {"[a]\n#tryinclude x y z\n#tryinclude x y z\n", "more than 1000 files"},
		"values that grow":       {"[a]\nk=" + strings.Repeat("x", 8000) + "\n" + strings.Repeat("k += "+strings.Repeat("y", 8000)+"\n", 900), "a value has more than 64 KiB"},
		"looks for a variable":   {"[a]\n" + strings.Repeat("l=1\n", 15_000) + "k=\n" + strings.Repeat("k+=\n", 10_000), "it takes too long"},
		"looks by a filter":      {"[a]\n" + strings.Repeat("l=1\n", 15_000) + strings.Repeat("[](+x=y)\n", 100), "it takes too long"},
		"sections without end":   {strings.Repeat("[a]\n", 11_000), "more than 10000 sections"},
		"more than can be meant": {strings.Repeat("; comment\n", 1<<20), "the files have more than 8 MiB"},
		"mistakes without end":   {strings.Repeat("[a\n", 1<<20), "has no closing ]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := astconf.Parse(memory(c.text), "main.conf", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %.200v, not %s", err, c.want)
			}
			if n := len(strings.Split(fmt.Sprint(err), "\n")); n > 100 {
				t.Errorf("%d errors", n)
			}
		})
	}
}

// TestDirectory_Match_braces: braces cost no more than their text is long, however
// few of them close.
func TestDirectory_Match_braces(t *testing.T) {
	many := strings.Repeat("{", 1<<20)
	for pattern, want := range map[string][]string{
		"{b,a}{}":     {"b{}", "a{}"},
		"{{a,b}c,}}":  {"ac}", "bc}", "}"},
		"}{a{b,c}":    {"}{ab", "}{ac"},
		many:          {many},
		many + "a,b}": {many[1:] + "a", many[1:] + "b"},
	} {
		names, err := astconf.Directory("/x").Match(pattern)
		for i := range names {
			names[i] = strings.TrimPrefix(names[i], "/x/")
		}
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("%.20s is %.100q, %v, want %.100q", pattern, names, err, want)
		}
	}
}

func number(i int) string {
	if i < 0 {
		return ""
	}
	return fmt.Sprint(i)
}

// FuzzParse: whatever the bytes, Parse ends soon, without much memory, and what it
// finds lies where it says.
func FuzzParse(f *testing.F) {
	for _, c := range readCases {
		f.Add([]byte(c.files["main.conf"]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		config, err := astconf.Parse(memory(text), "main.conf", text)
		runtime.ReadMemStats(&after)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<30 {
			t.Errorf("it took %d MiB", grown>>20)
		}
		if config == nil {
			t.Fatal("no Config")
		}
		for _, w := range config.Warnings {
			checkPlace(t, config, w.Place)
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		for _, s := range config.Sections {
			if s.Name != string(cut(s.Name, 79)) {
				t.Errorf("name of %d bytes", len(s.Name))
			}
			checkPlace(t, config, s.Place)
			for _, v := range s.Variables {
				checkPlace(t, config, v.Place)
				if v.Name == "" || strings.TrimFunc(v.Value, func(r rune) bool { return r < 33 }) != v.Value {
					t.Errorf("%q = %q", v.Name, v.Value)
				}
				if strings.ContainsAny(v.Name+v.Value, "\x00\n") {
					t.Errorf("%q = %q", v.Name, v.Value)
				}
			}
		}
	})
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

func checkPlace(t *testing.T, c *astconf.Config, p astconf.Place) {
	t.Helper()
	text := c.Texts[p.File]
	if p.Line == 0 {
		return
	}
	if p.Offset < 0 || p.Length < 0 || p.Offset+p.Length > len(text) {
		t.Fatalf("%+v of %d bytes", p, len(text))
	}
	if line := 1 + strings.Count(string(text[:p.Offset]), "\n"); line != p.Line {
		t.Errorf("%+v is in line %d", p, line)
	}
	if strings.Contains(string(text[p.Offset:p.Offset+p.Length]), "\n") {
		t.Errorf("%+v goes over a line's end", p)
	}
}

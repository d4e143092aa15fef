package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
)

// fuzzSize bounds the input of a fuzz target: Go's fuzzer does not need more to
// find its way.
const fuzzSize = 16 << 10

// mistakeArchives gives the archives of TestMistakes, which have every block and
// construct, right and wrong.
func mistakeArchives(f *testing.F) [][]byte {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 45 {
		f.Fatalf("found %d archives: %v", len(names), err)
	}
	var all [][]byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if b, _, _ = bytes.Cut(b, []byte("\n-- diagnostics --")); len(b) <= fuzzSize {
			all = append(all, append(b, '\n'))
		}
	}
	return all
}

// archived takes an archive apart. txtar's own parser panics at some that are none.
func archived(b []byte) (files []txtar.File) {
	for line := range bytes.Lines(b) {
		name, begins := strings.CutPrefix(strings.TrimSpace(string(line)), "-- ")
		if name, ends := strings.CutSuffix(name, " --"); begins && ends && name != "" {
			files = append(files, txtar.File{Name: name})
		} else if len(files) > 0 {
			last := &files[len(files)-1]
			last.Data = append(last.Data, line...)
		}
	}
	return files
}

// fuzzed makes of an archive a configuration that is on no disk: its files, those
// of modules, values of variables, and expressions for the console.
func fuzzed(b []byte) (snap *Snapshot, values Values, console []string) {
	snap = &Snapshot{Dir: ".", Files: make(map[string][]byte), Modules: make(map[string][]string)}
	values.Version = "0.1.0"
	for _, file := range archived(b) {
		name := filepath.ToSlash(filepath.Clean(file.Name))
		dir, base := filepath.Split(name)
		switch {
		case name == "values":
			for line := range strings.Lines(string(file.Data)) {
				kind, value, _ := strings.Cut(strings.TrimSpace(line), " ")
				if kind == "env" {
					values.Environ = append(values.Environ, value)
				} else if name, value, ok := strings.Cut(value, "="); ok {
					values.Assignments = append(values.Assignments, Assignment{Name: name, Value: value})
				}
			}
			continue
		case name == "console":
			console = strings.Split(string(file.Data), "\n")
			continue
		case filepath.Ext(base) == ".hcl" && dir == "":
			snap.Configuration = append(snap.Configuration, name)
		case filepath.Ext(base) == ".hcl":
			dir = strings.TrimSuffix(dir, "/")
			snap.Modules[dir] = append(snap.Modules[dir], name)
		}
		snap.Files[name] = file.Data
	}
	return snap, values, console
}

// checkShown holds what is said against what a terminal bears.
func checkShown(t *testing.T, files map[string]*hcl.File, diags hcl.Diagnostics) {
	t.Helper()
	for _, columns := range []int{0, 20, 80} {
		var out bytes.Buffer
		if err := WriteDiagnostics(&out, files, diags, columns, false); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("control characters in %q", out.String())
		}
	}
	for _, d := range diags {
		if s := NewSnippet(files, d); s != nil && (s.Start > s.End || s.End > len(s.Code) || len(s.Code) > maxSnippet) {
			t.Errorf("%s: from %d to %d of %q", d.Summary, s.Start, s.End, s.Code)
		}
	}
}

// FuzzConfiguration loads several files at once, with modules, templates, values
// and input of the console. What has been loaded can be loaded again from its
// snapshot, and is the same.
func FuzzConfiguration(f *testing.F) {
	for _, b := range mistakeArchives(f) {
		f.Add(b)
	}
	f.Add([]byte("-- main.hcl --\nmodule \"m\" {\n  source   = \"./m\"\n  for_each = { a = 1 }\n  n        = each.value\n}\n-- m/main.hcl --\nvariable \"n\" {\n  type = number\n}\noutput \"o\" {\n  value = var.n\n}\n-- console --\nmodule.m[\"a\"].o\n1 +\n"))
	f.Add([]byte("-- a.hcl --\nlocals {\n  a = templatefile(\"t.tpl\", { x = [1] })\n}\n-- t.tpl --\n%{ for y in x }${y}%{ endfor }\n-- values --\nvar x=1\nenv NOTIFYRUN_VAR_x=[\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzSize {
			return
		}
		snap, values, console := fuzzed(b)
		src := snap.Source()
		cfg, diags := Load(src, values)
		checkShown(t, src.Files(), diags)
		if (cfg.Snapshot == nil) != diags.HasErrors() {
			t.Fatal("a snapshot with errors, or none without")
		}
		if cfg.Snapshot == nil {
			return
		}
		if scope := cfg.Scope(); scope != nil {
			for _, line := range console {
				v, diags := scope.Eval(line)
				checkShown(t, scope.Files(), diags)
				if !diags.HasErrors() {
					FormatValue(v)
				}
			}
		}
		kept, err := json.Marshal(cfg.Snapshot)
		if err != nil {
			t.Fatal(err)
		}
		var again Snapshot
		if err := json.Unmarshal(kept, &again); err != nil {
			t.Fatal(err)
		}
		if again.Digest() != cfg.Snapshot.Digest() {
			t.Fatal("the snapshot is another after it was kept")
		}
		if len(again.Missing) > 0 || len(again.Sensitive) > 0 {
			return // it says so
		}
		second, diags := Load(again.Source(), values)
		if diags.HasErrors() || len(second.Jobs) != len(cfg.Jobs) {
			t.Fatalf("%d jobs, and of the snapshot %d: %v", len(cfg.Jobs), len(second.Jobs), diags)
		}
	})
}

// FuzzSnapshot loads what a state or a saved plan may hold after somebody has been
// at it.
func FuzzSnapshot(f *testing.F) {
	for _, b := range mistakeArchives(f) {
		snap, values, _ := fuzzed(b)
		if cfg, _ := Load(snap.Source(), values); cfg.Snapshot != nil {
			snap = cfg.Snapshot
		}
		kept, err := json.Marshal(snap)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kept)
	}
	f.Add([]byte(`{"configuration":["main.hcl","main.hcl","../x"],"files":{"main.hcl":"bG9jYWxzIHt9"},"modules":{"..":["x.hcl"]},"variables":{"x":{"value":1,"type":["list"]},"y":null},"data":{"data.x.y":{"type":"z","data":[]}},"fileSets":[{}],"planTime":"0001-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"configuration":["main.hcl"],"files":{"main.hcl":"` + base64.StdEncoding.EncodeToString([]byte("pbx \"p\" {\n  simulator {}\n}\ndata \"pbx_info\" \"x\" {\n  pbx = pbx.p\n}\n")) + `"},"data":{"data.pbx_info.x":{"type":"pbx_info","data":{"rows":null}}}}`))
	f.Add([]byte(`{"data":{"data.pbx_info.x":null}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var snap Snapshot
		if len(b) > 2*fuzzSize || json.Unmarshal(b, &snap) != nil {
			return
		}
		snap.Dir, snap.Root = t.TempDir(), ""
		src := snap.Source()
		read, err := snap.Read()
		if err != nil {
			read = nil
		}
		_, diags := Load(src, Values{Version: "0.1.0", Data: read})
		checkShown(t, src.Files(), diags)
	})
}

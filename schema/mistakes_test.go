package schema

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what is reported into testdata/*.txtar")

// TestMistakes loads the files of each archive in testdata and compares all
// that is reported, as it is shown at 80 columns, with its file "diagnostics".
// A file "values" has lines "env NAME=VALUE", "var NAME=VALUE" and "var-file
// FILE"; a file "open" names the path to open, if that is not the directory.
func TestMistakes(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) < 45 {
		t.Fatalf("found %d archives: %v", len(archives), err)
	}
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			file, err := filepath.Abs(file)
			if err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			path, values, want := unpack(t, archive)
			got := report(t, path, values)
			if *update {
				replace(archive, "diagnostics", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("reported (-want +got):\n%s", diff)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is shown")
			}
		})
	}
}

// unpack writes the files of an archive into the working directory.
func unpack(t *testing.T, archive *txtar.Archive) (path string, values Values, want string) {
	path = "."
	values.Version = "0.1.0"
	for _, f := range archive.Files {
		content := string(f.Data)
		switch f.Name {
		case "diagnostics":
			want = content
		case "open":
			path = strings.TrimSpace(content)
		case "values":
			for line := range strings.Lines(content) {
				kind, value, _ := strings.Cut(strings.TrimSpace(line), " ")
				switch kind {
				case "env":
					values.Environ = append(values.Environ, value)
				case "var":
					name, value, _ := strings.Cut(value, "=")
					values.Assignments = append(values.Assignments, Assignment{Name: name, Value: value})
				case "var-file":
					values.Assignments = append(values.Assignments, Assignment{File: value})
				default:
					t.Fatalf("bad line in values: %q", line)
				}
			}
		default:
			if err := os.MkdirAll(filepath.Dir(f.Name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path, values, want
}

// report loads a configuration and gives what is shown of its mistakes, also of
// those in the messages of the jobs without.
func report(t *testing.T, path string, values Values) string {
	t.Helper()
	files, diags := reported(path, values)
	return render(t, files, diags)
}

func reported(path string, values Values) (map[string]*hcl.File, hcl.Diagnostics) {
	src, diags := Open(path)
	if diags.HasErrors() {
		return nil, diags
	}
	cfg, diags := Load(src, values)
	for _, j := range cfg.Jobs {
		for _, target := range j.Targets {
			_, more := j.Message(target)
			diags = append(diags, more...)
		}
	}
	return src.Files(), diags
}

func render(t *testing.T, files map[string]*hcl.File, diags hcl.Diagnostics) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteDiagnostics(&out, files, diags, 80, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// replace sets the content of one file of an archive.
func replace(archive *txtar.Archive, name, content string) {
	for i := range archive.Files {
		if archive.Files[i].Name == name {
			archive.Files[i].Data = []byte(content)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(content)})
}

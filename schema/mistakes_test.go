package schema

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

// manyMistakes is a configuration in several files. Each line that ends with
// "# !" has one mistake, and each mistake is told once.
var manyMistakes = map[string]string{
	"variables.hcl": `variable "site" {
  type    = strng # !
  default = "hq"
}
variable "phones" { # !
}
variable "level" {
  default = 3
  validation {
    condition     = "perhaps" # !
    error_message = "x"
  }
}
varable "x" {} # !
`,
	"servers.hcl": `pbx "hq" {
  simulator {
    phones = 0 # !
  }
}
pbx "lab" {
  address    = "http://lab" # !
  username   = "x"
  secrt      = "x" # !
  rate_limit = "much" # !
}
pbx "ok" {
  simulator {}
}
locals {
  a = local.b # !
  c = upper(1, 2) # !
  d = [1, 2][7] # !
  e = 1 + "x" # !
  f = { for x in ["a", "a"] : x => x } # !
  g = "${["a"]}!" # !
  h = nothing.x # !
}
`,
	"jobs.hcl": `message "m" {
  evnt = "check-sync" # !
}
message "n" {
  event   = "check-sync"
  headers = "X: 1" # !
}
sip_notify "a" {
  pbx        = pbx.hqq # !
  on_unknown = "resnd" # !
  targets    = ["PJSIP/1", "1002"] # !
  message {
    event   = "check-sync"
    content = target.x # !
  }
  retry {
    attempts = 0 # !
    backoff  = "soon" # !
  }
  trigger "schedule" {
    cron     = "0 4 30 2 *" # !
    timezone = "Europe/Berln" # !
  }
}
sip_notify "b" {
  pbx      = pbx.ok
  for_each = ["x"] # !
  targets  = []
  message  = message.mm # !
}
user_event "c" {
  pbx  = pbx.ok
  via  = "dial" # !
  body = "no" # !
  trigger "event" {
    name  = "Userevent" # !
    where = target.x == 1 # !
  }
  trigger "after" { job = user_event.d } # !
}
`,
	"other/main.hcl": "",
}

// TestLoad_manyMistakes has a configuration with more than thirty mistakes, all of
// which one run finds, each once.
func TestLoad_manyMistakes(t *testing.T) {
	t.Chdir(t.TempDir())
	want := make(map[string]int)
	for name, content := range manyMistakes {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(content) {
			if n++; strings.HasSuffix(line, "# !\n") {
				want[fmt.Sprintf("%s:%d", name, n)] = 1
			}
		}
	}
	files, diags := reported(".", Values{Version: "0.1.0"})
	got := make(map[string]int)
	for _, d := range diags {
		if d.Subject == nil {
			t.Errorf("without a place: %v", d)
			continue
		}
		got[fmt.Sprintf("%s:%d", d.Subject.Filename, d.Subject.Start.Line)]++
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 30 {
		t.Errorf("mistakes found, of %d (-want +got):\n%s\n%s", len(want), diff, render(t, files, diags))
	}
}

// What is reported reads like what a person has written: whole sentences, and
// nothing of how the program is made.
func TestMistakes_words(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	internal := regexp.MustCompile(`strconv\.|cty\.|hclsyntax|\bgoroutine\b|%!|interface \{\}|invalid syntax|<nil>|\[\]string|runtime error|\bthis is a bug\b|argument\(s\)|expected but|given key does not|no definition was found|not expected here`)
	total := 0
	for _, file := range archives {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if f.Name != "diagnostics" {
				continue
			}
			said := string(f.Data)
			total += strings.Count("\n"+said, "\nError: ") + strings.Count("\n"+said, "\nWarning: ")
			if found := internal.FindString(said); found != "" {
				t.Errorf("%s says %q", file, found)
			}
			for part := range strings.SplitSeq("\n"+said, "\nError: ") {
				paragraphs := strings.Split(strings.TrimSpace(part), "\n\n")
				if last := paragraphs[len(paragraphs)-1]; part != "\n" && part != "" && !strings.HasSuffix(last, ".") && !strings.HasSuffix(last, "?") && !strings.HasSuffix(last, ".)") {
					t.Errorf("%s says something that does not end: %s", file, last)
				}
			}
		}
	}
	if total < 400 {
		t.Errorf("there are only %d mistakes", total)
	}
}

package schema

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzLoad loads arbitrary bytes as a configuration and does with it what every
// command does: it must neither panic nor hang, and what it reports must be
// printable.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "main.hcl" {
				f.Add(file.Data)
			}
		}
	}
	f.Add([]byte(smoke))
	f.Add([]byte(withSecrets))
	f.Add([]byte("locals {\n  a = \"%{ if true }${1}%{ endif }\"\n  b = <<-EOT\n  }\n  EOT\n}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 16<<10 {
			return // Go's fuzzer does not need more to find its way
		}
		snap := &Snapshot{Dir: ".", Configuration: []string{"main.hcl"}, Files: map[string][]byte{"main.hcl": b}}
		src := snap.Source()
		cfg, diags := Load(src, Values{Version: "0.1.0"})
		if (cfg.Snapshot == nil) != diags.HasErrors() {
			t.Fatal("a snapshot with errors, or none without")
		}
		var out bytes.Buffer
		if err := WriteDiagnostics(&out, src.Files(), diags, 80, false); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' }) {
			t.Errorf("control characters in %q", out.String())
		}
		for i, j := range cfg.Jobs {
			if i == 100 {
				break
			}
			if e, _ := j.Event(); j.PBX == nil || (e == nil) != (j.Type == SIPNotify) {
				t.Fatal("a job that cannot be sent")
			}
			for _, target := range j.Targets[:min(len(j.Targets), 100)] {
				if m, diags := j.Message(target); (m == nil) != diags.HasErrors() {
					t.Fatal("a message with errors, or none without")
				}
			}
		}
		if cfg.Snapshot != nil && cfg.Snapshot.Digest() == "" {
			t.Fatal("no digest")
		}
	})
}

package schema

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
)

// addConfigurations has a fuzz target begin with the files of TestMistakes.
func addConfigurations(f *testing.F) {
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
			if filepath.Ext(file.Name) == ".hcl" {
				f.Add(file.Data)
			}
		}
	}
}

// FuzzLoad loads arbitrary bytes as a configuration and does with it what every
// command does: it must neither panic nor hang, and what it reports must be
// printable.
func FuzzLoad(f *testing.F) {
	addConfigurations(f)
	f.Add([]byte(smoke))
	f.Add([]byte(withSecrets))
	f.Add([]byte("locals {\n  a = \"%{ if true }${1}%{ endif }\"\n  b = <<-EOT\n  }\n  EOT\n}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > fuzzSize {
			return
		}
		snap := &Snapshot{Dir: ".", Configuration: []string{"main.hcl"}, Files: map[string][]byte{"main.hcl": b}}
		src := snap.Source()
		cfg, diags := Load(src, Values{Version: "0.1.0"})
		if (cfg.Snapshot == nil) != diags.HasErrors() {
			t.Fatal("a snapshot with errors, or none without")
		}
		checkShown(t, src.Files(), diags)
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

// FuzzWhen fires jobs by events with arbitrary headers: nothing panics, what is
// sent is known, and what is said is short and printable.
func FuzzWhen(f *testing.F) {
	cfg := one(f, firedJobs)
	triggers := []*EventTrigger{
		waiting(f, "key = event.Device\nthrottle = \"1/s\"\nwhere = event.UserEvent == \"Provision\" && event.Count > 3"),
		waiting(f, "where = anytrue([for name, value in event : try(regex(\"^[a-z]+$\", value) == name, false)])"),
		waiting(f, "where = event.Count % 7 == 1 || ceil(event.Count) > 3 || format(\"%d\", event.Count) == \"1\""),
		waiting(f, "key = \"${event.Device}${event.Extra}\"\nthrottle = \"1/s\"\nwhere = contains(flatten([event.Device]), event[\"Odd Name\"])"),
	}
	f.Add("UserEvent: Provision\nDevice: 1001\nBy: Alice\nCount: 15\nExten: s\n")
	f.Add("Device: ${trigger.kind}\nDevice: %{ if true }\nOdd Name: \"\\\"\nBy: \x00\xff\r")
	f.Add("device: sip:1001@192.0.2.7\nDEVICE:\n: empty\nCount: 1e999999\nBy: u\u0308\nEvent: x\nevent: y\nkind: z")
	f.Fuzz(func(t *testing.T, text string) {
		var h EventHeaders
		for line := range strings.SplitSeq(text, "\n") {
			name, value, _ := strings.Cut(line, ":")
			h = append(h, EventHeader{name, strings.TrimPrefix(value, " ")})
		}
		said := func(diags hcl.Diagnostics) {
			for _, d := range diags {
				if len(d.Detail) > 4000 || strings.ContainsFunc(d.Detail, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
					t.Errorf("says %q", d.Detail)
				}
			}
		}
		for _, trigger := range triggers {
			_, diags := trigger.Matches(h)
			said(diags)
			key, diags := trigger.Key(h)
			if said(diags); len(key) > 2*maxKey {
				t.Errorf("a key of %d bytes", len(key))
			}
		}
		for _, j := range cfg.Jobs {
			now, diags := j.When(Fired{Kind: "event", Event: h})
			if said(diags); (now == nil) != diags.HasErrors() {
				t.Fatalf("%s: a job with errors, or none without: %v", j.Address, diags)
			}
			if now == nil {
				continue
			}
			if e, _ := now.Event(); !now.TargetsKnown && now.Type == SIPNotify || e != nil && e.Unknown() {
				t.Fatalf("%s: something is still unknown", j.Address)
			}
			for _, target := range now.Targets {
				m, diags := now.Message(target)
				if said(diags); (m == nil) != diags.HasErrors() || m != nil && m.Unknown() {
					t.Fatalf("%s: message %v, %v", j.Address, m, diags)
				}
			}
		}
	})
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/astconf"
	"github.com/notifyrun/notifyrun/schema"
)

// TestConvert converts the files of each archive in testdata/convert with the
// arguments in "args", and compares what is printed with "want" and "notes";
// -update writes these anew. What it prints for others to load can be loaded.
func TestConvert(t *testing.T) {
	archives, err := filepath.Glob("testdata/convert/*.txtar")
	if err != nil || len(archives) < 7 {
		t.Fatalf("found %d archives: %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			name, err := filepath.Abs(name)
			if err != nil {
				t.Fatal(err)
			}
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			var args []string
			for _, f := range archive.Files {
				if f.Name == "args" {
					args = strings.Fields(string(f.Data))
				}
				if err := os.MkdirAll(filepath.Dir(f.Name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			code, out, errs := execute(t, "", nil, append([]string{"convert"}, args...)...)
			want := map[string]string{"want": out, "notes": errs}
			for i, f := range archive.Files {
				got, ok := want[f.Name]
				switch {
				case !ok:
				case *update:
					archive.Files[i].Data = []byte(got)
				default:
					if diff := cmp.Diff(string(f.Data), got); diff != "" {
						t.Errorf("%s (-want +got):\n%s", f.Name, diff)
					}
				}
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if failed := strings.Contains(errs, "Error: ") || strings.Contains(out, `"severity":"error"`); failed != (code == exitError) {
				t.Errorf("exit code %d", code)
			}
			if !slices.Contains(args, "-json") && out != "" {
				loadMessages(t, out)
			}
		})
	}
}

// loadMessages loads a converted configuration and gives what each message is
// sent as, by its name.
func loadMessages(t *testing.T, text string) map[string][]amiclient.Variable {
	t.Helper()
	if formatted := schema.Format([]byte(text)); !bytes.Equal(formatted, []byte(text)) {
		t.Errorf("not in canonical form:\n%s", text)
	}
	var names []string
	jobs := "\npbx \"p\" {\n  simulator {}\n}\n"
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, `message "`); ok {
			name, _, _ := strings.Cut(rest, `"`)
			names = append(names, name)
			jobs += fmt.Sprintf("sip_notify \"job%d\" {\n  pbx = pbx.p\n  targets = [\"PJSIP/1\"]\n  message = message.%s\n  trigger \"change\" {}\n}\n", len(names), name)
		}
	}
	snap := &schema.Snapshot{Dir: ".", Configuration: []string{"main.hcl"}, Files: map[string][]byte{"main.hcl": []byte(text + jobs)}}
	cfg, diags := schema.Load(snap.Source(), schema.Values{Version: "0.1.0"})
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	if len(cfg.Jobs) != len(names) {
		t.Fatalf("%d jobs of %d messages", len(cfg.Jobs), len(names))
	}
	messages := make(map[string][]amiclient.Variable)
	for i, j := range cfg.Jobs {
		m, diags := j.Message(j.Targets[0])
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		var vars []amiclient.Variable
		add := func(name, value string) { vars = append(vars, amiclient.Variable{Name: name, Value: value}) }
		if !m.Event.IsEmpty() {
			add("Event", m.Event.Reveal())
		}
		for _, h := range m.Headers {
			add(h.Name, h.Value.Reveal())
		}
		if !m.ContentType.IsEmpty() {
			add("Content-Type", m.ContentType.Reveal())
		}
		if m.Content != nil {
			for line := range strings.SplitSeq(m.Content.Reveal(), "\n") {
				add("Content", line)
			}
		}
		messages[names[i]] = vars
	}
	return messages
}

// TestConvert_messages holds what messages say, once loaded, against what Asterisk
// sends for a section by its documentation and its source.
func TestConvert_messages(t *testing.T) {
	for _, c := range []struct {
		text       string
		sip, pjsip []string // of the section x; nil: there is no message
	}{
		{"Event=>check-sync", []string{"Event=check-sync"}, []string{"Event=check-sync"}},
		{"event = a", []string{"event=a"}, []string{"event=a"}},
		{"Event=a\\;b=c;d", []string{"Event=a;b=c"}, []string{"Event=a;b=c"}},
		{"Event=a\\\\;b", []string{"Event=a;b"}, []string{`Event=a\;b`}},
		{"X-A=1\nEvent=a", []string{"X-A=1", "Event=a"}, []string{"X-A=1", "Event=a"}},
		{"Event=a\nX-B=2\nX-A=1\nX-B=", []string{"Event=a", "X-B=2", "X-A=1", "X-B="}, []string{"Event=a", "X-B=2", "X-A=1", "X-B="}},
		{"Event=${a}%{b}$${c}%%{d}$$${e}\"\\", []string{"Event=${a}%{b}$${c}%%{d}$$${e}\"\\"}, []string{"Event=${a}%{b}$${c}%%{d}$$${e}\"\\"}},
		{"Event=a\nfor=1\nnull=2\ntrue=3", []string{"Event=a", "for=1", "null=2", "true=3"}, []string{"Event=a", "for=1", "null=2", "true=3"}},
		{"Content=a\nContent-type=t/u\nX=1\nEvent=e\nContent=", []string{"Content-type=t/u", "Event=e", "Content=a", "Content="}, []string{"Event=e", "Content-Type=t/u", "Content=a", "Content="}},
		{"Event=e\nXX=1\nContent-Type=t/u\nCONTENT=", []string{"Event=e", "XX=1", "Content-Type=t/u", "Content="}, []string{"Event=e", "XX=1", "Content-Type=t/u", "Content="}},
		{"Event=e\nContent-Type=t/u\nContent=EOT\nContent=${a}%{b}\nContent=\nContent=EOTT\nContent=", []string{"Event=e", "Content-Type=t/u", "Content=EOT", "Content=${a}%{b}", "Content=", "Content=EOTT", "Content="},
			[]string{"Event=e", "Content-Type=t/u", "Content=EOT", "Content=${a}%{b}", "Content=", "Content=EOTT", "Content="}},
		{"Event=e\nContent-Type=t/u\nContent=a\tb\nContent=\u00a0c\nContent=", []string{"Event=e", "Content-Type=t/u", "Content=a\tb", "Content=\u00a0c", "Content="},
			[]string{"Event=e", "Content-Type=t/u", "Content=a\tb", "Content=\u00a0c", "Content="}},
		{"Event=e\nContent=a", nil, []string{"Event=e"}},
		{"Event=e\nContent-Type=t", []string{"Event=e"}, []string{"Event=e"}},
		{"Event=e\nVia=x\nUser-Agent=u", []string{"Event=e"}, []string{"Event=e", "User-Agent=u"}},
		{"X=1", nil, nil},
	} {
		for tech, want := range map[string][]string{"SIP": c.sip, "PJSIP": c.pjsip} {
			_, out, errs := execute(t, "[x]\n"+c.text+"\n", nil, "convert", "-tech", tech, "-")
			var got []string
			for _, v := range loadMessages(t, out)["x"] {
				got = append(got, v.Name+"="+v.Value)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %q (-want +got):\n%s\n%s%s", tech, c.text, diff, out, errs)
			}
		}
	}
}

// FuzzConvert: whatever the bytes, what is printed can be loaded, is in canonical
// form, and says what it was made to say.
func FuzzConvert(f *testing.F) {
	archives, err := filepath.Glob("testdata/convert/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 16<<10 {
			return
		}
		for _, tech := range []schema.TargetTech{schema.TechSIP, schema.TechPJSIP} {
			c := conversion{tech: tech, labels: make(map[string]bool)}
			if c.config, err = astconf.Parse(astconf.None, "fuzz.conf", text); err != nil {
				if c.refused(err) == nil {
					t.Error("refused without an error")
				}
				continue
			}
			if err := c.sections(nil); err != nil {
				t.Fatal(err)
			}
			var shown bytes.Buffer
			if err := schema.WriteDiagnostics(&shown, c.files(), c.diags, 80, false); err != nil {
				t.Fatal(err)
			}
			messages := loadMessages(t, c.configuration())
			for _, s := range c.blocks {
				if s.message == nil {
					continue
				}
				want, got := s.message.variables(), messages[s.label]
				if !slices.Equal(want, got) {
					t.Errorf("[%s] is\n%q, not\n%q", s.section.Name, got, want)
				}
				delete(messages, s.label)
			}
			if len(messages) > 0 {
				t.Errorf("messages of nothing: %v", messages)
			}
		}
	})
}

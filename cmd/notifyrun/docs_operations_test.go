package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// certificate is one for 127.0.0.1, which the files of docDir trust.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	return server.TLS.Certificates[0]
}

// managerConf reads the sections of a manager.conf.
func managerConf(text string) map[string]map[string]string {
	sections := map[string]map[string]string{}
	var section map[string]string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = map[string]string{}
			sections[strings.TrimSuffix(name, "]")] = section
		} else if key, value, ok := strings.Cut(line, "="); ok && section != nil {
			section[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return sections
}

// operation is the configuration of the page in a directory of its own, and the
// PBX of its manager.conf.
type operation struct {
	dir string
	sim *amisim.Server
}

func newOperation(t *testing.T, p page, read, write []string) *operation {
	t.Helper()
	user := managerConf(codeBlocks(p.text, "ini")[0])["notifyrun"]
	phones := amisim.Phones(120)
	for i := range phones {
		phones[i].Reboot = amisim.RebootNever // a phone that is away would be skipped by the next command
	}
	sim, err := amisim.Start(amisim.Config{
		Users:  []amisim.User{{Name: "notifyrun", Secret: user["secret"], Read: read, Write: write}},
		Phones: phones,
		TLS:    &tls.Config{Certificates: []tls.Certificate{certificate(t)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	dir := docDir(t)
	config := codeBlocks(p.section(t, "The configuration"), "hcl")[0]
	config = strings.Replace(config, `"pbx.example.net:5039"`, fmt.Sprintf("%q\n  rate_limit = \"unlimited\"\n  max_in_flight = 1", sim.Addr()), 1)
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFYRUN_VAR_hq_secret", user["secret"])
	return &operation{dir, sim}
}

// TestOperations_managerConf holds the manager.conf of the page against what
// check recommends for the page's configuration, and against its checks.
func TestOperations_managerConf(t *testing.T) {
	p := readPage(t, "operations.md")
	user := managerConf(codeBlocks(p.text, "ini")[0])["notifyrun"]
	bare := newOperation(t, p, nil, nil)
	code, out, _ := execute(t, "", os.Environ(), "check", bare.dir)
	recommended := managerConf(strings.ReplaceAll(out, "    ", ""))["notifyrun"]
	if code != exitError || recommended["write"] != user["write"] {
		t.Errorf("the page has write = %s, check recommends %s\n%s", user["write"], recommended["write"], out)
	}
	if strings.ContainsAny(user["write"]+user["read"], " ") {
		t.Errorf("blanks in the lists of the page: %v", user)
	}
	full := newOperation(t, p, strings.Split(user["read"], ","), strings.Split(user["write"], ","))
	if code, out, errs := execute(t, "", os.Environ(), "check", full.dir); code != exitOK {
		t.Errorf("check with the manager.conf of the page: exit code %d\n%s%s", code, out, errs)
	}
	for _, row := range tables(p.text, "| class | why |") {
		words := regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(row[0], -1)
		if len(words) != 2 || !slices.Contains(strings.Split(user[words[0][1]], ","), words[1][1]) {
			t.Errorf("the table explains %s, which the manager.conf of the page does not have", row[0])
		}
	}
}

// TestOperations_commands runs the commands of the page, one after the other,
// and compares their output.
func TestOperations_commands(t *testing.T) {
	p := readPage(t, "operations.md")
	user := managerConf(codeBlocks(p.text, "ini")[0])["notifyrun"]
	op := newOperation(t, p, strings.Split(user["read"], ","), strings.Split(user["write"], ","))
	t.Chdir(op.dir)
	scene := regexp.MustCompile(`(?ms)^<!-- ([a-z ]+) -->\n` + "```console\n(.*?)^```$")
	scenes := scene.FindAllStringSubmatch(p.text, -1)
	if n := strings.Count(p.text, "```console"); n != len(scenes) || n == 0 {
		t.Fatalf("%d of %d blocks of commands say how the PBX is", len(scenes), n)
	}
	for _, s := range scenes {
		switch s[1] {
		case "all is well":
			op.sim.ClearFaults()
		case "the connection breaks":
			op.sim.Inject(amisim.Fault{Kind: amisim.Cut, Action: "PJSIPNotify", Skip: 5, Lost: true})
		default:
			t.Fatalf("the test does not know what %q means", s[1])
		}
		code := 0
		for _, step := range strings.Split("\n"+s[2], "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			var out, errs string
			if command == "echo $?" {
				out = fmt.Sprintln(code)
			} else {
				args := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(strings.TrimPrefix(command, "notifyrun "), -1)
				for i, a := range args {
					args[i] = strings.Trim(a, `"`)
				}
				code, out, errs = execute(t, "", os.Environ(), args...)
			}
			out = strings.ReplaceAll(strings.TrimSpace(out), op.sim.Addr(), "pbx.example.net:5039")
			pattern := regexp.QuoteMeta(strings.TrimSpace(want))
			pattern = regexp.MustCompile(`(?m)^…$`).ReplaceAllString(pattern, "(?s:.*)")
			pattern = strings.ReplaceAll(pattern, "…", ".*")
			if !regexp.MustCompile("^" + pattern + "$").MatchString(out) {
				t.Errorf("$ %s\n%s\n--- should be\n%s\n--- stderr\n%s", command, out, want, errs)
			}
		}
	}
	for _, name := range []string{"notifyrun.db"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the state is not as the page says: %v, %v", info, err)
		}
	}
	left, _ := filepath.Glob("notifyrun.db?*")
	if len(left) > 0 {
		t.Errorf("left beside the state: %v", left)
	}
}

// TestDocs_flags finds every flag of every command line in the pages' scripts
// among those of its command.
func TestDocs_flags(t *testing.T) {
	for _, name := range []string{"operations.md", "design.md"} {
		for _, block := range codeBlocks(readPage(t, name).text, "sh") {
			for line := range strings.Lines(block) {
				_, call, ok := strings.Cut(line, "notifyrun ")
				if !ok || !strings.HasPrefix(line, "notifyrun ") && !strings.Contains(line, "&& notifyrun ") {
					continue
				}
				if _, last, found := strings.Cut(line, "&& notifyrun "); found {
					call = last
				}
				words := strings.Fields(call)
				c := commandOf(words[0])
				if len(words) > 1 && commandOf(words[0]+" "+words[1]) != nil {
					c = commandOf(words[0] + " " + words[1])
				}
				if c == nil {
					t.Errorf("docs/%s: there is no command %s", name, words[0])
					continue
				}
				table := flagTable(t, c)
				for _, w := range words[1:] {
					if strings.HasPrefix(w, "-") && !regexp.MustCompile("(?m)^\\| `"+regexp.QuoteMeta(w)+"[ `]").MatchString(table) {
						t.Errorf("docs/%s: %s has no flag %s", name, words[0], w)
					}
				}
			}
		}
	}
}

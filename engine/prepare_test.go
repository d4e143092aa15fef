package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/schema"
)

// manyTargets is a job of n targets of which each gets a message of its own,
// divided by an attribute of the target.
func manyTargets(t testing.TB, n int, divisor, contentType string) *schema.Job {
	t.Helper()
	return manyTargetsConfig(t, n, divisor, contentType).Jobs[0]
}

func manyTargetsConfig(t testing.TB, n int, divisor, contentType string) *schema.Config {
	t.Helper()
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = [for n in split(",", "%s") : { target = "PJSIP/${n}", n = n, type = %s }]
		  message {
		    event        = "check-sync"
		    headers      = { X-Number = 1 / (%s) }
		    content_type = target.type
		    content      = "a ${target.n}"
		  }
		  trigger "change" {}
		}`, strings.Join(all, ","), contentType, divisor))
}

// What is prepared in parts, by several goroutines, is what each target would
// give by itself, in the order of the targets.
func TestPrepareJob_parts(t *testing.T) {
	const n = 5*atOnce + 7
	j := manyTargets(t, n, "1 + target.n", `"text/plain"`)
	p, diags := prepareJob(j)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if len(p.messages) != n || len(p.revisions) != n || p.first.Target != "PJSIP/0" {
		t.Fatalf("%d messages, %d revisions, the first for %s", len(p.messages), len(p.revisions), p.first.Target)
	}
	for i, target := range j.Targets {
		m, _ := j.Message(target)
		rev, _ := j.Revision(target)
		if p.messages[i] != m.Digest() || p.revisions[i] != onPBX(j, rev) {
			t.Fatalf("target %d: message %s, revision %s", i, p.messages[i], p.revisions[i])
		}
	}
}

// The first target that cannot be evaluated is told, whichever goroutine is the
// first to find one.
func TestPrepareJob_firstMistake(t *testing.T) {
	const bad = 2*atOnce + 3
	for range 20 {
		j := manyTargets(t, 6*atOnce, fmt.Sprintf("contains([%d, %d, %d], tonumber(target.n)) ? 0 : 1", bad, bad+1, 5*atOnce), `"text/plain"`)
		p, diags := prepareJob(j)
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, fmt.Sprintf("PJSIP/%d", bad)) || strings.Contains(diags[0].Detail, fmt.Sprintf("PJSIP/%d", bad+1)) {
			t.Fatalf("diagnostics: %v", diags)
		}
		if len(p.messages) != bad {
			t.Errorf("%d messages, want those of the %d before it", len(p.messages), bad)
		}
	}
}

// What Asterisk would refuse for many targets is one diagnostic, with the first
// of them and how many more there are.
func TestPrepareJob_joinsProblems(t *testing.T) {
	const n = 4 * atOnce
	j := manyTargets(t, n, "1", fmt.Sprintf(`n > %d ? "text" : "text/plain"`, atOnce+1))
	_, diags := prepareJob(j)
	if len(diags) != 1 {
		t.Fatalf("%d diagnostics: %v", len(diags), diags)
	}
	for _, want := range []string{fmt.Sprintf("PJSIP/%d", atOnce+2), fmt.Sprintf("%d more", n-atOnce-3)} {
		if !strings.Contains(diags[0].Detail, want) {
			t.Errorf("it does not say %q: %s", want, diags[0].Detail)
		}
	}
}

// A target with a name that may be at fault is checked though the message is
// that of others.
func TestPrepareJob_checksOddTargets(t *testing.T) {
	names := make([]string, 2*atOnce)
	for i := range names {
		names[i] = fmt.Sprintf("PJSIP/%d", i)
	}
	for _, odd := range []string{"sip:a@b@c", "PJSIP/" + strings.Repeat("x", 2000)} {
		at := atOnce + 5
		all := slices.Replace(slices.Clone(names), at, at+1, odd)
		cfg := configure(t, fmt.Sprintf(`
			pbx "hq" {
			  simulator {}
			}
			sip_notify "x" {
			  pbx     = pbx.hq
			  targets = split(",", %q)
			  message {
			    event = "check-sync"
			  }
			}`, strings.Join(all, ",")))
		if _, diags := prepareJob(cfg.Jobs[0]); len(diags) != 1 {
			t.Errorf("%.20s: diagnostics %v", odd, diags)
		}
	}
}

// What a plan allocates grows with the number of targets and of jobs, and no
// faster: what is measured is not time, so that it holds on any machine.
func TestPlan_growsLinearly(t *testing.T) {
	bytes := func(cfg *schema.Config, s *State) float64 {
		var before, behind runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		plan(t, cfg, s)
		runtime.ReadMemStats(&behind)
		return float64(behind.TotalAlloc - before.TotalAlloc)
	}
	jobs := func(n int) *schema.Config {
		var b strings.Builder
		b.WriteString("pbx \"hq\" {\n  simulator {}\n}\n")
		for i := range n {
			fmt.Fprintf(&b, "sip_notify \"j%d\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/%d\"]\n  message {\n    event = \"check-sync\"\n  }\n  trigger \"change\" {\n    on = %d\n  }\n}\n", i, i, i)
		}
		return configure(t, b.String())
	}
	targets := func(n int) *schema.Config { return manyTargetsConfig(t, n, "1", `"text/plain"`) }
	for name, config := range map[string]func(int) *schema.Config{"jobs": jobs, "targets": targets} {
		for _, applied := range []bool{false, true} {
			var sum [2]float64
			for i, n := range []int{500, 5_000} {
				cfg, s := config(n), &State{}
				if applied {
					s = after(t, plan(t, cfg, s), n)
				}
				sum[i] = bytes(cfg, s)
			}
			if ratio := sum[1] / sum[0]; ratio > 11 {
				t.Errorf("%s, applied %v: ten times as many take %.1f times as many bytes", name, applied, ratio)
			}
		}
	}
}

// What the functions of the language remember is shared by goroutines: with the
// race detector this test finds what is not meant to be.
func TestPrepareJob_sharedFunctions(t *testing.T) {
	dir := t.TempDir()
	var all []string
	for i := range 4 * atOnce {
		all = append(all, fmt.Sprint(i))
	}
	for name, text := range map[string]string{
		"a.txt": "text", "b.tftpl": "${number} at ${plantimestamp()}\n%{ for i in [1, 2] }${i * number}\n%{ endfor }",
		"main.hcl": `
pbx "hq" {
  simulator {}
}
message "common" {
  event   = "check-sync"
  headers = { X-Number = tostring(1000 + target.n) }
}
sip_notify "x" {
  pbx     = pbx.hq
  targets = [for n in split(",", "` + strings.Join(all, ",") + `") : { target = "PJSIP/${n}", n = tonumber(n), agent = tonumber(n) % 2 == 0 ? "Yealink SIP-T46S 66.85.0.5" : "snomD785/10.1.64.14" }]
  message {
    event        = preset_for(target.agent, "check_sync").event
    headers      = concat(message.common.headers, [{ name = "X-Text", value = "${file("a.txt")} ${sha256(file("a.txt"))} ${target.n}" }])
    content_type = "text/plain"
    content      = templatefile("b.tftpl", { number = target.n })
  }
  trigger "change" {
    on = { text = file("a.txt"), n = target.n, day = formatdate("YYYY-MM-DD", plantimestamp()) }
  }
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, diags := schema.Open(dir)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cfg, diags := schema.Load(src, schema.Values{Version: "0.1.0", Now: start})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := prepareJob(cfg.Jobs[0])
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if len(p.messages) != 4*atOnce || p.messages[0] == p.messages[1] {
		t.Errorf("%d messages, the first are %v", len(p.messages), p.messages[:2])
	}
}

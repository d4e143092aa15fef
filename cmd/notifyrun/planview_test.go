package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var planned = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const hq = "pbx \"hq\" {\n  simulator {}\n}\n"

// planOf plans a configuration against a state.
func planOf(t testing.TB, config string, s *engine.State) *engine.Plan {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "main.hcl", config)
	src, diags := schema.Open(dir)
	if !diags.HasErrors() {
		var cfg *schema.Config
		if cfg, diags = schema.Load(src, schema.Values{Version: version}); !diags.HasErrors() {
			var p *engine.Plan
			if p, diags = engine.NewPlan(cfg, s, planned, engine.Options{}); !diags.HasErrors() {
				return p
			}
		}
	}
	t.Fatal(diags)
	return nil
}

// applied is the state that an apply of a plan leaves, with the outcome of each
// delivery; nil: all are accepted.
func applied(p *engine.Plan, outcome func(job, target string) engine.Outcome) *engine.State {
	pub, _ := p.Publication(planned, nil)
	s := &engine.State{
		Serial: 1, Jobs: map[string]engine.AppliedJob{}, Delivered: map[string]map[string]engine.Delivered{}, Pauses: map[string]engine.Pause{},
	}
	for _, j := range pub.Jobs {
		s.Jobs[j.Address] = j
	}
	for i, r := range pub.Runs {
		r.ID = fmt.Sprintf("01M8093N70RA7KW66J5K%06d", i)
		open := engine.OpenRun{RunHeader: r.RunHeader, Serial: 1}
		had, left := map[string]engine.Delivered{}, 0
		for _, d := range r.Deliveries {
			o := engine.Accepted
			if outcome != nil {
				o = outcome(r.Job, d.Target)
			}
			if o.Reached() && d.Revision != "" {
				had[d.Target] = engine.Delivered{Revision: d.Revision, Outcome: o, Run: r.ID}
			}
			if o == engine.Pending {
				left++
			}
			open.Deliveries = append(open.Deliveries, engine.DeliveryState{Delivery: d, Outcome: o})
		}
		s.Delivered[r.Job] = had
		if left > 0 {
			s.Open = append(s.Open, open)
		}
	}
	return s
}

// sites are 200 instances of one block of n phones each, which lines can tell
// apart by each.key.
func sites(n int, firmware, lines string) string {
	return hq + `
sip_notify "reboot" {
  for_each = toset([for n in range(200) : format("site-%03d", n)])
  pbx      = pbx.hq
  targets  = [for n in range(` + fmt.Sprint(n) + `) : "PJSIP/${each.key}-${100 + n}"]
  ` + lines + `
  trigger "change" {
    on = { firmware = "` + firmware + `" }
  }
}
`
}

const reboot = "message {\n    event = \"check-sync;reboot=true\"\n  }\n"

// manyKinds are 10,000 jobs of many kinds.
func manyKinds(firmware string, n int) string {
	var b strings.Builder
	b.WriteString(hq + "pbx \"branch\" {\n  simulator {}\n}\n")
	for i := range n {
		pbx := []string{"hq", "branch"}[i%2]
		switch i % 5 {
		case 0, 1:
			fmt.Fprintf(&b, "sip_notify \"phone_%d\" {\n  pbx     = pbx.%s\n  targets = [\"PJSIP/%d\"]\n  message {\n    event = \"check-sync\"\n  }\n  trigger \"change\" {\n    on = { firmware = %q }\n  }\n}\n", i, pbx, i, firmware)
		case 2:
			fmt.Fprintf(&b, "sip_notify \"lamp_%d\" {\n  pbx     = pbx.%s\n  targets = [\"PJSIP/%d\"]\n  message {\n    message_summary {\n      account = \"sip:%d@pbx.example.net\"\n      new     = %d\n    }\n  }\n  trigger \"change\" {}\n}\n", i, pbx, i, i, i%7)
		case 3:
			fmt.Fprintf(&b, "sip_notify \"night_%d\" {\n  pbx     = pbx.%s\n  targets = [\"PJSIP/%d\"]\n  message {\n    event = \"resync\"\n  }\n  trigger \"schedule\" {\n    cron     = \"%d %d * * *\"\n    timezone = \"Europe/Berlin\"\n  }\n}\n", i, pbx, i, i%60, i%24)
		case 4:
			fmt.Fprintf(&b, "user_event \"note_%d\" {\n  pbx  = pbx.%s\n  body = { Number = \"%d\" }\n  trigger \"after\" {\n    job = sip_notify.night_%d\n  }\n}\n", i, pbx, i, i-1)
		}
	}
	return b.String()
}

// lamps is one job of n targets, no two of which get the same message.
func lamps(n int, account string) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "%d,", i)
	}
	return hq + `
sip_notify "lamps" {
  pbx     = pbx.hq
  targets = [for n in compact(split(",", "` + all.String() + `")) : { target = "PJSIP/${n}", new = 3 }]
  message {
    message_summary {
      account = "sip:${target.target}@` + account + `"
      new     = target.new
    }
  }
  trigger "change" {}
}
`
}

// firmware is one job over the targets that an expression gives.
func firmware(targets, version, lines string) string {
	return hq + `
sip_notify "firmware" {
  pbx     = pbx.hq
  targets = ` + targets + `
  ` + lines + `
  trigger "change" {
    on = { firmware = "` + version + `" }
  }
}
`
}

// planViews are plans of all sizes.
func planViews(t testing.TB) map[string]*engine.Plan {
	nothing := &engine.State{}
	plans := map[string]*engine.Plan{
		"one job":       planOf(t, firmware(`["PJSIP/1001", "PJSIP/1002"]`, "1.2.3", reboot), nothing),
		"one job, long": planOf(t, firmware(`["PJSIP/1001"]`, "1.2.3", "message {\n event = \"x\"\n content_type = \"text/plain\"\n content = join(\"\\n\", [for n in range(100) : \"line ${n} ${strrev(n)} ${n == 20 ? join(\"\", [for i in range(150) : \"long \"]) : \"\"}\"])\n}\n"), nothing),
		"200 instances": planOf(t, sites(500, "1.2.3", reboot), nothing),
	}
	sitesDone := planOf(t, sites(20, "1.2.3", reboot), nothing)
	plans["200 changed"] = planOf(t, sites(20, "1.2.4", reboot), applied(sitesDone, nil))
	plans["no changes"] = planOf(t, sites(20, "1.2.3", reboot), applied(sitesDone, nil))
	plans["198 and 2"] = planOf(t, sites(20, "1.2.4", `message {
    event = contains(["site-007", "site-042"], each.key) ? "check-sync" : "check-sync;reboot=true"
  }
`), applied(sitesDone, nil))
	plans["200 messages"] = planOf(t, sites(20, "1.2.4", `message {
    event   = "check-sync"
    headers = { X-Site = each.key }
  }
`), applied(sitesDone, nil))

	// What an apply that was cut off has left: some sites have phones of which it is
	// not known, one has not been sent to, and two are paused since.
	left := applied(sitesDone, func(job, target string) engine.Outcome {
		switch {
		case strings.Contains(job, "site-00") && strings.HasSuffix(target, "7"):
			return engine.Unknown
		case strings.Contains(job, "site-042"), strings.Contains(job, "site-01") && strings.HasSuffix(target, "0"):
			return engine.Pending
		case strings.Contains(job, "site-100"):
			return engine.Rejected
		}
		return engine.Accepted
	})
	for _, site := range []string{"site-042", "site-043"} {
		job := fmt.Sprintf("sip_notify.reboot[%q]", site)
		left.Pauses[job] = engine.Pause{Job: job, Reason: "fair this week", By: "root@noc", Since: planned.Add(-time.Hour)}
	}
	plans["left, held, paused"] = planOf(t, sites(20, "1.2.3", reboot)+extraJobs, left)
	plans["all kinds of things"] = planOf(t, sites(20, "1.2.3", reboot+"  window = window.night\n")+extraJobs+`
window "night" {
  start    = "01:00"
  end      = "05:00"
  timezone = "Europe/Berlin"
}
moved {
  from = sip_notify.restart
  to   = sip_notify.reboot
}
`, renamedState(left, "sip_notify.reboot[", "sip_notify.restart["))
	plans["all changed after that"] = planOf(t, sites(20, "1.2.4", reboot), left)

	plans["without contact"] = planOf(t, firmware(`[for n in split(",", "`+numbers(0, 3000)+`") : { endpoint = n, contacts = tonumber(n) % 100 == 7 ? 0 : 1 }]`, "1.2.3", reboot), nothing)

	before := planOf(t, firmware(`[for n in split(",", "`+numbers(0, 5000)+`") : "PJSIP/${n}"]`, "1.2.3", reboot), nothing)
	plans["come and go"] = planOf(t, firmware(`[for n in split(",", "`+numbers(40, 5200)+`") : "PJSIP/${n}"]`, "1.2.3", reboot), applied(before, nil))

	kinds := planOf(t, manyKinds("1.2.3", 1_000), nothing)
	plans["1000 jobs, changed"] = planOf(t, manyKinds("1.2.4", 900), applied(kinds, nil))
	plans["10000 jobs"] = planOf(t, manyKinds("1.2.3", 10_000), nothing)

	some := planOf(t, lamps(5_000, "pbx.example.net"), nothing)
	plans["5000 targets, changed"] = planOf(t, lamps(5_000, "pbx2.example.net"), applied(some, nil))
	plans["5000 targets, no changes"] = planOf(t, lamps(5_000, "pbx.example.net"), applied(some, nil))
	plans["100000 targets"] = planOf(t, lamps(100_000, "pbx.example.net"), nothing)
	plans["removed"] = planOf(t, hq, applied(sitesDone, nil))

	var many strings.Builder
	for n := range 200 {
		fmt.Fprintf(&many, "pbx \"site_%d\" {\n  simulator {}\n}\nsip_notify \"site_%d\" {\n  pbx     = pbx.site_%d\n  targets = [for n in range(%d) : \"PJSIP/${n}\"]\n  %s  trigger \"change\" {\n    on = 1\n  }\n}\n", n, n, n, 100+n, reboot)
	}
	plans["200 PBXs"] = planOf(t, many.String(), nothing)
	plans["hostile names"] = planOf(t, hq+`
sip_notify "reboot" {
  for_each = toset([for n in range(60) : "site-${n}]\u001b[31m\"\u202e\n"])
  pbx      = pbx.hq
  targets  = ["PJSIP/${length(each.key)}${md5(each.key)}", "PJSIP/\u202eabc"]
  message {
    event   = "check-sync"
    headers = { X-Site = "a\u202e${length(each.key)}" }
  }
  trigger "change" {
    on = each.key
  }
}
`, nothing)
	return plans
}

// renamedState is a state in which jobs had another address.
func renamedState(s *engine.State, address, former string) *engine.State {
	was := *s
	name := func(a string) string { return strings.Replace(a, address, former, 1) }
	was.Jobs, was.Delivered, was.Pauses = map[string]engine.AppliedJob{}, map[string]map[string]engine.Delivered{}, map[string]engine.Pause{}
	for a, j := range s.Jobs {
		j.Address = name(a)
		was.Jobs[j.Address] = j
	}
	for a, d := range s.Delivered {
		was.Delivered[name(a)] = d
	}
	for a, p := range s.Pauses {
		p.Job = name(a)
		was.Pauses[p.Job] = p
	}
	was.Open = slices.Clone(s.Open)
	for i := range was.Open {
		was.Open[i].Job = name(was.Open[i].Job)
	}
	return &was
}

// numbers are those from one up to another, as text.
func numbers(from, to int) string {
	all := make([]string, 0, to-from)
	for n := from; n < to; n++ {
		all = append(all, fmt.Sprint(n))
	}
	return strings.Join(all, ",")
}

const extraJobs = `
sip_notify "night" {
  for_each = toset([for n in range(30) : format("%d", n)])
  pbx      = pbx.hq
  targets  = ["PJSIP/night-${each.key}"]
  message { event = "resync" }
  trigger "schedule" { cron = "0 ${each.key % 12} * * *" }
}
user_event "done" {
  for_each = toset([for n in range(30) : format("%d", n)])
  pbx      = pbx.hq
  trigger "after" { job = sip_notify.night[each.key] }
}
`

// That nothing is to do is said in lines that the terminal has room for, too.
func TestPlanView_noChanges(t *testing.T) {
	const want = "No changes. Of the jobs that -target and -exclude leave, what was applied is what is declared, and nothing is to be sent now."
	for _, width := range []int{0, 60, 80} {
		var b strings.Builder
		planView{screen: screen{w: &b, width: width}}.write(&engine.Plan{Narrow: true, State: &engine.State{}, Config: &schema.Config{}})
		if got := strings.Join(strings.Fields(b.String()), " "); got != want {
			t.Errorf("%d columns: it says %q, want %q", width, got, want)
		}
		for line := range strings.Lines(b.String()) {
			if n := len(strings.TrimSuffix(line, "\n")); width > 0 && n > width {
				t.Errorf("%d columns: a line has %d: %s", width, n, line)
			}
		}
	}
}

// TestPlanView holds what is shown of plans of all sizes on 80 columns against
// files, and that it is two screens at most, however wide they are, with colours
// and without.
func TestPlanView(t *testing.T) {
	view := func(p *engine.Plan, v planView) string {
		var b strings.Builder
		v.w = &b
		v.write(p)
		return b.String()
	}
	zone := time.Local
	t.Cleanup(func() { time.Local = zone })
	time.Local = time.UTC // of the times at which jobs were paused
	for name, p := range planViews(t) {
		t.Run(name, func(t *testing.T) {
			shown := view(p, planView{screen: screen{width: 80}})
			golden(t, strings.NewReplacer(" ", "_", ",", "").Replace(name)+".txt", shown)
			summary := shown[strings.LastIndex(shown, "\nPlan:")+1:]
			if summary, _, _ = strings.Cut(summary, "\n"); strings.Contains(shown, "This is an overview") && !strings.HasPrefix(shown, summary+"\n") {
				t.Errorf("it does not begin with %q", summary)
			}
			for _, width := range []int{0, 60, 80, 160} {
				v := planView{screen: screen{width: width}}
				shown := view(p, v)
				if rows := v.rowsOf(strings.Split(strings.TrimSuffix(shown, "\n"), "\n")); rows > twoScreens {
					t.Errorf("%d columns: %d rows, want %d at most:\n%s", width, rows, twoScreens, shown)
				}
				v.style.on = true
				coloured := view(p, v)
				if plain := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(coloured, ""); plain != shown || plain == coloured {
					t.Errorf("%d columns: colours change what is shown (-without +with):\n%s", width, cmp.Diff(shown, plain))
				}
				if i := strings.IndexFunc(shown, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("%d columns: control character: %q", width, shown[i:min(i+20, len(shown))])
				}
			}
		})
	}
}

// TestPlanView_document finds in docs/cli.md the overview that a plan shows.
func TestPlanView_document(t *testing.T) {
	shown, err := os.ReadFile(filepath.Join("testdata", "planview", "198_and_2.txt")) // which TestPlanView holds
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(cliReference(t)["plan"], "```text\n"+string(shown)+"```\n") {
		t.Errorf("docs/cli.md does not have the overview:\n%s", shown)
	}
}

// TestPlanView_taken leaves room on the two screens for what stands behind a plan.
func TestPlanView_taken(t *testing.T) {
	p := planOf(t, sites(20, "1.2.3", reboot)+extraJobs, &engine.State{})
	for _, taken := range []int{0, 5, 14} {
		var b strings.Builder
		v := planView{screen: screen{w: &b, width: 80}, taken: taken}
		v.write(p)
		if rows := v.rowsOf(strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")); rows > twoScreens-taken {
			t.Errorf("%d rows, want %d at most", rows, twoScreens-taken)
		}
	}
}

func TestFewWarnings(t *testing.T) {
	warn := func(summary string, n int) hcl.Diagnostics {
		var all hcl.Diagnostics
		for i := range n {
			all = append(all, &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: fmt.Sprintf("%s %d.", summary, i)})
		}
		return all
	}
	var got []string
	for _, d := range fewWarnings(slices.Concat(warn("few", 4), warn("many", 2000), warn("one", 1))) {
		got = append(got, d.Detail)
	}
	want := []string{"few 0.", "few 1.", "few 2.", "few 3.", "many 0.", "many 1.", "many 2. There are 1,997 more such warnings; -full shows them.", "one 0."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestPlanView_full wants each job of a large plan with -full.
func TestPlanView_full(t *testing.T) {
	p := planOf(t, sites(20, "1.2.3", reboot), &engine.State{})
	var b strings.Builder
	planView{screen: screen{w: &b}, full: true}.write(p)
	for _, jp := range p.Jobs {
		if !strings.Contains(b.String(), "\n  + "+jp.Address+"\n") {
			t.Errorf("%s is not shown", jp.Address)
		}
	}
}

// golden compares with a file in testdata/planview; -update writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "planview", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("it shows (-want +got):\n%s", diff)
	}
}

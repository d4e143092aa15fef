package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/engine"
)

// exported gives the metrics that a daemon exports: type and labels, by name. All
// that can be counted is counted once.
func exported(t *testing.T) map[string][2]string {
	t.Helper()
	m := newMetrics(&feigned{status: engine.Status{Lanes: []engine.LaneStatus{{PBX: "pbx.a", Listens: true}}}})
	m.Delivered("sip_notify.a", "pbx.a", engine.Accepted, time.Second)
	m.Fired("sip_notify.a", "schedule", time.Second)
	m.NotFired("sip_notify.a", engine.MissedLate, 1)
	m.Received("pbx.a", "FullyBooted", true)
	m.Dropped("pbx.a", 1)
	m.Wrote(time.Second, nil)
	m.Wrote(time.Second, errors.New("no room"))
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][2]string{}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		all[f.GetName()] = [2]string{strings.ToLower(f.GetType().String()), strings.Join(labels, " ")}
	}
	return all
}

// TestOperations_metrics holds the table of metrics against the program, both ways.
func TestOperations_metrics(t *testing.T) {
	all := exported(t)
	listed := map[string]bool{}
	for _, row := range tables(readPage(t, "operations.md").section(t, "Metrics"), "| metric | type | labels | meaning |") {
		name := code(t, row[0])
		listed[name] = true
		labels := spans(row[2])
		slices.Sort(labels)
		if got, want := [2]string{row[1], strings.Join(labels, " ")}, all[name]; got != want {
			t.Errorf("the page has %s as %q, the program as %q", name, got, want)
		}
	}
	for name := range all {
		switch {
		case listed[name], strings.HasPrefix(name, "go_"), strings.HasPrefix(name, "process_"):
		default:
			t.Errorf("the page does not have %s", name)
		}
	}
}

// yamlBlocks parses the YAML of a section.
func yamlBlocks(t *testing.T, text string) (all []cty.Value) {
	t.Helper()
	for _, block := range codeBlocks(text, "yaml") {
		ty, err := yaml.ImpliedType([]byte(block))
		if err != nil {
			t.Fatalf("%v\n%s", err, block)
		}
		v, err := yaml.Unmarshal([]byte(block), ty)
		if err != nil {
			t.Fatalf("%v\n%s", err, block)
		}
		all = append(all, v)
	}
	return all
}

// TestOperations_alerts finds the metrics, labels and values of the alert rules
// among those that the program exports.
func TestOperations_alerts(t *testing.T) {
	blocks := yamlBlocks(t, readPage(t, "operations.md").section(t, "Metrics"))
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of YAML, want the scrape configuration and the rules", len(blocks))
	}
	scrape := blocks[0].GetAttr("scrape_configs").AsValueSlice()[0]
	target := scrape.GetAttr("static_configs").AsValueSlice()[0].GetAttr("targets").AsValueSlice()[0].AsString()
	if unit := codeBlocks(readPage(t, "operations.md").text, "systemd")[0]; !strings.Contains(unit, "-http "+target+" ") {
		t.Errorf("%s is scraped, and not where the unit has the daemon listen", target)
	}
	known := map[string]bool{"paused": true, "schedule": true}
	for _, o := range []engine.Outcome{engine.Accepted, engine.Answered, engine.Rejected, engine.Unknown, engine.Skipped, engine.Canceled} {
		known[string(o)] = true
	}
	all, names := exported(t), map[string]bool{}
	for _, rule := range blocks[1].GetAttr("groups").AsValueSlice()[0].GetAttr("rules").AsValueSlice() {
		name, expr := rule.GetAttr("alert").AsString(), rule.GetAttr("expr").AsString()
		if names[name] || rule.GetAttr("annotations").GetAttr("summary").AsString() == "" {
			t.Errorf("%s is there twice or does not say what it means", name)
		}
		names[name] = true
		found := regexp.MustCompile(`notifyrun_\w+`).FindAllString(expr, -1)
		if len(found) == 0 && expr != `up{job="`+scrape.GetAttr("job_name").AsString()+`"} == 0` {
			t.Errorf("%s asks for nothing of ours: %s", name, expr)
		}
		var labels string
		for _, metric := range found {
			base := strings.TrimSuffix(metric, "_bucket")
			if all[base][0] == "" || (base != metric) != (all[base][0] == "histogram") {
				t.Errorf("%s asks for %s, which nobody exports", name, metric)
			}
			labels += " " + all[base][1]
		}
		for _, m := range regexp.MustCompile(`(\w+)(?:=|!=|=~)"([^"]*)"`).FindAllStringSubmatch(expr, -1) {
			if len(found) > 0 && !slices.Contains(strings.Fields(labels), m[1]) {
				t.Errorf("%s asks for the label %s, which no metric of it has", name, m[1])
			}
			for _, value := range strings.Split(m[2], "|") {
				if len(found) > 0 && !known[value] {
					t.Errorf("%s asks for %s = %s, which does not occur", name, m[1], value)
				}
			}
		}
		if by := regexp.MustCompile(`by \(([^)]*)\)`).FindStringSubmatch(expr); by != nil {
			for _, label := range strings.Split(by[1], ", ") {
				if label != "le" && !slices.Contains(strings.Fields(labels), label) {
					t.Errorf("%s sums by %s, which no metric of it has", name, label)
				}
			}
		}
	}
}

// Beyond a number of instances, jobs share the label of their block.
func TestMetrics_manyJobs(t *testing.T) {
	m := newMetrics(&engine.Daemon{})
	for i := range maxJobLabels {
		address := `sip_notify.x["` + strings.Repeat("x", i) + `"]`
		if got := m.job(address); got != address {
			t.Fatalf("job %d is %s", i, got)
		}
	}
	for given, want := range map[string]string{
		`sip_notify.x["new"]`: "sip_notify.x[*]", `sip_notify.x["x"]`: `sip_notify.x["x"]`, `user_event.y[7]`: "user_event.y[*]", "sip_notify.alone": "sip_notify.alone",
	} {
		if got := m.job(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
}

// TestOperations_unit holds the unit of the page against systemd, where it is
// there, and against the program.
func TestOperations_unit(t *testing.T) {
	unit := codeBlocks(readPage(t, "operations.md").text, "systemd")[0]
	settings := map[string]string{}
	section := ""
	for line := range strings.Lines(unit) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "":
		case strings.HasPrefix(line, "["):
			section = line
		case !ok || section == "" || settings[key] != "":
			t.Errorf("the unit has the line %q", line)
		default:
			settings[key] = value
		}
	}
	program, arguments, _ := strings.Cut(settings["ExecStart"], " ")
	words := strings.Fields(arguments)
	table := flagTable(t, serveCommand)
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "-") && !strings.Contains(table, "| `"+w+" ") {
			t.Errorf("serve has no flag %s", w)
		}
	}
	span := func(key string) time.Duration {
		d, err := time.ParseDuration(strings.ReplaceAll(settings[key], "min", "m"))
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		return d
	}
	if words[0] != "serve" || settings["Type"] != "notify" || settings["Restart"] != "on-failure" {
		t.Errorf("the unit does not start serve as it is meant: %v", settings)
	}
	if span("TimeoutStopSec") <= 10*time.Second || span("WatchdogSec") < 2*stuckAfter {
		t.Errorf("the unit is more impatient than the program: %v", settings)
	}
	if !strings.Contains(unit, "StateDirectory=notifyrun\n") || !strings.Contains(arguments, "-state /var/lib/notifyrun/") {
		t.Error("the state does not lie in the directory that the unit has")
	}
	t.Run("systemd-analyze", func(t *testing.T) {
		analyze, err := exec.LookPath("systemd-analyze")
		if err != nil {
			unavailable(t, "systemd-analyze is not installed")
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "notifyrun.service")
		write(t, filepath.Dir(file), filepath.Base(file), strings.Replace(unit, program, self, 1))
		if out, err := exec.Command(analyze, "verify", file).CombinedOutput(); err != nil || strings.Contains(string(out), file) {
			t.Errorf("systemd-analyze verify: %v\n%s", err, out)
		}
	})
}

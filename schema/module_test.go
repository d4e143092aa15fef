package schema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is declared above is passed into modules like any other value: PBXs,
// messages, windows, jobs; and out of them by outputs, through several levels.
func TestModule_values(t *testing.T) {
	dir := writeFiles(t,
		"main.hcl", `
pbx "hq" {
  simulator {}
}
message "resync" { event = "check-sync" }
window "nights" {
  start = "22:00"
  end   = "05:00"
}
user_event "begin" { pbx = pbx.hq }
module "outer" {
  source  = "./modules/outer"
  pbx     = pbx.hq
  message = message.resync
  window  = window.nights
  job     = user_event.begin
}
output "inner" { value = module.outer.job.address }
output "file" { value = module.outer.text }
`,
		"modules/outer/outer.hcl", `
variable "pbx" {}
variable "message" {}
variable "window" {}
variable "job" {}
module "inner" {
  count   = 2
  source  = "../inner"
  pbx     = var.pbx
  message = var.message
  window  = var.window
  job     = var.job
}
output "job" { value = module.inner[1].job }
output "text" { value = module.inner[0].text }
`,
		"modules/inner/a.hcl", `
variable "pbx" {}
variable "message" {}
variable "window" {}
variable "job" {}
variable "settings" {
  type = object({ retries = optional(number, 7), site = optional(string) })
  default = {}
}
locals { text = file("${path.module}/text.txt") }
`,
		"modules/inner/b.hcl", `
sip_notify "x" {
  pbx     = var.pbx
  targets = ["PJSIP/1001"]
  message = var.message
  window  = var.window
  trigger "after" { job = var.job }
  retry { attempts = var.settings.retries }
}
output "job" { value = sip_notify.x }
output "text" { value = "${local.text} ${path.module} ${path.root}" }
`,
		"modules/inner/text.txt", "inside")
	src, cfg := load(t, dir, Values{})
	want := []string{"user_event.begin", "module.outer.module.inner[0].sip_notify.x", "module.outer.module.inner[1].sip_notify.x"}
	var got []string
	for _, j := range cfg.Jobs {
		got = append(got, j.Address)
		if j.Type == UserEvent {
			continue
		}
		m, diags := j.Message(j.Targets[0])
		if diags.HasErrors() || m.Event.Reveal() != "check-sync" {
			t.Error(m, diags)
		}
		if j.PBX.Address != "pbx.hq" || j.Window == nil || j.Window.Address != "window.nights" || j.Retry.Attempts != 7 ||
			!slices.Equal(j.Triggers[0].(*AfterTrigger).Jobs, []string{"user_event.begin"}) {
			t.Errorf("%s: %+v", j.Address, j)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	if got := cfg.Outputs[0].Value.AsString(); got != want[2] {
		t.Errorf("output inner is %s", got)
	}
	if got := cfg.Outputs[1].Value.AsString(); got != "inside modules/inner ." {
		t.Errorf("output file is %s", got)
	}

	// The snapshot needs no disk, and what it names is under the same names.
	again, diags := Load(cfg.Snapshot.SourceIn(t.TempDir()), Values{})
	if diags.HasErrors() || len(again.Jobs) != 3 || again.Snapshot.Digest() != cfg.Snapshot.Digest() {
		t.Fatal(diags, again.Jobs)
	}
	if src.Files()[filepath.Join(dir, "modules/inner/b.hcl")] == nil {
		t.Error("no snippets of files in modules can be shown")
	}
}

// What depends on a module waits for all jobs in it, and what is in a module that
// depends on jobs waits for these.
func TestModule_dependsOn(t *testing.T) {
	job := func(name, rest string) string {
		return "user_event \"" + name + "\" {\n pbx = var.pbx\n" + rest + "\n}\n"
	}
	dir := writeFiles(t,
		"main.hcl", strings.ReplaceAll(`
pbx "hq" {
  simulator {}
}
`+job("begin", "")+job("mine", "depends_on = [user_event.begin]")+`
module "site" {
  source     = "./site"
  for_each   = toset(["north", "south"])
  pbx        = pbx.hq
  depends_on = [user_event.begin]
}
`+job("end", "depends_on = [module.site]")+`
module "after" {
  source     = "./site/inner"
  pbx        = pbx.hq
  depends_on = [module.site["north"], user_event.begin]
}
`, "var.pbx", "pbx.hq"),
		"site/site.hcl", `
variable "pbx" {}
module "inner" {
  source = "./inner"
  count  = 1
  pbx    = var.pbx
}
`+job("a", "")+job("b", "depends_on = [user_event.a]"),
		"site/inner/inner.hcl", "variable \"pbx\" {}\n"+job("x", ""))
	_, cfg := load(t, dir, Values{})
	var north, south []string
	for _, name := range []string{"module.inner[0].user_event.x", "user_event.a", "user_event.b"} {
		north = append(north, `module.site["north"].`+name)
		south = append(south, `module.site["south"].`+name)
	}
	sites := append(slices.Clone(north), south...)
	begin := []string{"user_event.begin"}
	want := map[string][]string{
		"user_event.begin": nil, "user_event.mine": begin, "user_event.end": sites,
		"module.after.user_event.x": append(slices.Clone(sites), begin...),
	}
	for _, site := range [][]string{north, south} {
		want[site[0]], want[site[1]], want[site[2]] = begin, begin, []string{site[1], begin[0]}
	}
	got := map[string][]string{}
	for _, j := range cfg.Jobs {
		got[j.Address] = j.DependsOn
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("depends on (-want +got):\n%s", diff)
	}
}

// No secret of a module comes into a snapshot, and one that would be missing from
// it is named, so that no job runs without.
func TestModule_secrets(t *testing.T) {
	for name, c := range map[string]struct {
		input, fallback string
		missing         []string
	}{
		"given":   {`secret = "hunter2"`, "", []string{"main.hcl:4"}},
		"default": {"", `default = "hunter2"`, []string{"site/site.hcl:4"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, cfg := load(t, writeFiles(t,
				"main.hcl", "module \"site\" {\n  source = \"./site\"\n\n  "+c.input+"\n}\n",
				"site/site.hcl", "variable \"secret\" {\n  sensitive = true\n\n  "+c.fallback+"\n}\npbx \"hq\" {\n  address = \"x\"\n  username = \"x\"\n  secret = var.secret\n}\n"), Values{})
			if got := cfg.PBXs[0].Secret.Reveal(); got != "hunter2" || cfg.PBXs[0].Address != "module.site.pbx.hq" {
				t.Errorf("%s has the secret %s", cfg.PBXs[0].Address, got)
			}
			text, err := json.Marshal(cfg.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range cfg.Snapshot.Files {
				text = append(text, b...)
			}
			if strings.Contains(string(text), "hunter2") {
				t.Errorf("the snapshot has the secret: %s", text)
			}
			if !slices.Equal(cfg.Snapshot.Missing, c.missing) {
				t.Errorf("missing: %v", cfg.Snapshot.Missing)
			}
		})
	}
}

// A sensitive default that is nothing to hide is in the snapshot as it stands, and
// no job that needs it is lost.
func TestModule_emptySecret(t *testing.T) {
	_, cfg := load(t, writeFiles(t,
		"main.hcl", "pbx \"hq\" {\n  simulator {}\n}\nmodule \"site\" {\n  source = \"./site\"\n  pbx    = pbx.hq\n}\n",
		"site/site.hcl", "variable \"pbx\" {}\nvariable \"token\" {\n  default   = \"\"\n  sensitive = true\n}\nuser_event \"x\" {\n  pbx  = var.pbx\n  body = { Token = var.token }\n}\n"), Values{})
	again, diags := Load(cfg.Snapshot.Source(), Values{})
	if len(diags) > 0 || len(again.Jobs) != 1 || cfg.Snapshot.Missing != nil {
		t.Errorf("%d jobs, missing %v, %v", len(again.Jobs), cfg.Snapshot.Missing, diags)
	}
}

// The value of a variable with secret_file is read from the disk whenever it is
// needed, and is nowhere else; a value that is given wins.
func TestVariable_secretFile(t *testing.T) {
	dir := writeFiles(t,
		"main.hcl", `
variable "pin" {
  type        = string
  secret_file = "pin.secret"
}
pbx "hq" {
  simulator {}
}
user_event "x" {
  pbx  = pbx.hq
  body = { Pin = var.pin }
}
module "site" {
  source = "./site"
}
`,
		"site/site.hcl", "variable \"token\" { secret_file = \"pin.secret\" }\noutput \"token\" { value = var.token }\n",
		"pin.secret", "hunter2\n")
	pin := func(cfg *Config) string {
		event, diags := cfg.Jobs[0].Event()
		if diags.HasErrors() || !event.Body[0].Value.IsSensitive() {
			t.Fatal(diags, event)
		}
		return event.Body[0].Value.Reveal()
	}
	_, cfg := load(t, dir, Values{})
	if pin(cfg) != "hunter2" {
		t.Error("it is not the file's")
	}
	text, err := json.Marshal(cfg.Snapshot)
	if err != nil || strings.Contains(string(text), "hunter2") || !slices.Equal(cfg.Snapshot.SecretFiles, []string{"pin.secret"}) || cfg.Snapshot.Missing != nil {
		t.Errorf("%v: %s", err, text)
	}
	if err := os.WriteFile(filepath.Join(dir, "pin.secret"), []byte("hunter3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, diags := Load(cfg.Snapshot.Source(), Values{})
	if diags.HasErrors() || pin(again) != "hunter3" {
		t.Error("a snapshot does not read it anew", diags)
	}
	if again.Snapshot.Digest() != cfg.Snapshot.Digest() {
		t.Error("the secret is in the digest")
	}
	given, diags := Load(cfg.Snapshot.Source(), Values{Environ: []string{EnvPrefix + "pin=hunter4"}})
	if diags.HasErrors() || pin(given) != "hunter4" {
		t.Error("a given value does not win", diags)
	}
	if err := os.Remove(filepath.Join(dir, "pin.secret")); err != nil {
		t.Fatal(err)
	}
	if _, diags := Load(cfg.Snapshot.Source(), Values{}); len(diags) != 2 || !strings.Contains(diags[0].Detail, "pin.secret") {
		t.Error("without the file:", diags)
	}
}

// A module for each of a thousand sites costs a thousand times as much as one.
func BenchmarkLoad1000Modules(b *testing.B) {
	dir := writeFiles(b, "main.hcl", `
pbx "hq" {
  simulator {}
}
module "site" {
  source = "./site"
  count  = 1000
  pbx    = pbx.hq
  first  = count.index * 10
}
`, "site/site.hcl", `
variable "pbx" {}
variable "first" { type = number }
locals { targets = [for n in range(10) : "PJSIP/${var.first + n}"] }
message "reboot" { event = "check-sync" }
sip_notify "reboot" {
  pbx     = var.pbx
  targets = local.targets
  message = message.reboot
}
sip_notify "nightly" {
  pbx     = var.pbx
  targets = local.targets
  message = message.reboot
  trigger "schedule" { cron = "0 3 * * *" }
}
`)
	for b.Loop() {
		_, cfg := load(b, dir, Values{})
		if len(cfg.Jobs) != 2000 {
			b.Fatal(len(cfg.Jobs))
		}
	}
}

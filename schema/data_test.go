package schema

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fleet answers for data "pjsip_contacts": endpoints by data address, each with
// one contact; "1001*2" has two.
func fleet(read map[string]*Data, unread []*DataRequest, endpoints map[string][]string) {
	for _, r := range unread {
		rows := &PJSIPContacts{}
		for _, name := range endpoints[r.Address] {
			name, twice := strings.CutSuffix(name, "*2")
			n := 1
			if twice {
				n = 2
			}
			for i := range n {
				rows.Contacts = append(rows.Contacts, PJSIPContact{
					Endpoint: name, AOR: name, URI: "sip:" + name + "@192.0.2." + string(rune('1'+i)), UserAgent: "Yealink SIP-T46S 66.85.0.5", ContactCount: n,
				})
			}
		}
		read[r.Address] = &Data{Read: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), Rows: rows}
	}
}

// opened makes a directory of files and opens it.
func opened(t testing.TB, files ...string) *Source {
	t.Helper()
	src, diags := Open(writeFiles(t, files...))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return src
}

// loadAll loads a configuration, reading what it asks for until it asks no more.
// It returns which addresses it has asked for, one list for each time.
func loadAll(t *testing.T, src *Source, endpoints map[string][]string) (*Config, [][]string) {
	t.Helper()
	read := map[string]*Data{}
	var asked [][]string
	for range 5 {
		cfg, diags := Load(src, Values{Data: read})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if len(cfg.Unread) == 0 {
			return cfg, asked
		}
		var addresses []string
		for _, r := range cfg.Unread {
			addresses = append(addresses, r.Address)
		}
		asked = append(asked, addresses)
		fleet(read, cfg.Unread, endpoints)
	}
	t.Fatalf("it asks for ever: %v", asked)
	return nil, nil
}

func jobsOf(cfg *Config) map[string][]string {
	jobs := map[string][]string{}
	for _, j := range cfg.Jobs {
		targets := []string{}
		for _, target := range j.Targets {
			targets = append(targets, target.String())
		}
		jobs[j.Address] = targets
	}
	return jobs
}

const siteModule = `
variable "pbx" {}
variable "name" { type = string }
data "pjsip_contacts" "here" { pbx = var.pbx }
locals { all = data.pjsip_contacts.here.contacts }
sip_notify "reboot" {
  pbx     = var.pbx
  targets = local.all
  message { event = "check-sync;reboot=true" }
}
output "job" { value = sip_notify.reboot }
output "phones" { value = length(local.all) }
`

const sites = `
locals { sites = toset(["north", "south"]) }
pbx "site" {
  for_each = local.sites
  simulator {}
}
module "site" {
  source   = "./site"
  for_each = local.sites
  pbx      = pbx.site[each.key]
  name     = each.key
}
user_event "done" {
  pbx  = pbx.site["north"]
  body = { Phones = sum([for m in module.site : m.phones]) }
  trigger "after" { job = [for m in module.site : m.job] }
}
`

// Data are asked for all at once, over all modules, and jobs depend on the data of
// their own site only.
func TestLoad_dataOfModules(t *testing.T) {
	cfg, asked := loadAll(t, opened(t, "main.hcl", sites, "site/site.hcl", siteModule), map[string][]string{
		`module.site["north"].data.pjsip_contacts.here`: {"1001", "1002*2"},
		`module.site["south"].data.pjsip_contacts.here`: {"2001"},
	})
	if diff := cmp.Diff([][]string{{`module.site["north"].data.pjsip_contacts.here`, `module.site["south"].data.pjsip_contacts.here`}}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]string{
		`module.site["north"].sip_notify.reboot`: {"PJSIP/1001", "PJSIP/1002/sip:1002@192.0.2.1", "PJSIP/1002/sip:1002@192.0.2.2"},
		`module.site["south"].sip_notify.reboot`: {"PJSIP/2001"},
		"user_event.done":                        {},
	}, jobsOf(cfg)); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	for _, j := range cfg.Jobs {
		site, _, inSite := strings.Cut(j.Address, ".sip_notify")
		want := []string{site + ".data.pjsip_contacts.here"}
		if !inSite {
			want = []string{`module.site["north"].data.pjsip_contacts.here`, `module.site["south"].data.pjsip_contacts.here`}
			event, _ := j.Event()
			if got := event.Body[0].Value.Reveal(); got != "4" {
				t.Errorf("%s phones at all sites", got)
			}
			if after := j.Triggers[0].(*AfterTrigger).Jobs; len(after) != 2 || after[0] != `module.site["north"].sip_notify.reboot` {
				t.Errorf("it fires after %v", after)
			}
		}
		if diff := cmp.Diff(want, j.Data); diff != "" {
			t.Errorf("%s depends on (-want +got):\n%s", j.Address, diff)
		}
	}

	// The snapshot has all of it: folders, files and what was read.
	text, err := json.Marshal(cfg.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var kept Snapshot
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	read, err := kept.Read()
	if err != nil {
		t.Fatal(err)
	}
	again, diags := Load(kept.SourceIn(t.TempDir()), Values{Data: read})
	if diags.HasErrors() || len(again.Unread) > 0 {
		t.Fatal(diags, again.Unread)
	}
	if diff := cmp.Diff(jobsOf(cfg), jobsOf(again)); diff != "" {
		t.Errorf("from the snapshot (-want +got):\n%s", diff)
	}
	if cfg.Snapshot.Digest() != again.Snapshot.Digest() {
		t.Error("the digest of the snapshot differs")
	}
	// What was read is no part of what was applied.
	kept.Data = nil
	if kept.Digest() != cfg.Snapshot.Digest() {
		t.Error("the digest depends on the data")
	}

	// One job alone, with fresh data of its own.
	read[`module.site["south"].data.pjsip_contacts.here`] = &Data{Rows: &PJSIPContacts{Contacts: []PJSIPContact{{Endpoint: "2002", URI: "sip:2002@192.0.2.9", ContactCount: 1}}}}
	one, diags := Load(kept.Source(), Values{Data: read, Only: `module.site["south"].sip_notify.reboot`})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if diff := cmp.Diff(map[string][]string{`module.site["south"].sip_notify.reboot`: {"PJSIP/2002"}}, jobsOf(one)); diff != "" {
		t.Errorf("one job (-want +got):\n%s", diff)
	}
	if none, diags := Load(kept.Source(), Values{Data: read, Only: "sip_notify.gone"}); diags.HasErrors() || len(none.Jobs) > 0 {
		t.Error(diags, jobsOf(none))
	}
}

// What depends on data that have not been read is not known, and no mistake.
func TestLoad_unread(t *testing.T) {
	src := opened(t, "main.hcl", `
pbx "hq" {
  simulator {}
}
data "pjsip_endpoints" "all" { pbx = pbx.hq }
data "pjsip_contacts" "each" {
  for_each  = toset([for e in data.pjsip_endpoints.all.endpoints : e.endpoint])
  pbx       = pbx.hq
  endpoints = [each.key]
}
data "pbx_info" "hq" { pbx = pbx.hq }
sip_notify "each" {
  for_each = { for e in data.pjsip_endpoints.all.endpoints : e.endpoint => e }
  pbx      = pbx.hq
  targets  = [each.value]
  exclude  = [for c in data.pjsip_contacts.each["1001"].contacts : c]
  enabled  = length(data.pjsip_endpoints.all.endpoints) < 5
  message {
    event   = "check-sync"
    headers = { X-Version = data.pbx_info.hq.version }
  }
  trigger "change" { on = data.pbx_info.hq.version }
  trigger "schedule" { cron = "0 ${length(data.pjsip_endpoints.all.endpoints)} * * *" }
  trigger "after" { job = [for e in data.pjsip_endpoints.all.endpoints : sip_notify.known[0]] }
  precondition {
    condition     = data.pbx_info.hq.uptime > 60
    error_message = "It has just started."
  }
  retry { attempts = length(data.pjsip_endpoints.all.endpoints) }
}
sip_notify "known" {
  count   = length(data.pjsip_endpoints.all.endpoints)
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message { event = "check-sync" }
}
check "fleet" {
  assert {
    condition     = length(data.pjsip_endpoints.all.endpoints) == 25
    error_message = "It is not."
  }
}
`)
	cfg, diags := Load(src, Values{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if len(cfg.Jobs) > 0 {
		t.Errorf("jobs that nobody knows: %v", jobsOf(cfg))
	}
	var asked []string
	for _, r := range cfg.Unread {
		asked = append(asked, r.Address)
	}
	if !slices.Equal(asked, []string{"data.pjsip_endpoints.all", "data.pbx_info.hq"}) {
		t.Errorf("it asks for %v", asked)
	}
}

// Mistakes that need no data are found before any are read.
func TestLoad_unreadMistakes(t *testing.T) {
	src := opened(t, "main.hcl", `
pbx "hq" {
  simulator {}
}
data "pjsip_contacts" "hq" {
  pbx = pbx.hq
}
sip_notify "x" {
  pbx     = pbx.hq
  targets = startswith(data.pjsip_contacts.hq.contacts[0].user_agnet, "Yealink") ? ["PJSIP/1001"] : []
  message { event = "check-sync" }
}
`)
	_, diags := Load(src, Values{})
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "user_agnet") {
		t.Errorf("reported: %v", diags)
	}
}

// What window a job has may depend on what a data source says, also before that is
// known.
func TestLoad_windowByData(t *testing.T) {
	cfg, _ := loadAll(t, opened(t, "main.hcl", `
pbx "hq" {
  simulator {}
}
data "pjsip_contacts" "all" { pbx = pbx.hq }
window "nights" {
  start = "22:00"
  end   = "05:00"
}
window "days" {
  start = "05:00"
  end   = "22:00"
}
user_event "x" {
  pbx    = pbx.hq
  window = length(data.pjsip_contacts.all.contacts) > 1 ? window.nights : window.days
}
`), map[string][]string{"data.pjsip_contacts.all": {"1001", "1002"}})
	if w := cfg.Jobs[0].Window; w == nil || w.Address != "window.nights" {
		t.Errorf("the window is %v", w)
	}
}

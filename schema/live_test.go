package schema

import (
	"strings"
	"testing"
)

// What a data source says is no change of a configuration; how it is used is.
func TestJob_TargetsDigest(t *testing.T) {
	const site = `
variable "pbx" {}
variable "model" { type = string }
data "pjsip_contacts" "here" { pbx = var.pbx }
locals {
  chosen = [for c in data.pjsip_contacts.here.contacts : c if strcontains(c.user_agent, var.model)]
}
output "chosen" { value = local.chosen }
`
	const main = `
variable "model" { default = "T46" }
pbx "hq" {
  simulator {}
}
module "site" {
  source = "./site"
  pbx    = pbx.hq
  model  = var.model
}
sip_notify "x" {
  pbx     = pbx.hq
  targets = [for c in module.site.chosen : c if c.contact_count < 9]
  message {
    event   = "check-sync"
    headers = { X-Phone = target.endpoint }
  }
}
`
	digests := func(main, site string, endpoints ...string) (string, string) {
		cfg, _ := loadAll(t, opened(t, "main.hcl", main, "site/site.hcl", site), map[string][]string{"module.site.data.pjsip_contacts.here": endpoints})
		j := cfg.Jobs[0]
		if len(j.TargetsData()) != 1 || !j.MessageLive() || len(j.Targets) != len(endpoints) {
			t.Fatalf("%v, %v: %v", j.TargetsData(), j.MessageLive(), j.Targets)
		}
		return j.TargetsDigest(), j.MessageDigest()
	}
	targets, message := digests(main, site, "1001")
	for _, c := range []struct {
		name, main, site           string
		endpoints                  []string
		otherTargets, otherMessage bool
	}{
		{"other phones", main, site, []string{"1001", "1002"}, false, false},
		{"no phones", main, site, nil, false, false},
		{"formatted", strings.ReplaceAll(main, "= [for", "=   [for"), site, []string{"1001"}, false, false},
		{"another condition", strings.Replace(main, "< 9", "< 8", 1), site, []string{"1001"}, true, false},
		{"another value of a variable", strings.Replace(main, "T46", "T4", 1), site, []string{"1001"}, true, false},
		{"another output", main, strings.Replace(site, "local.chosen }", "concat(local.chosen, []) }", 1), []string{"1001"}, true, false},
		{"another condition in the module", main, strings.Replace(site, "var.model)]", "var.model) && true]", 1), []string{"1001"}, true, false},
		{"another message", strings.Replace(main, "X-Phone", "X-Phones", 1), site, []string{"1001"}, false, true},
	} {
		gotTargets, gotMessage := digests(c.main, c.site, c.endpoints...)
		if (gotTargets != targets) != c.otherTargets || (gotMessage != message) != c.otherMessage {
			t.Errorf("%s: targets %v, message %v", c.name, gotTargets != targets, gotMessage != message)
		}
	}
}

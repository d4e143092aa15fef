package schema

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConfig_References holds what refers to what, in modules too, and with a circle
// for which the configuration is refused.
func TestConfig_References(t *testing.T) {
	src := opened(t,
		"main.hcl", `
variable "phones" {
  default = ["PJSIP/1001"]
  validation {
    condition     = length(var.phones) > local.least
    error_message = "too few"
  }
}
locals {
  least = 0
  a     = local.b
  b     = [local.c, local.d]
  c     = local.a
  d     = local.least
  self  = local.self
}
pbx "hq" {
  simulator {}
}
message "m" { event = "check-sync" }
module "site" {
  source = "./site"
  pbx    = pbx.hq
}
sip_notify "one" {
  pbx     = pbx.hq
  targets = var.phones
  message = message.m
}
sip_notify "two" {
  pbx     = module.site.pbx
  targets = var.phones
  message { event = "x${local.least}" }
  trigger "after" { job = sip_notify.one }
}
check "enough" {
  assert {
    condition     = length(var.phones) > 0
    error_message = "none"
  }
}
`,
		"site/main.hcl", `
variable "pbx" {}
locals { inner = var.pbx }
output "pbx" { value = local.inner }
`)
	cfg, diags := Load(src, Values{})
	if !strings.Contains(diags.Error(), "cycle") {
		t.Errorf("the circle is not reported: %v", diags)
	}
	var got []string
	for _, r := range cfg.References() {
		line := r.Address + " → " + strings.Join(r.RefersTo, ", ")
		if r.InCircle {
			line += " (circle)"
		}
		got = append(got, line)
	}
	want := []string{
		"var.phones → local.least", // by its validation
		"local.least → ",
		"local.a → local.b (circle)",
		"local.b → local.c, local.d (circle)",
		"local.c → local.a (circle)",
		"local.d → local.least",
		"local.self → local.self (circle)",
		"pbx.hq → ",
		"message.m → ",
		"module.site → module.site.output.pbx, pbx.hq",
		"sip_notify.one → message.m, pbx.hq, var.phones",
		"sip_notify.two → local.least, module.site, sip_notify.one, var.phones",
		"check.enough → var.phones",
		"module.site.var.pbx → pbx.hq",
		"module.site.local.inner → module.site.var.pbx",
		"module.site.output.pbx → module.site.local.inner",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

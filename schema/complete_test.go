package schema

import (
	"strings"
	"testing"
)

func TestScope_Complete(t *testing.T) {
	scope := one(t, `
variable "firmware" { default = "1" }
variable "first" { default = "1" }
variable "token" {
  default   = { canary = "hunter2" }
  sensitive = true
}
locals {
  sites = { north = { phones = 1 }, "south west" = { phones = 2 }, "a.b[\"c" = {} }
  map   = tomap({ k1 = "a", "k 2" = "b" })
}
message "reboot" { event = "check-sync" }
sip_notify "each" {
  for_each = { north = 1, "s t" = 2 }
  pbx      = pbx.hq
  targets  = ["PJSIP/1001"]
  message  = message.reboot
}
`).Scope()
	for text, want := range map[string]string{
		"var.fi":                      "var.firmware var.first",
		"upper(var.firm":              "var.firmware",
		"\"x ${var.firm":              "var.firmware",
		"1 + loc":                     "local.",
		"startsw":                     "startswith(",
		"sip_notify.":                 "sip_notify.each",
		"sip_notify.each.":            "sip_notify.each.north",
		"sip_notify.each[":            `sip_notify.each["north"] sip_notify.each["s t"]`,
		"sip_notify.each[\"s":         `sip_notify.each["s t"]`,
		"sip_notify.each[\"north\"].": `sip_notify.each["north"].address`,
		"message.reboot.ev":           "message.reboot.event",
		"local.sites.north.":          "local.sites.north.phones",
		`local.sites["south west"].p`: `local.sites["south west"].phones`,
		`local.sites["a.`:             `local.sites["a.b[\"c"]`,
		"local.map.":                  "local.map.k1",
		"local.map[":                  `local.map["k 2"] local.map["k1"]`,
		"local.map.k1.":               "",
		"var.token.":                  "",
		"var.token.can":               "",
		"pbx.h":                       "pbx.hq",
		"nothing.":                    "",
		"var.firmware ":               "",
		"1":                           "",
	} {
		from, got := scope.Complete(text)
		if strings.Join(got, " ") != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
		for _, c := range got {
			if from > len(text) || !strings.HasPrefix(c, text[from:]) {
				t.Errorf("%s, from %d, becomes %s", text, from, c)
			}
		}
	}
	for _, text := range []string{"", "  ", "[", "{ a = ", "x ? "} {
		if _, all := scope.Complete(text); len(all) < 100 || !strings.Contains(strings.Join(all, " "), "var.") {
			t.Errorf("behind %q there may be %d things", text, len(all))
		}
	}
}

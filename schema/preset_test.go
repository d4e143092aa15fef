package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A preset is a message like that of a block: alone, and as part of another.
func TestPreset(t *testing.T) {
	cfg := one(t, `
sip_notify "whole" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message = preset.yealink.reboot
}
sip_notify "chosen" {
  pbx     = pbx.hq
  targets = [{ target = "PJSIP/1001", snom = true }, { target = "PJSIP/1002", snom = false }]
  message = target.snom ? preset.snom.check_sync : preset.cisco_spa.check_sync
}
message "own" {
  event   = preset.snom.reboot.event
  headers = { X-Site = "hq" }
}
sip_notify "part" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message = message.own
}`)
	want := map[string][]string{
		"sip_notify.whole":  {"check-sync;reboot=true"},
		"sip_notify.chosen": {"check-sync;reboot=false", "resync"},
		"sip_notify.part":   {"check-sync;reboot=true"},
	}
	got := make(map[string][]string)
	for _, j := range cfg.Jobs {
		for i := range j.Targets {
			got[j.Address] = append(got[j.Address], messageOf(t, j, i).Event.Reveal())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Every entry of the catalogue says all that it must, under a name that can be
// referred to, and no name stands for two messages.
func TestVendors(t *testing.T) {
	for _, v := range Vendors() {
		if v.Name == "" || len(v.Presets) == 0 || vendorNamed(v.ID).Name != v.Name {
			t.Errorf("%s: incomplete, or there twice", v.ID)
		}
		seen := make(map[string]bool)
		for _, p := range v.Presets {
			if p.Event == "" || p.Does == "" || len(p.Source) == 0 {
				t.Errorf("%s.%s: incomplete", v.ID, p.Action)
			}
			if fromAsterisk := strings.HasPrefix(strings.Join(p.Source, "\n"), "Asterisk, "); !slices.Contains([]string{"vendor", "asterisk", "others"}, p.KnownFrom) || p.KnownFrom == "asterisk" && !fromAsterisk {
				t.Errorf("%s.%s: known from %s, by %q", v.ID, p.Action, p.KnownFrom, p.Source)
			}
			if (p.Content == nil) != (p.ContentType == "") {
				t.Errorf("%s.%s: content and content_type belong together", v.ID, p.Action)
			}
			for _, name := range append(p.Aliases, p.Action) {
				if seen[name] {
					t.Errorf("%s.%s is there twice", v.ID, name)
				}
				seen[name] = true
			}
		}
	}
}

// Which preset a message is made of is not told where a secret decides that.
func TestMessage_presetOfSecret(t *testing.T) {
	cfg := one(t, `
variable "pin" {
  default   = "1"
  sensitive = true
}
message "x" {
  event = var.pin == "1" ? preset.snom.reboot.event : preset.snom.check_sync.event
}
sip_notify "x" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message = message.x
}
sip_notify "y" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message = var.pin == "1" ? preset.snom.reboot : preset.snom.check_sync
}
`)
	for _, j := range cfg.Jobs {
		m, diags := j.Message(j.Targets[0])
		if diags.HasErrors() || len(m.Presets) > 0 || !m.Event.IsSensitive() {
			t.Errorf("%s: %v, %v", j.Address, m, diags)
		}
	}
	v, diags := cfg.Scope().Eval("message.x.preset")
	if got := FormatValue(v); diags.HasErrors() || strings.Contains(got, "snom") {
		t.Errorf("message.x.preset is %s %v", got, diags)
	}
}

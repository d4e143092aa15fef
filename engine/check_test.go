package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// What Asterisk could not call is told at the line of the channel, as early as
// it is known: at plan time, also where the rest of the event is not known yet.
func TestCheck_channel(t *testing.T) {
	for _, c := range []struct{ channel, body, says string }{
		{`"Local/s@notify"`, `{ A = 1 }`, ""},
		{`"Local/s@notify"`, `trigger.event`, ""},
		{`"Local/${trigger.event.Exten}@notify"`, `{ A = 1 }`, ""},
		{`"s@notify"`, `{ A = 1 }`, "Use the form TECHNOLOGY/rest"},
		{`"s@notify"`, `{ A = trigger.event.A }`, "Use the form TECHNOLOGY/rest"},
		{`sensitive("s@notify")`, `{ A = trigger.event.A }`, "Use the form TECHNOLOGY/rest"},
		{`"/s@notify"`, `{ A = 1 }`, "Use the form TECHNOLOGY/rest"},
		{`"Local/"`, `{ A = 1 }`, "Use the form TECHNOLOGY/rest"},
		{`"Lo cal/s@notify"`, `{ A = 1 }`, "Use the form TECHNOLOGY/rest"},
		{`"Ünd/s@notify"`, `{ A = 1 }`, "Use the form TECHNOLOGY/rest"},
		{`"Local/s@notify\nX"`, `{ A = 1 }`, "control character"},
		{`"Local/s@notify\nX"`, `{ A = trigger.event.A }`, "control character"},
		{`"Local/s\t@notify"`, `{ A = 1 }`, "control character"},
		{`"Local/s\u0085@notify"`, `{ A = 1 }`, "control character"},
	} {
		diags := Check(configure(t, `
pbx "hq" {
  simulator {}
}
user_event "x" {
  pbx     = pbx.hq
  via     = "dialplan"
  channel = `+c.channel+`
  body    = `+c.body+`
}
`))
		if c.says == "" {
			if len(diags) > 0 {
				t.Errorf("%s, %s: %v", c.channel, c.body, diags)
			}
			continue
		}
		if len(diags) != 1 || diags[0].Subject.Start.Line != 8 || !strings.Contains(diags[0].Detail, c.says) {
			t.Errorf("%s, %s: got %v", c.channel, c.body, diags)
		}
	}
}

// What Asterisk would refuse of a message whoever it is for is told before the
// targets are known, and where there are none; what it would not, is not.
func TestCheck_noTargets(t *testing.T) {
	const compact = "compact form of a header"
	for _, c := range []struct{ targets, message, says string }{
		{`["PJSIP/${trigger.event.Device}"]`, `headers = { X = "1" }`, compact},
		{`["PJSIP/${trigger.event.Device}"]`, `headers = { X-Site = "1" }`, ""},
		{`["PJSIP/${trigger.event.Device}"]`, `headers = { X-Site = trigger.event.Site }`, ""},
		{`data.pjsip_contacts.all.contacts`, `headers = { X = "1" }`, compact},
		{`data.pjsip_contacts.all.contacts`, `headers = { X-Of = data.pjsip_contacts.all.contacts[0].uri }`, ""},
		{`data.pjsip_contacts.all.contacts`, `headers = { X-Of = target.uri }`, ""},
		{`[]`, `headers = { X = "1" }`, compact},
		{`[]`, `channel = "PJSIP/1001-00000001"`, ""},
		{`["SIP/${trigger.event.Device}"]`, `call_id = "1@192.0.2.7"`, ""},
	} {
		cfg := configure(t, `
pbx "hq" {
  simulator {}
}
data "pjsip_contacts" "all" { pbx = pbx.hq }
sip_notify "x" {
  pbx     = pbx.hq
  targets = `+c.targets+`
  message {
    event = "check-sync"
    `+c.message+`
  }
  trigger "event" { name = "UserEvent" }
}
`)
		_, planned := NewPlan(cfg, &State{}, time.Now(), Options{})
		for what, diags := range map[string]hcl.Diagnostics{"Check": Check(cfg), "NewPlan": planned} {
			switch {
			case c.says == "" && diags.HasErrors():
				t.Errorf("%s of %s, %s: %v", what, c.targets, c.message, diags)
			case c.says != "" && (len(diags) != 1 || diags[0].Subject.Start.Line != 11 || !strings.Contains(diags[0].Detail, c.says)):
				t.Errorf("%s of %s, %s: got %v", what, c.targets, c.message, diags)
			}
		}
	}
}

// A channel that only the event tells is checked when it is known.
func TestPrepareFired_channel(t *testing.T) {
	j := configure(t, `
pbx "hq" {
  simulator {}
}
user_event "x" {
  pbx     = pbx.hq
  via     = "dialplan"
  channel = "${trigger.event.Tech}${trigger.event.Exten}"
}
`).Jobs[0]
	for _, c := range []struct{ tech, exten, says string }{
		{"Local/", "s@notify", ""},
		{"Local/", "s\n", "control character"},
		{"Local/", "", "TECHNOLOGY/rest"},
		{"", "s", "TECHNOLOGY/rest"},
		{"", "", "must say on which"},
	} {
		_, _, err := prepareFired(j, schema.Fired{Kind: "event", Event: schema.EventHeaders{{Name: "Tech", Value: c.tech}, {Name: "Exten", Value: c.exten}}})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q, %q: %v", c.tech, c.exten, err)
		}
	}
}

package main

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// TestRereader: jobs that fire at one moment share what is read, later ones have it
// read anew; what a job does not depend on is not read.
func TestRereader(t *testing.T) {
	dir := t.TempDir()
	hq, other := startPBX(t, amisim.Config{Phones: amisim.Phones(3)}), startPBX(t, amisim.Config{})
	applies(t, dir, filePBX(t, dir, "hq", hq.Addr(), hq.Users()[0])+filePBX(t, dir, "other", other.Addr(), other.Users()[0])+`
data "pjsip_endpoints" "hq" {
  pbx = pbx.hq
}
data "pjsip_contacts" "each" {
  for_each  = toset([for e in data.pjsip_endpoints.hq.endpoints : e.endpoint])
  pbx       = pbx.hq
  endpoints = [each.key]
}
data "device_states" "other" {
  pbx = pbx.other
}
sip_notify "each" {
  for_each = data.pjsip_contacts.each
  pbx      = pbx.hq
  targets  = each.value.contacts
  message {
    event = "x"
  }
}
sip_notify "all" {
  pbx     = pbx.hq
  targets = data.pjsip_endpoints.hq.endpoints
  message {
    event = "x"
  }
}
`)
	led, err := ledger.Open(t.Context(), dir+"/notifyrun.db", ledger.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	applied, err := led.Applied(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	hq.Inject(amisim.Fault{Kind: amisim.Late, Action: "PJSIPShowEndpoints", Times: -1, Delay: 100 * time.Millisecond})
	hq.Unregister("1002")
	r := &rereader{app: &app{log: slog.New(slog.DiscardHandler)}, dir: dir}
	var served map[uint64]map[string][]string // the data of jobs, by configuration
	configs, err := r.app.evaluateApplied(applied, dir, values{})
	if err != nil {
		t.Fatal(err)
	}
	served = map[uint64]map[string][]string{}
	for serial, cfg := range configs {
		served[serial] = map[string][]string{}
		for _, j := range cfg.Jobs {
			served[serial][j.Address] = j.Data
		}
	}
	ask := func(since time.Time, jobs ...string) map[string]string {
		serial := applied.Jobs[jobs[0]]
		found, err := r.refresh(t.Context(), engine.Refreshment{Applied: applied, Serial: serial, Jobs: jobs, Data: served[serial][jobs[0]], Since: since})
		if err != nil {
			t.Error(err)
		}
		targets := map[string]string{}
		for address, j := range found {
			for _, target := range j.Targets {
				targets[address] += target.String() + " "
			}
			if len(j.Targets) == 0 {
				targets[address] = "nobody"
			}
		}
		return targets
	}
	now := time.Now()
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if got := ask(now, "sip_notify.all"); got["sip_notify.all"] != "PJSIP/1001 PJSIP/1002 PJSIP/1003 " {
				t.Errorf("%q", got)
			}
		})
	}
	all.Go(func() {
		got := ask(now, `sip_notify.each["1001"]`, `sip_notify.each["1002"]`, `sip_notify.each["1009"]`)
		if want := map[string]string{`sip_notify.each["1001"]`: "PJSIP/1001 ", `sip_notify.each["1002"]`: "nobody"}; !maps.Equal(got, want) {
			t.Errorf("%q", slices.Collect(maps.Values(got)))
		}
	})
	all.Wait()
	if n := hq.Struck("PJSIPShowEndpoints"); n != 1 {
		t.Errorf("read %d times", n)
	}
	ask(time.Now(), "sip_notify.all")
	if n := hq.Struck("PJSIPShowEndpoints"); n != 2 {
		t.Errorf("read %d times, once of them later", n)
	}
}

func TestDataBlock(t *testing.T) {
	for address, want := range map[string]string{
		"data.pbx_info.hq":                                 "data.pbx_info.hq",
		`data.pbx_info.hq["north"]`:                        "data.pbx_info.hq",
		"data.pbx_info.hq[0]":                              "data.pbx_info.hq",
		`data.pbx_info.hq["a[0]"]`:                         "data.pbx_info.hq",
		`data.pbx_info.hq["a\"]["]`:                        "data.pbx_info.hq",
		`module.site["north"].data.pbx_info.hq`:            `module.site["north"].data.pbx_info.hq`,
		`module.site["a[0]"].data.pbx_info.hq["b].data["]`: `module.site["a[0]"].data.pbx_info.hq`,
	} {
		if got := dataBlock(address); got != want {
			t.Errorf("%s is of %s, want %s", address, got, want)
		}
	}
}

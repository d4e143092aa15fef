package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// registeredEach tells those who are registered at the PBX hq by a schedule, through the PBX through.
func registeredEach(through, lines string) string {
	return `
data "pjsip_contacts" "hq" {
  pbx = pbx.hq
}
sip_notify "all" {
  pbx     = pbx.` + through + `
  targets = [for c in data.pjsip_contacts.hq.contacts : "PJSIP/${c.endpoint}"]
  message {
    event = "ping"
  }
  trigger "schedule" {
    cron = "@every 1s"
    ` + lines + `
  }
}
`
}

// told waits until a phone has got a NOTIFY.
func told(t *testing.T, heard <-chan string, phone string) {
	t.Helper()
	for name := range heard {
		if name == phone {
			return
		}
	}
}

// TestServe_refresh: phones that register after the apply are told at the next
// due time, and those that unregister are not any more.
func TestServe_refresh(t *testing.T) {
	heard := make(chan string, 10_000)
	sim := startPBX(t, amisim.Config{OnNotify: func(n amisim.Notify) { heard <- n.Phone }})
	sim.Unregister("1002")
	dir := t.TempDir()
	applies(t, dir, filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])+registeredEach("hq", ""))
	s := serve(t, dir, nil)
	told(t, heard, "1001")
	sim.Register("1002")
	sim.Unregister("1003")
	told(t, heard, "1002")
	// Whoever does not go by what the apply has read has no 1003 from now on.
	for range 2 {
		told(t, heard, "1001")
	}
	for len(heard) > 0 {
		<-heard
	}
	for range 2 {
		for name := range heard {
			if name == "1003" {
				t.Error("1003 is told, which is not registered any more")
			}
			if name == "1001" {
				break
			}
		}
	}
	s.stop()
	led, err := ledger.Open(t.Context(), dir+"/notifyrun.db", ledger.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	dueTimesAccounted(t, led, "sip_notify.all")
}

// TestServe_refreshOutage: while the PBX that is to be read is away, nothing is
// sent, and it is on record why. When it is back, all goes on.
func TestServe_refreshOutage(t *testing.T) {
	heard := make(chan string, 10_000)
	through := startPBX(t, amisim.Config{OnNotify: func(n amisim.Notify) { heard <- n.Phone }})
	read := startPBX(t, amisim.Config{Users: []amisim.User{{Name: "notifyrun", Secret: "a-secret", Write: []string{"system"}}}})
	dir := t.TempDir()
	applies(t, dir, filePBX(t, dir, "hq", read.Addr(), read.Users()[0])+filePBX(t, dir, "out", through.Addr(), through.Users()[0])+registeredEach("out", `grace = "1s"`))
	s := serve(t, dir, nil)
	told(t, heard, "1001")
	address := read.Addr()
	read.Close()
	s.until(0, func(l logLine) bool { return l.msg() == "not fired" && l["reason"] == string(engine.MissedUnread) })
	out, err := program(dir, "runs", "-missed").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "data.pjsip_contacts.hq could not be read of pbx.hq at "+address) {
		t.Errorf("%v: %s", err, out)
	}
	for len(heard) > 0 {
		<-heard
	}
	again, err := amisim.Start(amisim.Config{Listen: address, Phones: amisim.Phones(5), Users: read.Users()})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	told(t, heard, "1001")
	s.stop()
}

// TestServe_refreshKill: a daemon that is killed while it reads has fired nothing,
// and the next one does.
func TestServe_refreshKill(t *testing.T) {
	heard := make(chan string, 10_000)
	sim := startPBX(t, amisim.Config{OnNotify: func(n amisim.Notify) { heard <- n.Phone }})
	dir := t.TempDir()
	applies(t, dir, filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])+strings.Replace(registeredEach("hq", `missed = "once"`), "@every 1s", "@every 5s", 1))
	// Nobody answers the list for now, so that whoever reads it is in the middle of it.
	sim.Inject(amisim.Fault{Kind: amisim.Stall, Action: "PJSIPShowEndpoints", Times: -1})
	s := serve(t, dir, nil)
	eventually(t, time.Minute, "the list is asked for", func() bool { return sim.Struck("PJSIPShowEndpoints") > 0 })
	s.signal(syscall.SIGKILL)
	<-s.ended
	sim.ClearFaults()
	if sim.Count() != 0 {
		t.Errorf("%d NOTIFYs", sim.Count())
	}
	s = serve(t, dir, nil)
	told(t, heard, "1001")
	s.stop()
	led, err := ledger.Open(t.Context(), dir+"/notifyrun.db", ledger.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	runs, err := led.Runs(t.Context(), engine.RunQuery{Job: "sip_notify.all"})
	if err != nil || len(runs) == 0 || slices.ContainsFunc(runs, func(r engine.RunSummary) bool { return r.Outcomes[engine.Unknown] > 0 }) {
		t.Errorf("%v: %+v", err, runs)
	}
}

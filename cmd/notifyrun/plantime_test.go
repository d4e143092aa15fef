package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// A saved plan is applied with its own time, and what is fired while a daemon
// serves is sent with the time of what was applied, however late it is.
func TestPlanTimestamp(t *testing.T) {
	dir := t.TempDir()
	sim := startPBX(t, amisim.Config{})
	write(t, dir, "main.hcl", filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])+`
locals {
  at = plantimestamp()
}
sip_notify "a" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message {
    event   = "ping"
    headers = { X-Plan = plantimestamp(), X-Local = local.at }
  }
  trigger "change" {
    on = 1
  }
}
`)
	run := func(args ...string) (string, error) {
		out, err := program(dir, args...).CombinedOutput()
		return string(out), err
	}
	if out, err := run("plan", "-out", "plan"); err != nil {
		t.Fatalf("plan: %v\n%s", err, out)
	}
	file := filepath.Join(dir, "plan")
	saved, err := readPlan(file)
	if err != nil {
		t.Fatal(err)
	}
	if age := time.Since(saved.Snapshot.PlanTime); age < 0 || age > time.Hour {
		t.Fatalf("the time of the plan is %s", saved.Snapshot.PlanTime)
	}
	save := func() {
		text, err := json.Marshal(saved)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// As if it had been made long ago.
	saved.Snapshot.PlanTime = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	save()
	if out, err := run("apply", "plan"); err == nil || !strings.Contains(out, "stale") {
		t.Errorf("a plan whose time was changed is applied: %v\n%s", err, out)
	}
	cfg, diags := schema.Load(saved.Snapshot.SourceIn(dir), schema.Values{Version: version, Now: time.Now()})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := engine.NewPlan(cfg, &engine.State{}, time.Now(), saved.Options)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	saved.Digest = p.Digest()
	save()
	if out, err := run("apply", "plan"); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}

	server := startServer(t, dir)
	server.wait("serving")
	if out, err := run("fire", "sip_notify.a"); err != nil {
		t.Errorf("fire: %v\n%s", err, out)
	}
	notifies := sim.Notifies()
	if len(notifies) != 2 {
		t.Errorf("%d NOTIFYs", len(notifies))
	}
	for i, n := range notifies {
		said := map[string]string{}
		for _, h := range n.Headers() {
			said[h.Name] = h.Value
		}
		if said["X-Plan"] != "2001-02-03T04:05:06Z" || said["X-Local"] != said["X-Plan"] {
			t.Errorf("NOTIFY %d says %q and %q", i+1, said["X-Plan"], said["X-Local"])
		}
	}

	// A new apply has its own time.
	if out, err := run("plan"); err != nil || !strings.Contains(out, "X-Plan") {
		t.Errorf("a later plan does not show that the time has changed: %v\n%s", err, out)
	}
}

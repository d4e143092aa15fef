package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// A job with an open run keeps its address and is not forgotten.
func TestState_openRun(t *testing.T) {
	dir := t.TempDir()
	applies(t, dir, "pbx \"hq\" {\n  simulator {}\n}\nuser_event \"told\" {\n  pbx = pbx.hq\n}\nuser_event \"idle\" {\n  pbx = pbx.hq\n}\n")
	led, err := ledger.Open(t.Context(), filepath.Join(dir, "notifyrun.db"), ledger.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	err = led.Publish(t.Context(), engine.Publication{Base: 1, Time: time.Now(), Runs: []engine.NewRun{{
		RunHeader:  engine.RunHeader{ID: id, Job: "user_event.told", PBX: "pbx.hq", Cause: engine.Cause{Kind: "fire"}, Created: time.Now()},
		Messages:   []engine.StoredMessage{{Digest: "m", Text: []byte("{}")}},
		Deliveries: []engine.Delivery{{Target: "pbx.hq", Message: "m"}},
	}}})
	if err := led.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"state show user_event.told", exitOK, "  open run " + id + " (fire): 1 pending\n"},
		{"state show -json user_event.told", exitOK, `"open_runs":[{"run":"` + id + `","cause":"fire","created":"`},
		{"state list -json user_event.told", exitOK, `"open_runs":1`},
		{"state mv user_event.told user_event.other", exitError, "user_event.told has an open run, " + id},
		{"state rm user_event.told", exitError, "user_event.told has an open run, " + id},
		{"state rm user_event.idle user_event.told", exitError, "user_event.told has an open run, " + id},
		{"state rm user_event.idle", exitOK, "Forgotten: user_event.idle"},
	} {
		code, out, errs := execute(t, "", nil, append(strings.Fields(tt.args), dir)...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%s: exit code %d\n%s%s", tt.args, code, out, errs)
		}
	}
}

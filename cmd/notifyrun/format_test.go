package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOldFormat: a state that an earlier version has written, of one job that was
// sent to two phones, is brought to the present format by the first apply or fire,
// and by nothing that only looks.
func TestOldFormat(t *testing.T) {
	packed, err := os.ReadFile(filepath.Join("testdata", "format2.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	unpack, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	old, err := io.ReadAll(unpack)
	if err != nil {
		t.Fatal(err)
	}
	const config = `
pbx "hq" {
  simulator {}
}
sip_notify "reboot" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001", "PJSIP/1002"]
  message {
    event = "check-sync;reboot=true"
  }
  trigger "change" {
    on = 1
  }
}
`
	for _, command := range [][]string{{"apply", "-auto-approve"}, {"fire", "sip_notify.reboot"}} {
		dir := t.TempDir()
		write(t, dir, "main.hcl", config)
		write(t, dir, "notifyrun.db", string(old))
		if out, err := program(dir, "plan").CombinedOutput(); err == nil || !strings.Contains(string(out), "run notifyrun apply once") {
			t.Errorf("plan: %v\n%s", err, out)
		}
		if out, err := program(dir, command...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", command, err, out)
		}
		if out, err := program(dir, "plan").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "No changes.") {
			t.Errorf("plan after %v: %v\n%s", command, err, out)
		}
		if kept, err := os.ReadFile(filepath.Join(dir, "notifyrun.db.format2.bak")); err != nil || !bytes.Equal(kept[:16], old[:16]) {
			t.Errorf("the state of before is not kept: %v", err)
		}
	}
}

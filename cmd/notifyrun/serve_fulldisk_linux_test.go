package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// A disk that is full while a daemon serves: it stops, keeps what it knows, says
// so, and goes on when there is room. Every due time is in a run or missed, and
// no phone hears what is not on record.
func TestServe_FullDisk(t *testing.T) {
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=1m"); err != nil {
		unavailable(t, "mounting a small file system needs root: "+err.Error())
	}
	defer syscall.Unmount(small, 0)
	sim := startPBX(t, amisim.Config{Phones: amisim.Phones(40)})
	dir := t.TempDir()
	write(t, dir, "main.hcl", filePBX(t, dir, "sim", sim.Addr(), sim.Users()[0], "  rate_limit = \"unlimited\"\n")+`
sip_notify "tick" {
  pbx     = pbx.sim
  targets = [for n in range(40) : "PJSIP/${1001 + n}"]
  message { event = "ping" }
  trigger "schedule" {
    cron  = "* * * * * *"
    grace = "1500ms"
  }
}
`)
	state := filepath.Join(small, "notifyrun.db")
	if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", "-state", state, dir); code != exitOK {
		t.Fatalf("apply: exit code %d\n%s%s", code, out, errs)
	}
	s := startServer(t, dir, "-state", state)
	s.wait("run ended")
	fill := filepath.Join(small, "filler")
	if err := exec.Command("dd", "if=/dev/zero", "of="+fill, "bs=1k").Run(); err == nil {
		t.Fatal("the small disk is not small")
	}
	s.wait("the state cannot be written")
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	s.wait("the state can be written again")
	s.wait("run ended")
	s.wait("run ended")
	s.stop()

	led, err := ledger.Open(t.Context(), state, ledger.ReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	attempts := map[engine.Outcome]int{}
	ids := map[string]bool{}
	for e, err := range led.History(t.Context(), engine.HistoryQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		attempts[e.Outcome]++
		if e.Attempt > 0 && ids[e.ActionID] {
			t.Errorf("%s was sent twice", e.ActionID)
		}
		ids[e.ActionID] = true
	}
	least, most := attempts[engine.Accepted], attempts[engine.Accepted]+attempts[engine.Unknown]
	if n := sim.Count(); n < least || n > most || least == 0 {
		t.Errorf("the phones heard %d NOTIFYs; on record: %v", n, attempts)
	}
	dueTimesAccounted(t, led, "sip_notify.tick")
}

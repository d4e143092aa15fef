package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// A full disk: nothing is sent that cannot be recorded.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	small := filepath.Join(dir, "small")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=256k"); err != nil {
		unavailable(t, "mounting a small file system needs root: "+err.Error())
	}
	defer syscall.Unmount(small, 0)
	sim, err := amisim.Start(amisim.Config{Phones: amisim.Phones(200)})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	config := slowJob(t, sim)
	state := filepath.Join(small, "notifyrun.db")
	fill := filepath.Join(small, "filler")

	// No room at all: there is no state afterwards.
	if err := exec.Command("dd", "if=/dev/zero", "of="+fill, "bs=1k").Run(); err == nil {
		t.Fatal("the small disk is not small")
	}
	code, out, errs := execute(t, "", nil, "apply", "-auto-approve", "-state", state, config)
	if code != exitError || !strings.Contains(errs, "no room left") {
		t.Errorf("full disk: exit code %d\n%s%s", code, out, errs)
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("a state was left on the full disk")
	}

	// Room for the state and not for the run.
	if err := os.Truncate(fill, 60<<10); err != nil {
		t.Fatal(err)
	}
	code, out, errs = execute(t, "", nil, "apply", "-auto-approve", "-state", state, config)
	if code != exitError || !strings.Contains(errs, "no room left") {
		t.Errorf("little room: exit code %d\n%s%s", code, out, errs)
	}
	sent := sim.Count()
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	// With room again it goes on, and each phone hears it once, but those
	// whose answer could not be recorded: they are held.
	if code, out, errs = execute(t, "", nil, "apply", "-auto-approve", "-state", state, config); code != exitOK && code != exitIncomplete {
		t.Errorf("with room again: exit code %d\n%s%s", code, out, errs)
	}
	perPhone := map[string]int{}
	for _, n := range sim.Notifies() {
		if perPhone[n.Phone]++; perPhone[n.Phone] > 1 {
			t.Errorf("phone %s was notified twice", n.Phone)
		}
	}
	t.Logf("%d sent before the disk was full, %d phones notified in all", sent, len(perPhone))
}

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

// slowJob is a configuration of 200 phones at 100/s: two seconds of work.
func slowJob(t *testing.T, sim *amisim.Server) string {
	t.Helper()
	user := sim.Users()[0]
	dir := t.TempDir()
	config := fmt.Sprintf(`
pbx "sim" {
  address    = %q
  username   = %q
  secret     = %q
  rate_limit = "100/s"
}
sip_notify "x" {
  pbx     = pbx.sim
  targets = [for n in range(200) : "PJSIP/${1001 + n}"]
  message {
    event = "ping"
  }
  trigger "change" {}
}
`, sim.Addr(), user.Name, user.Secret)
	write(t, dir, "main.hcl", config)
	return dir
}

// The first Ctrl-C stops the sends, records all answers and says how to go on;
// going on sends to the others, once each.
func TestInterrupt(t *testing.T) {
	var seen atomic.Int64
	thirty := make(chan struct{})
	sim, err := amisim.Start(amisim.Config{Phones: amisim.Phones(200), OnNotify: func(amisim.Notify) {
		if seen.Add(1) == 30 {
			close(thirty)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	dir := slowJob(t, sim)
	cmd := program(dir, "apply", "-auto-approve")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-thirty
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Fatalf("exit code %d, %v\n%s", code, err, out.Bytes())
	}
	sent := int(seen.Load())
	if want := fmt.Sprintf("Interrupted: %d accepted, %d pending in ", sent, 200-sent); !strings.Contains(out.String(), want) {
		t.Errorf("%d sent; it does not say %q:\n%s", sent, want, out.Bytes())
	}
	if !strings.Contains(out.String(), "To send to the rest: notifyrun apply\n") {
		t.Errorf("it does not say how to go on:\n%s", out.Bytes())
	}
	if sent == 200 {
		t.Fatal("nothing was left to do")
	}

	code, text, errs := execute(t, "", nil, "plan", dir)
	if code != exitOK || !strings.Contains(text, fmt.Sprintf("%d phones left", 200-sent)) {
		t.Errorf("plan: exit code %d\n%s%s", code, text, errs)
	}
	if code, text, errs = execute(t, "", nil, "apply", "-auto-approve", dir); code != exitOK {
		t.Fatalf("apply: exit code %d\n%s%s", code, text, errs)
	}
	perPhone := map[string]int{}
	for _, n := range sim.Notifies() {
		perPhone[n.Phone]++
	}
	if len(perPhone) != 200 || sim.Count() != 200 {
		t.Errorf("%d NOTIFYs to %d phones, want one each to 200", sim.Count(), len(perPhone))
	}
	if code, text, _ = execute(t, "", nil, "runs", dir); code != exitOK || strings.Count(text, "sip_notify.x") != 1 {
		t.Errorf("the run was not resumed but started anew:\n%s", text)
	}
}

// Ctrl-C while a PBX does not answer: nothing was sent, nothing is left behind.
func TestInterrupt_connecting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	connected := make(chan net.Conn, 1)
	go func() {
		if conn, err := silent.Accept(); err == nil {
			connected <- conn
		}
	}()
	dir := t.TempDir()
	config := fmt.Sprintf("pbx \"x\" {\n  address  = %q\n  username = \"x\"\n  secret   = \"x\"\n}\nuser_event \"x\" {\n  pbx = pbx.x\n  trigger \"change\" {}\n}\n", silent.Addr())
	write(t, dir, "main.hcl", config)
	cmd := program(dir, "apply", "-auto-approve")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn := <-connected
	defer conn.Close()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(out.String(), "Interrupted before anything was sent.") {
		t.Errorf("exit code %d\n%s", code, out.Bytes())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.db*")); left != nil {
		t.Errorf("it left %v", left)
	}
}

// A second writer hears at once who the first one is.
func TestSecondWriter(t *testing.T) {
	sim, err := amisim.Start(amisim.Config{Phones: amisim.Phones(200)})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	dir := slowJob(t, sim)
	lock, err := ledger.Lock(filepath.Join(dir, "notifyrun.db"), "apply")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"apply", "-auto-approve", dir}, {"fire", "sip_notify.x", dir}} {
		code, _, errs := execute(t, "", nil, args...)
		if want := fmt.Sprintf(`"apply" (process %d of user `, os.Getpid()); code != exitError || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, does not say %s\n%s", args[0], code, want, errs)
		}
	}
	if code, _, errs := execute(t, "", nil, "plan", dir); code != exitOK {
		t.Errorf("plan beside a writer: exit code %d\n%s", code, errs)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if sim.Count() != 0 {
		t.Errorf("%d NOTIFYs were sent", sim.Count())
	}
}

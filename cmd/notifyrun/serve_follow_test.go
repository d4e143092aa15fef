package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
)

// pbxBlock declares a simulated server as a real one, its secret in a variable.
func pbxBlock(sim *amisim.Server, variable string) string {
	return fmt.Sprintf(`
pbx "sim" {
  address    = %q
  username   = %q
  secret     = var.%s
  rate_limit = "unlimited"
}
variable %[3]q {
  type      = string
  sensitive = true
}
`, sim.Addr(), sim.Users()[0].Name, variable)
}

const everySecond = `
sip_notify "tick" {
  pbx     = pbx.sim
  targets = ["PJSIP/1001"]
  message { event = "ping" }
  trigger "schedule" { cron = "* * * * * *" }
}
`

// A daemon goes by what was applied, not by the files; it takes a new apply
// while it runs, drives what apply and fire start beside it, and history reads
// beside them all.
func TestServe_Follows(t *testing.T) {
	sim := startPBX(t, amisim.Config{})
	secret := "NOTIFYRUN_VAR_hq_secret=" + sim.Users()[0].Secret
	dir := t.TempDir()
	write(t, dir, "main.hcl", pbxBlock(sim, "hq_secret")+everySecond)
	must := func(args ...string) string {
		t.Helper()
		code, out, errs := execute(t, "", []string{secret}, append(args, dir)...)
		if code != exitOK {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
		return out
	}
	s := startServer(t, dir, "-var-file", "secrets")
	s.wait("notifyrun serves") // there is nothing to serve yet
	if code, _, errs := execute(t, "", []string{secret}, "apply", "-auto-approve", dir); code != exitError || !strings.Contains(errs, "secrets") {
		t.Errorf("an apply that the daemon cannot take: exit code %d\n%s", code, errs)
	}
	s.wait("the applied configuration cannot be taken")
	write(t, dir, "secrets", fmt.Sprintf("hq_secret = %q\n", sim.Users()[0].Secret))
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.wait("serving")
	s.wait("run ended")

	// Files that nobody has applied mean nothing, not even broken ones.
	write(t, dir, "other.hcl", "this is not HCL")
	s.wait("run ended")
	write(t, dir, "other.hcl", `
sip_notify "other" {
  pbx     = pbx.sim
  targets = ["PJSIP/1002", "PJSIP/1003"]
  message { event = "ping" }
  trigger "change" { on = "1" }
}
`)
	if out := must("apply", "-auto-approve"); !strings.Contains(out, "Complete: 2 accepted") {
		t.Errorf("apply beside the daemon says:\n%s", out)
	}
	s.wait("serial=2")
	if out := must("fire", "sip_notify.other"); !strings.Contains(out, "Complete: 2 accepted") {
		t.Errorf("fire beside the daemon says:\n%s", out)
	}
	if out := must("history", "-job", "sip_notify.other"); strings.Count(out, "accepted") != 4 {
		t.Errorf("history:\n%s", out)
	}
	if out := must("plan"); !strings.Contains(out, "No changes") {
		t.Errorf("plan after the apply:\n%s", out)
	}

	// A removed job ends at once.
	if err := os.Remove(filepath.Join(dir, "other.hcl")); err != nil {
		t.Fatal(err)
	}
	must("apply", "-auto-approve")
	s.wait("serial=4 jobs=1") // the fire was a publication too
	s.stop()

	led := recordOf(t, dir).led
	dueTimesAccounted(t, led, "sip_notify.tick")
	if d, err := led.Reported(t.Context()); err != nil || d == nil || d.Stopped.IsZero() || d.PID != s.cmd.Process.Pid {
		t.Errorf("the state says of the daemon: %+v, %v", d, err)
	}
}

// A configuration that needs a secret that the daemon has not stays out: the one
// before goes on, and the apply hears which secret it is.
func TestServe_MissingSecret(t *testing.T) {
	sim := startPBX(t, amisim.Config{})
	dir := t.TempDir()
	value := sim.Users()[0].Secret
	write(t, dir, "main.hcl", pbxBlock(sim, "hq_secret")+everySecond)
	if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", "-var", "hq_secret="+value, dir); code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	t.Setenv("NOTIFYRUN_VAR_hq_secret", value)
	s := startServer(t, dir)
	s.wait("run ended")

	write(t, dir, "main.hcl", pbxBlock(sim, "new_secret")+strings.Replace(everySecond, "1001", "1002", 1))
	code, out, errs := execute(t, "", nil, "apply", "-auto-approve", "-var", "new_secret="+value, dir)
	if code == exitOK || !strings.Contains(errs, "new_secret") || !strings.Contains(errs, "configuration of before") {
		t.Errorf("apply: exit code %d\n%s%s", code, out, errs)
	}
	if line := s.wait("cannot be taken"); !strings.Contains(line, "new_secret") || strings.Contains(line, value) {
		t.Errorf("it does not name what is missing: %s", line)
	}
	s.wait("run ended") // of the configuration of before

	// What was wrong with that one is not said of the next.
	write(t, dir, "main.hcl", pbxBlock(sim, "hq_secret")+strings.Replace(everySecond, "1001", "1003", 1))
	if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", "-var", "hq_secret="+value, dir); code != exitOK {
		t.Errorf("apply of one that can be taken: exit code %d\n%s%s", code, out, errs)
	}
	s.stop()
	if strings.Contains(s.text(), value) {
		t.Error("the log has the secret")
	}
}

// Two daemons on one state would send everything twice.
func TestServe_OneOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.hcl", "")
	s := startServer(t, dir)
	s.wait("notifyrun serves")
	code, _, errs := execute(t, "", nil, "serve", dir)
	if code != exitError || !strings.Contains(errs, "serve") {
		t.Errorf("the second one: exit code %d\n%s", code, errs)
	}
	s.stop()
}

// What fired while nobody was there to drive it goes on with the next start.
func TestServe_GoesOn(t *testing.T) {
	sim := startPBX(t, amisim.Config{Phones: amisim.Phones(200)})
	dir := t.TempDir()
	write(t, dir, "main.hcl", filePBX(t, dir, "sim", sim.Addr(), sim.Users()[0])+`
sip_notify "many" {
  pbx     = pbx.sim
  targets = [for n in range(150) : "PJSIP/${1001 + n}"]
  message { event = "ping" }
  trigger "schedule" {
    cron   = "* * * * * *"
    missed = "skip"
  }
}
`)
	if code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir); code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	s := startServer(t, dir)
	s.wait("outcome=accepted")
	s.stop()
	led := recordOf(t, dir).led
	state, err := led.State(t.Context())
	if err != nil || len(state.Open) != 1 {
		t.Fatalf("%d runs are open, %v", len(state.Open), err)
	}
	first := state.Open[0].ID
	s = startServer(t, dir)
	s.wait("run ended")
	s.stop()
	runs, err := led.Runs(t.Context(), engine.RunQuery{ID: first})
	if err != nil || runs[0].Ended.IsZero() || runs[0].Outcomes[engine.Accepted] != 150 {
		t.Errorf("the run of before: %+v, %v", runs, err)
	}
	dueTimesAccounted(t, led, "sip_notify.many")
}

// A state that contradicts itself ends the daemon: what it says of phones can no
// longer be trusted.
func TestServe_DamagedState(t *testing.T) {
	sim := startPBX(t, amisim.Config{})
	dir := t.TempDir()
	write(t, dir, "main.hcl", pbxBlock(sim, "hq_secret")+everySecond)
	t.Setenv("NOTIFYRUN_VAR_hq_secret", sim.Users()[0].Secret)
	if code, out, errs := execute(t, "", os.Environ(), "apply", "-auto-approve", dir); code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	s := startServer(t, dir)
	s.wait("run ended")
	s.stop()
	db, err := sql.Open("sqlite", filepath.Join(dir, "notifyrun.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE run SET total = total + 1`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, dir)
	s.wait("the state is damaged; notifyrun ends")
	if code := s.end(); code != exitError {
		t.Errorf("exit code %d", code)
	}
}

// Ctrl-C on an apply beside a daemon ends the watching, and says so: the daemon
// goes on.
func TestServe_WatchInterrupted(t *testing.T) {
	var seen atomic.Int64
	thirty := make(chan struct{})
	sim := startPBX(t, amisim.Config{Phones: amisim.Phones(200), OnNotify: func(amisim.Notify) {
		if seen.Add(1) == 30 {
			close(thirty)
		}
	}})
	dir := slowJob(t, sim)
	text, err := os.ReadFile(filepath.Join(dir, "main.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	writeSecret(t, dir, "sim", sim.Users()[0].Secret)
	write(t, dir, "main.hcl", strings.Replace(string(text), fmt.Sprintf("secret     = %q", sim.Users()[0].Secret), `secret_file = "sim.secret"`, 1))
	s := startServer(t, dir)
	s.wait("notifyrun serves")
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
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d\n%s", code, out.Bytes())
	}
	for _, want := range []string{"Watching no longer: notifyrun serve goes on with it.", "notifyrun serve goes on with the rest; to see how far it is: notifyrun runs\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.Bytes())
		}
	}
	if strings.Contains(out.String(), "nothing more is sent") || strings.Contains(out.String(), "notifyrun apply") {
		t.Errorf("it says what is not so:\n%s", out.Bytes())
	}
	s.wait("run ended")
	s.stop()
	if n := sim.Count(); n != 200 {
		t.Errorf("%d NOTIFYs", n)
	}
}

// What an apply beside a daemon reports is what became of each phone in the end,
// what many have in common in one place.
func TestServe_WatchFailures(t *testing.T) {
	sim := startPBX(t, amisim.Config{})
	dir := t.TempDir()
	write(t, dir, "main.hcl", filePBX(t, dir, "sim", sim.Addr(), sim.Users()[0])+`
sip_notify "x" {
  pbx     = pbx.sim
  targets = [for n in range(50) : "PJSIP/${1001 + n}"]
  message { event = "ping" }
  trigger "change" {}
}
`)
	s := startServer(t, dir)
	s.wait("notifyrun serves")
	out, _ := program(dir, "apply", "-auto-approve").CombinedOutput()
	s.stop()
	if !strings.Contains(string(out), "5 accepted, 45 rejected") || strings.Count(string(out), "Rejected: ") != 1 {
		t.Errorf("one cause is to stand once:\n%s", out)
	}
}

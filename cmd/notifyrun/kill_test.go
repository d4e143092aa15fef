package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// attemptJSON is a line of history -json, as far as the audit needs it.
type attemptJSON struct {
	Run, Job, Target string
	ActionID         string `json:"action_id"`
	Attempt          int
	Outcome          string
}

// TestKill kills the real program again and again in the middle of an apply,
// applies until it is done, and holds what the phones got against what the
// ledger says: nothing lost, nothing sent twice but what was unknown under
// on_unknown = "resend".
func TestKill(t *testing.T) {
	const phones, firmwares, killsEach = 120, 3, 6
	for _, policy := range []string{"hold", "resend"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int64
			var killAt atomic.Int64
			kill := make(chan struct{}, 1)
			handsets := amisim.Phones(phones)
			for i := range handsets {
				handsets[i].Reboot = amisim.RebootNever // each can be notified again at once
			}
			sim, err := amisim.Start(amisim.Config{Phones: handsets, OnNotify: func(amisim.Notify) {
				if seen.Add(1) == killAt.Load() {
					kill <- struct{}{}
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer sim.Close()
			dir := killConfig(t, sim, policy, phones)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))

			killed := 0
			for firmware := range firmwares {
				for range killsEach {
					// Some in the middle of the sends, some at any moment of start and end.
					killAt.Store(seen.Load() + rng.Int64N(phones/3))
					early := time.Duration(1+rng.IntN(60)) * time.Millisecond
					if rng.IntN(3) > 0 {
						early = time.Minute
					}
					if applyAndKill(t, dir, policy, firmware, kill, early) {
						killed++
					}
				}
				// And now to its end.
				killAt.Store(-1)
				out, err := program(dir, "apply", "-auto-approve", fmt.Sprintf("-var=firmware=%d", firmware)).CombinedOutput()
				if err != nil && !leavesHeld(err, policy) {
					t.Fatalf("last apply: %v\n%s", err, out)
				}
				if out, err := program(dir, "plan", fmt.Sprintf("-var=firmware=%d", firmware)).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("No changes.")) {
					t.Fatalf("plan after the last apply: %v\n%s", err, out)
				}
			}
			if killed < killsEach {
				t.Errorf("only %d of %d kills struck", killed, firmwares*killsEach)
			}
			audit(t, sim, dir, policy, phones*firmwares)
		})
	}
}

func killConfig(t *testing.T, sim *amisim.Server, policy string, phones int) string {
	t.Helper()
	dir := t.TempDir()
	user := sim.Users()[0]
	config := fmt.Sprintf(`
pbx "sim" {
  address       = %q
  username      = %q
  secret        = %q
  rate_limit    = "unlimited"
  max_in_flight = 8
}
variable "firmware" { type = string }
sip_notify "reboot" {
  pbx        = pbx.sim
  targets    = [for n in range(%d) : "PJSIP/${1001 + n}"]
  on_unknown = %q
  message {
    event = "check-sync;reboot=${var.firmware}"
  }
  trigger "change" {
    on = var.firmware
  }
}
`, sim.Addr(), user.Name, user.Secret, phones, policy)
	write(t, dir, "main.hcl", config)
	return dir
}

// applyAndKill starts an apply and kills it at the signal, or after early. It
// returns false if the program was done before.
func applyAndKill(t *testing.T, dir, policy string, firmware int, kill <-chan struct{}, early time.Duration) bool {
	t.Helper()
	cmd := program(dir, "apply", "-auto-approve", fmt.Sprintf("-var=firmware=%d", firmware))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-kill:
	case <-time.After(early):
	case err := <-done:
		if err != nil && !leavesHeld(err, policy) {
			t.Fatalf("apply: %v\n%s", err, out.Bytes())
		}
		return false
	}
	cmd.Process.Kill()
	<-done
	select {
	case <-kill: // came just after
	default:
	}
	return true
}

// leavesHeld tells whether an apply ended as it should where the kills before
// it have left deliveries that are held.
func leavesHeld(err error, policy string) bool {
	var exit *exec.ExitError
	return policy == "hold" && errors.As(err, &exit) && exit.ExitCode() == exitIncomplete
}

// audit compares the phones' side with the ledger's.
func audit(t *testing.T, sim *amisim.Server, dir, policy string, deliveries int) {
	t.Helper()
	heard := map[string]int{}    // by action id
	perPhone := map[string]int{} // by phone and event: NOTIFYs that arrived
	for _, n := range sim.Notifies() {
		heard[n.ActionID]++
		perPhone["PJSIP/"+n.Phone+" "+n.Event()]++
	}
	out, err := program(dir, "history", "-json", "-var=firmware=0").Output()
	if err != nil {
		t.Fatalf("history: %v", err)
	}
	outcomes := map[string]int{}
	recorded := map[string]bool{}
	reached := map[string]int{} // by run and target, without the position: how often the ledger says it may have got there
	for line := range strings.Lines(string(out)) {
		var a attemptJSON
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("history line %q: %v", line, err)
		}
		outcomes[a.Outcome]++
		recorded[a.ActionID] = true
		n := heard[a.ActionID]
		switch a.Outcome {
		case "accepted":
			if n != 1 {
				t.Errorf("%s to %s is accepted and arrived %d times", a.ActionID, a.Target, n)
			}
			reached[a.Target]++
		case "unknown":
			if n > 1 {
				t.Errorf("%s to %s arrived %d times", a.ActionID, a.Target, n)
			}
			reached[a.Target]++
		case "in_flight":
			t.Errorf("%s to %s is still in flight", a.ActionID, a.Target)
		default:
			if n != 0 {
				t.Errorf("%s to %s is %s and arrived %d times", a.ActionID, a.Target, a.Outcome, n)
			}
		}
	}
	for id := range heard {
		if !recorded[id] {
			t.Errorf("%s arrived and is not in the ledger", id)
		}
	}
	total := 0
	for _, n := range reached {
		total += n
	}
	if policy == "hold" {
		if total != deliveries {
			t.Errorf("%d deliveries accepted or unknown, want %d", total, deliveries)
		}
		for key, n := range perPhone {
			if n > 1 {
				t.Errorf("%s arrived %d times under hold", key, n)
			}
		}
	} else if accepted := outcomes["accepted"]; accepted != deliveries {
		t.Errorf("%d deliveries accepted under resend, want %d", accepted, deliveries)
	}
	t.Logf("%d NOTIFYs arrived; attempts: %v", len(sim.Notifies()), outcomes)
}

// program is this program in a process of its own.
func program(dir string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asProgram+"=1", "NO_COLOR=1")
	return cmd
}

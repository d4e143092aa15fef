package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// dependingConfig has two jobs of which the second depends on the first.
func dependingConfig(pbx, first, window string) string {
	return fmt.Sprintf(`%s
sip_notify "second" {
  pbx     = pbx.hq
  targets = ["PJSIP/1002", "PJSIP/1003"]
  message {
    event = "ping"
  }
  depends_on = [sip_notify.first]
  trigger "change" {}
}
sip_notify "first" {
  pbx     = pbx.hq
  targets = [%q]
  window  = %s
  message {
    event = "ping"
  }
  trigger "change" {}
}
window "nights" {
  %s
}
`, pbx, first, map[bool]string{true: "null", false: "window.nights"}[window == ""], map[bool]string{true: openWindow, false: window}[window == ""])
}

// What depends on a job is sent after it, and not at all where that has failed:
// then the next apply sends it. Beside a daemon it is the same.
func TestDependsOn(t *testing.T) {
	for _, served := range []bool{false, true} {
		t.Run(fmt.Sprintf("served=%v", served), func(t *testing.T) {
			sim := startPBX(t, amisim.Config{})
			dir := t.TempDir()
			pbx := filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])
			if served {
				write(t, dir, "main.hcl", dependingConfig(pbx, "PJSIP/1001", ""))
				s := serve(t, dir, nil)
				s.says("notifyrun serves")
				t.Cleanup(s.stop)
			}
			apply := func(want int, first, window string, says ...string) string {
				t.Helper()
				write(t, dir, "main.hcl", dependingConfig(pbx, first, window))
				code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir)
				if code != want {
					t.Fatalf("exit code %d, not %d\n%s%s", code, want, out, errs)
				}
				for _, text := range says {
					if !strings.Contains(out, text) {
						t.Errorf("it does not say %q:\n%s", text, out)
					}
				}
				return out
			}
			apply(exitIncomplete, "PJSIP/9999", "", "      waits until sip_notify.first has succeeded\n", "sip_notify.first: 1 rejected", "sip_notify.second: 2 canceled",
				"Canceled: 2 of sip_notify.second:\n  sip_notify.first, on which it depends, has not succeeded (run ", "To send to the rest: notifyrun apply")
			apply(exitOK, "PJSIP/1001", "", "Complete: 3 accepted")
			_, history, _ := execute(t, "", nil, "history", "-json", dir)
			order := regexp.MustCompile(`"job":"sip_notify.(\w+)"[^\n]*"attempt":1,[^\n]*"outcome":"accepted"`).FindAllStringSubmatch(history, -1)
			if len(order) != 3 || order[0][1] != "first" {
				t.Errorf("sent: %v\n%s", order, history)
			}

			// Held by a window, the first keeps the second waiting; a plan shows it.
			lines, _ := closedWindow()
			if code, out, _ := execute(t, "", nil, "plan", "-json", dir); code != exitOK || strings.Contains(out, "waits_for") {
				t.Errorf("nothing is to be sent: %s", out)
			}
			again := strings.ReplaceAll(dependingConfig(pbx, "PJSIP/1001", lines), "ping", "pong")
			write(t, dir, "main.hcl", again)
			if code, out, _ := execute(t, "", nil, "plan", "-json", dir); code != exitOK || !strings.Contains(out, `"waits_for":["sip_notify.first"]`) {
				t.Errorf("plan: %s", out)
			}
			began := time.Now()
			code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir)
			if code != exitIncomplete || !strings.Contains(out, "sip_notify.second: 2 pending; waits for sip_notify.first") || !strings.Contains(out, "Held back: 3 pending") {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("apply waited for %s", took)
			}
			id := regexp.MustCompile(`Run (\w+)  sip_notify.second`).FindStringSubmatch(out)[1]
			if _, out, _ := execute(t, "", nil, "show", id, dir); !strings.Contains(out, "  waits     for sip_notify.first\n") {
				t.Errorf("show: %s", out)
			}
			if _, out, _ := execute(t, "", nil, "runs", "-json", dir); !strings.Contains(out, `"waits_for":[{"run":`) {
				t.Errorf("runs: %s", out)
			}
			write(t, dir, "main.hcl", strings.ReplaceAll(dependingConfig(pbx, "PJSIP/1001", ""), "ping", "pong"))
			execute(t, "", nil, "apply", "-auto-approve", dir)
			eventually(t, 20*time.Second, "both are sent", func() bool {
				_, out, _ := execute(t, "", nil, "runs", dir)
				return !strings.Contains(out, "pending") && !strings.Contains(out, "in flight") && strings.Count(out, "accepted") == 4
			})
		})
	}
}

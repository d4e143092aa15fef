package main

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
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

// Whatever instant the one who sends is killed at, what depends on a run is not
// sent before that has succeeded, and in the end all is sent.
func TestDependsOn_kill(t *testing.T) {
	const phones, kills = 40, 6
	for _, served := range []bool{false, true} {
		t.Run(fmt.Sprintf("served=%v", served), func(t *testing.T) {
			var heard, killAt atomic.Int64
			kill := make(chan struct{}, 1)
			sim := startPBX(t, amisim.Config{Phones: amisim.Phones(2 * phones), OnNotify: func(amisim.Notify) {
				if heard.Add(1) == killAt.Load() {
					select {
					case kill <- struct{}{}:
					default:
					}
				}
			}})
			dir := t.TempDir()
			pbx := filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0], "  rate_limit = \"200/s\"\n")
			job := func(name string, first int, more string) string {
				return fmt.Sprintf("sip_notify %q {\n  pbx        = pbx.hq\n  targets    = [for n in range(%d) : \"PJSIP/${%d + n}\"]\n  on_unknown = \"resend\"\n  %s\n  message {\n    event = \"ping\"\n  }\n  trigger \"change\" {}\n}\n", name, phones, first, more)
			}
			write(t, dir, "main.hcl", pbx+job("second", 1001+phones, "depends_on = [sip_notify.first]")+job("first", 1001, ""))
			start := func() *server {
				s := serve(t, dir, nil)
				s.says("notifyrun serves")
				return s
			}
			var s *server
			if served {
				s = start()
			}
			killed := 0
			for range kills {
				killAt.Store(heard.Load() + 1 + rand.Int64N(phones/2)) // somewhere among the sends
				early := time.Minute
				if rand.IntN(3) == 0 { // or while it starts
					early = time.Duration(rand.IntN(200)) * time.Millisecond
				}
				apply := program(dir, "apply", "-auto-approve")
				if err := apply.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan struct{})
				go func() {
					apply.Wait()
					close(ended)
				}()
				sent := ended
				if served {
					sent = nil // it may have nothing to do while the daemon has
					early = min(early, 5*time.Second)
				}
				select {
				case <-kill:
					killed++
				case <-time.After(early):
					killed++
				case <-sent: // there was less to send
				}
				if served {
					s.cmd.Process.Kill()
					s.end()
				}
				apply.Process.Kill()
				<-ended
				if served {
					s = start()
				}
			}
			killAt.Store(-1)
			if killed < kills/2 {
				t.Errorf("only %d of %d kills struck", killed, kills)
			}
			eventually(t, time.Minute, "an apply has nothing left to do", func() bool {
				code, out, errs := execute(t, "", nil, "apply", "-auto-approve", dir)
				if code == exitError {
					t.Fatalf("%s%s", out, errs)
				}
				return strings.Contains(out, "No changes.")
			})
			if served {
				eventually(t, time.Minute, "nothing is open", func() bool {
					_, out, _ := execute(t, "", nil, "runs", dir)
					return !strings.Contains(out, "open")
				})
				s.stop()
			}
			dependenciesKept(t, recordOf(t, dir).led, 2*phones)
		})
	}
}

// dependenciesKept checks that each attempt for the second job came after the end,
// with success, of the run of the first that came with it or before it, and that
// all phones have had theirs.
func dependenciesKept(t *testing.T, led engine.DaemonLedger, phones int) {
	t.Helper()
	runs, err := led.Runs(t.Context(), engine.RunQuery{})
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]engine.RunSummary{}
	for _, r := range runs {
		of[r.ID] = r
	}
	accepted := map[string]bool{}
	for h, err := range led.History(t.Context(), engine.HistoryQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		accepted[h.Target] = accepted[h.Target] || h.Outcome == engine.Accepted
		if h.Job != "sip_notify.second" || h.Attempt == 0 {
			continue
		}
		i := slices.IndexFunc(runs, func(r engine.RunSummary) bool { // newest first
			return r.Job == "sip_notify.first" && !r.Created.After(of[h.Run].Created)
		})
		if i < 0 {
			t.Fatalf("%s was sent without a run of the first job", h.Target)
		}
		if first := runs[i]; first.Ended.IsZero() || first.Ended.After(h.Started) || !engine.Succeeded(first.Outcomes) {
			t.Errorf("%s was sent at %s, but run %s of the first job ended at %s with %v", h.Target, h.Started, first.ID, first.Ended, first.Outcomes)
		}
	}
	n := 0
	for _, had := range accepted {
		if had {
			n++
		}
	}
	if n != phones {
		t.Errorf("%d of %d phones have had theirs", n, phones)
	}
}

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
)

// A job is renamed again and again beside a daemon, which is killed between and
// meanwhile: each of its due times has one run or is missed, once, and no phone has
// its change again.
func TestServe_Moved(t *testing.T) {
	dir := t.TempDir()
	sim := startPBX(t, amisim.Config{})
	pbx := filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0], "rate_limit = \"unlimited\"\n")
	names := []string{"a", "b", "c", "d", "e"}
	config := func(i int) string {
		text := pbx + fmt.Sprintf(`
sip_notify %[1]q {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message {
    event = "ping"
  }
  trigger "schedule" {
    cron = "@every 1s"
  }
}
sip_notify "once_%[1]s" {
  pbx     = pbx.hq
  targets = ["PJSIP/1002"]
  message {
    event = "check-sync"
  }
  trigger "change" {}
}
`, names[i])
		for j := range i {
			for _, prefix := range []string{"", "once_"} {
				text += fmt.Sprintf("moved {\n  from = sip_notify.%[1]s%[2]s\n  to   = sip_notify.%[1]s%[3]s\n}\n", prefix, names[j], names[j+1])
			}
		}
		return text
	}
	applies(t, dir, config(0))
	s := startServer(t, dir)
	for i := 1; i < len(names); i++ {
		s.wait("run ended")
		if i == 3 { // what is applied while there is no daemon, the next one takes
			s.cmd.Process.Kill()
			<-s.ended
		}
		write(t, dir, "main.hcl", config(i))
		apply := program(dir, "apply", "-auto-approve")
		if i == 2 { // it dies while it is being told
			go s.cmd.Process.Kill()
		}
		out, err := apply.CombinedOutput()
		told := "Recorded: 2 jobs have moved, such as sip_notify." + names[i-1] + " to sip_notify." + names[i]
		sent := strings.Contains(string(out), "accepted")
		if i == 2 && strings.Contains(string(out), "sip_notify.c\n      goes on with run ") { // the daemon has died in the middle of one
			told, sent = "sip_notify.once_b has moved to sip_notify.once_c", false
		}
		if err != nil || sent || !strings.Contains(string(out), told) {
			t.Fatalf("apply %d: %v\n%s", i, err, out)
		}
		if i == 2 || i == 3 {
			<-s.ended
			s = startServer(t, dir)
		}
		s.wait(`job=sip_notify.` + names[i] + " ")
	}

	// By hand it is refused while the daemon has its own view of the jobs.
	for _, args := range [][]string{{"state", "mv", "sip_notify.e", "sip_notify.f"}, {"state", "rm", "sip_notify.e"}} {
		out, err := program(dir, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "write a moved block and apply") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	s.stop()

	led := recordOf(t, dir).led
	dueTimesAccounted(t, led, "sip_notify.e")
	if runs := recordOf(t, dir).runs("sip_notify.once_e"); len(runs) != 1 || runs[0].Job != "sip_notify.once_a" || runs[0].Outcomes[engine.Accepted] != 1 {
		t.Errorf("what is sent once for a change has these runs: %+v", runs)
	}
}

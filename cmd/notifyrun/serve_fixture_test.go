package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/engine"
)

// startPBX gives a PBX of the test's own.
func startPBX(t *testing.T, config amisim.Config) *amisim.Server {
	t.Helper()
	if config.Phones == nil {
		config.Phones = amisim.Phones(5)
	}
	sim, err := amisim.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	return sim
}

// write writes a file of a configuration.
func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// applies writes a configuration into dir and applies it.
func applies(t *testing.T, dir, config string) {
	t.Helper()
	write(t, dir, "main.hcl", config)
	if out, err := program(dir, "apply", "-auto-approve").CombinedOutput(); err != nil {
		t.Fatalf("apply: %v\n%s", err, out)
	}
}

// filePBX declares a server whose secret lies in a file in dir, with more lines.
func filePBX(t *testing.T, dir, name, address string, user amisim.User, more ...string) string {
	t.Helper()
	writeSecret(t, dir, name, user.Secret)
	return fmt.Sprintf("pbx %[1]q {\n  address     = %[2]q\n  username    = %[3]q\n  secret_file = \"%[1]s.secret\"\n%[4]s}\n", name, address, user.Name, strings.Join(more, "\n"))
}

func writeSecret(t *testing.T, dir, name, secret string) {
	t.Helper()
	write(t, dir, name+".secret", secret+"\n")
}

// secondly is a job of a PBX that fires each second.
func secondly(name string) string {
	return fmt.Sprintf("sip_notify %[1]q {\n  pbx     = pbx.%[1]s\n  targets = [\"PJSIP/1001\"]\n  message {\n    event = \"ping\"\n  }\n  trigger \"schedule\" {\n    cron    = \"@every 1s\"\n    overlap = \"skip\"\n  }\n}\n", name)
}

// dueTimesAccounted checks that each second between the first and the last run
// of a job that is due every second has one run, or is missed, once.
func dueTimesAccounted(t *testing.T, led engine.DaemonLedger, job string) {
	t.Helper()
	runs, err := led.Runs(t.Context(), engine.RunQuery{Job: job})
	if err != nil {
		t.Fatal(err)
	}
	had := map[int64]int{}
	first, last := int64(1<<62), int64(0)
	note := func(at int64) {
		had[at]++
		first, last = min(first, at), max(last, at)
	}
	for _, r := range runs {
		note(r.Cause.Fired.Due.Unix())
	}
	missed := int64(0)
	for m, err := range led.Missed(t.Context(), engine.MissedQuery{Job: job}) {
		if err != nil {
			t.Fatal(err)
		}
		missed += m.Count
		if n := m.Last.Unix() - m.First.Unix() + 1; n != m.Count {
			t.Errorf("%d due times are missed from %s to %s", m.Count, m.First, m.Last)
		}
		for at := m.First.Unix(); at <= m.Last.Unix(); at++ {
			note(at)
		}
	}
	for at := first; at <= last; at++ {
		if had[at] != 1 {
			t.Errorf("due time %d, second %d of %d, is accounted for %d times", at, at-first, last-first, had[at])
		}
	}
	t.Logf("%s: %d runs, %d due times missed", job, len(runs), missed)
}

// unavailable skips a test that needs what is not here; where everything must be,
// as for the real servers, it fails.
func unavailable(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("NOTIFYRUN_REQUIRE_ASTERISK") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

package schema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// manyJobs is a configuration of n sip_notify blocks, as a site would have them.
func manyJobs(n int) string {
	var b strings.Builder
	b.WriteString("pbx \"hq\" {\n  simulator {}\n}\nvariable \"firmware\" {\n  type    = string\n  default = \"1.2.3\"\n}\nmessage \"resync\" { event = \"check-sync\" }\n")
	for i := range n {
		fmt.Fprintf(&b, "sip_notify \"phone_%d\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/%d\", \"PJSIP/%d\"]\n", i, 2*i, 2*i+1)
		if i%2 == 0 {
			b.WriteString("  message = message.resync\n")
		} else {
			b.WriteString("  message {\n    event   = \"check-sync;reboot=true\"\n    headers = { X-Firmware = var.firmware }\n  }\n")
		}
		b.WriteString("  trigger \"change\" {\n    on = { firmware = var.firmware }\n  }\n  trigger \"schedule\" {\n    cron     = \"0 4 * * *\"\n    timezone = \"Europe/Berlin\"\n  }\n}\n")
	}
	return b.String()
}

// BenchmarkLoad10000Jobs loads 10,000 sip_notify blocks from disk.
func BenchmarkLoad10000Jobs(b *testing.B) {
	dir := writeFiles(b, "main.hcl", manyJobs(10_000))
	b.ReportAllocs()
	var cfg *Config
	for b.Loop() {
		_, cfg = load(b, dir, Values{})
	}
	b.StopTimer()
	if len(cfg.Jobs) != 10_000 {
		b.Fatalf("%d jobs", len(cfg.Jobs))
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-live")
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-sys")
	runtime.KeepAlive(cfg)
}

// lampConfig sends a message of its own to each of n targets.
func lampConfig(t testing.TB, n int) *Config {
	var csv strings.Builder
	csv.WriteString("target,mailbox,new,old\n")
	for i := range n {
		fmt.Fprintf(&csv, "PJSIP/%d,%d,%d,%d\n", i, i, i%7, i%11)
	}
	dir := writeFiles(t, "mailboxes.csv", csv.String(), "main.hcl", `
pbx "hq" {
  simulator {}
}
sip_notify "lamps" {
  pbx     = pbx.hq
  targets = csvdecode(file("mailboxes.csv"))
  message {
    message_summary {
      account = "sip:${target.mailbox}@pbx.example.net"
      new     = target.new
      old     = target.old
    }
  }
}
`)
	_, cfg := load(t, dir, Values{})
	return cfg
}

// Benchmark100000Targets makes the messages of 100,000 targets, of which no two
// are alike.
func Benchmark100000Targets(b *testing.B) {
	job := lampConfig(b, 100_000).Jobs[0]
	b.ReportAllocs()
	for b.Loop() {
		for _, t := range job.Targets {
			if _, diags := job.Message(t); diags.HasErrors() {
				b.Fatal(diags)
			}
		}
	}
}

// BenchmarkLoad100000Targets loads a list of 100,000 targets from a CSV file.
func BenchmarkLoad100000Targets(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		lampConfig(b, 100_000)
	}
}

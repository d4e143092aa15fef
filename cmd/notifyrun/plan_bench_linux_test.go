package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkProgram runs the whole program, as a process, on large configurations,
// and on such of a tenth of the size in turn. wall-ms and cpu-ms are those of the
// large one, peak-MiB is the most memory that it had. growth is how many times the
// processor time of the small one it takes: 10 is linear.
func BenchmarkProgram(b *testing.B) {
	for _, c := range []struct {
		command string
		kind    string
		n       int
		applied bool
	}{
		{"validate", "blocks", 10_000, false},
		{"plan", "blocks", 10_000, false},
		{"plan", "blocks", 10_000, true},
		{"plan", "blocks", 100_000, false},
		{"plan", "targets", 100_000, false},
		{"plan", "targets", 100_000, true},
		{"plan -json", "targets", 100_000, false},
		{"plan -full", "blocks", 10_000, false},
	} {
		name := fmt.Sprintf("%s, %d %s", c.command, c.n, c.kind)
		if c.applied {
			name += " as applied"
		}
		b.Run(name, func(b *testing.B) {
			large, small := largeConfig(b, c.kind, c.n, c.applied), largeConfig(b, c.kind, c.n/10, c.applied)
			var sum, tenth used
			for b.Loop() {
				sum.add(runProgram(b, c.command, large))
				tenth.add(runProgram(b, c.command, small))
			}
			n := float64(b.N)
			b.ReportMetric(sum.wall.Seconds()*1000/n, "wall-ms")
			b.ReportMetric(sum.cpu.Seconds()*1000/n, "cpu-ms")
			b.ReportMetric(float64(sum.peak)/(1<<20), "peak-MiB")
			b.ReportMetric(sum.cpu.Seconds()/tenth.cpu.Seconds(), "growth")
		})
	}
}

// used is what processes have used.
type used struct {
	wall, cpu time.Duration
	peak      int64 // bytes, of the one that used the most
}

func (u *used) add(o used) {
	u.wall += o.wall
	u.cpu += o.cpu
	u.peak = max(u.peak, o.peak)
}

func runProgram(b *testing.B, command, dir string) used {
	b.Helper()
	cmd := exec.Command(os.Args[0], append(strings.Fields(command), dir)...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "NO_COLOR=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	started := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", command, err, errs.Bytes())
	}
	p := cmd.ProcessState
	return used{time.Since(started), p.UserTime() + p.SystemTime(), p.SysUsage().(*syscall.Rusage).Maxrss << 10}
}

// largeConfig writes a configuration of n blocks of one target, or of one block
// of n targets, each an object that its message uses. If it is to be applied, a
// state says that all have had it.
func largeConfig(b *testing.B, kind string, n int, applied bool) string {
	b.Helper()
	var text, rows strings.Builder
	text.WriteString("pbx \"hq\" {\n  simulator {}\n}\n")
	switch kind {
	case "blocks":
		for i := range n {
			fmt.Fprintf(&text, "sip_notify \"j%d\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/%d\"]\n  message {\n    event = \"check-sync\"\n  }\n  trigger \"change\" {\n    on      = %d\n    initial = \"record\"\n  }\n}\n", i, i, i)
		}
	case "targets":
		rows.WriteString("target,account,new,old\n")
		for i := range n {
			fmt.Fprintf(&rows, "PJSIP/%d,sip:%d@pbx.example.net,%d,%d\n", i, i, i%7, i%3)
		}
		text.WriteString(`
sip_notify "lamps" {
  pbx     = pbx.hq
  targets = csvdecode(file("phones.csv"))
  message {
    message_summary {
      account = target.account
      new     = target.new
      old     = target.old
    }
  }
  trigger "change" {
    initial = "record"
  }
}
`)
	}
	dir := b.TempDir()
	config := text.String()
	if applied { // with "record", nothing need be sent for that
		writeLarge(b, dir, config, rows.String())
		runProgram(b, "apply -auto-approve", dir)
		return dir
	}
	writeLarge(b, dir, strings.ReplaceAll(config, "initial = \"record\"", "initial = \"fire\""), rows.String())
	return dir
}

func writeLarge(b *testing.B, dir, config, rows string) {
	b.Helper()
	for name, text := range map[string]string{"main.hcl": config, "phones.csv": rows} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/engine"
)

// reports are of applies of all sizes. In each run of n deliveries, outcome says
// what came of each, and why where it is not good.
func reports() map[string]*engine.Report {
	report := func(jobs, n int, address func(job int) string, outcome func(job, delivery int) (engine.Outcome, string)) *engine.Report {
		r := &engine.Report{}
		for i := range jobs {
			run := &engine.RunReport{
				RunHeader: engine.RunHeader{ID: fmt.Sprintf("01M8093N70RA7KW66J5K%06d", i), Job: address(i), PBX: "pbx.hq", Cause: engine.Cause{Kind: "change"}},
				Outcomes:  map[engine.Outcome]int{},
			}
			if i%3 == 1 {
				run.Cause.Kind = "fire"
			}
			for d := range n {
				o, why := outcome(i, d)
				if !o.Final() {
					run.Left++
					continue
				}
				run.Outcomes[o]++
				if !o.Good() {
					run.Fail(o, fmt.Sprintf("PJSIP/%d", 100_000+i*n+d), why)
				}
			}
			r.Runs = append(r.Runs, run)
		}
		return r
	}
	site := func(i int) string { return fmt.Sprintf("sip_notify.reboot[\"site-%03d\"]", i) }
	one := func(int) string { return "sip_notify.firmware" }
	good := func(int, int) (engine.Outcome, string) { return engine.Accepted, "" }
	all := map[string]*engine.Report{
		"one run":       report(1, 25, one, good),
		"200 runs":      report(200, 500, site, good),
		"100000 phones": report(1, 100_000, one, good),
		"100000 phones, failures": report(1, 100_000, one, func(_, d int) (engine.Outcome, string) {
			switch {
			case d%100 == 7:
				return engine.Skipped, "the endpoint has no contact; Asterisk would say Success and send nothing"
			case d%1000 == 8:
				return engine.Rejected, fmt.Sprintf("Asterisk answered Error: Unable to create request to sip:%d@192.0.2.%d:5060;transport=udp, which is what the PBX says of this phone alone and at some length", d, d%256)
			case d > 99_000:
				return engine.Pending, ""
			}
			return engine.Accepted, ""
		}),
		"200 runs, failures": report(200, 500, site, func(i, d int) (engine.Outcome, string) {
			switch {
			case i%20 == 3 && d < i:
				return engine.Skipped, "no contact"
			case i%50 == 4 && d%9 == 0:
				return engine.Unknown, "the connection was lost after the action was sent"
			}
			return engine.Accepted, ""
		}),
		"2000 kinds of jobs": report(2000, 2, func(i int) string { return fmt.Sprintf("sip_notify.job_%d", i) }, good),
		"all at once": report(300, 40, site, func(i, d int) (engine.Outcome, string) {
			if i < 30 {
				return engine.Accepted, ""
			}
			return []engine.Outcome{engine.Rejected, engine.Unknown, engine.Skipped, engine.Canceled, engine.Pending, engine.Accepted}[(i+d)%6],
				fmt.Sprintf("reason %d\nin %s lines\x1b[31m", d, "two")
		}),
	}
	all["all at once"].Lost = map[string]error{}
	for i := range 40 {
		all["all at once"].Lost[fmt.Sprintf("pbx.site_%d", i)] = errors.New("dial tcp 192.0.2.7:5038: connect: connection refused\nand again\nand again\nand again\nand again")
	}
	all["100000 phones, failures"].Interrupted = true
	return all
}

// TestReportView holds what is shown of applies of all sizes against files, and
// that it is two screens at most.
func TestReportView(t *testing.T) {
	show := func(r *engine.Report, v reportView) string {
		var b strings.Builder
		v.w = &b
		v.write(r, 2000*time.Second, commandLines{resume: "notifyrun apply sites", args: " sites"})
		return b.String()
	}
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) {
			golden(t, "report_"+strings.NewReplacer(" ", "_", ",", "").Replace(name)+".txt", show(r, reportView{screen: screen{width: 80}}))
			for _, width := range []int{0, 60, 80, 160} {
				v := reportView{screen: screen{width: width}}
				shown := show(r, v)
				if rows := v.rows(shown); rows > twoScreens {
					t.Errorf("%d columns: %d rows, want %d at most:\n%s", width, rows, twoScreens, shown)
				}
				v.style.on = true
				if plain := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(show(r, v), ""); plain != shown {
					t.Errorf("%d columns: colours change what is shown (-without +with):\n%s", width, cmp.Diff(shown, plain))
				}
			}
			full := show(r, reportView{full: true})
			for _, run := range r.Runs {
				if !strings.Contains(full, "Run "+run.ID) {
					t.Errorf("in full, run %s is not shown", run.ID)
				}
			}
		})
	}
}

package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// serving is a configuration of one job over three phones as a daemon has it.
func serving(t *testing.T, event, lines string) *Serving {
	t.Helper()
	cfg := configure(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = [for n in range(3) : "SIP/${n}"]
		  message {
		    event = %q
		  }
		  %s
		}`, event, lines))
	s, diags := NewServing(&Applied{Serial: 1, Jobs: map[string]uint64{"sip_notify.x": 1}}, map[uint64]*schema.Config{1: cfg})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return s
}

// began makes the n-th run of the job, whose deliveries have got so far.
func began(s *Serving, kind string, n int, outcomes ...Outcome) OpenRun {
	j := s.Jobs["sip_notify.x"]
	run, _ := newRun(j, s.prep[j.Address], Cause{Kind: kind}, nil, start.Add(time.Duration(n)*time.Minute))
	r := OpenRun{RunHeader: run.RunHeader}
	r.ID = fmt.Sprint("run", n)
	for i, d := range run.Deliveries {
		state := DeliveryState{Delivery: d, Outcome: outcomes[i]}
		if state.Outcome != Pending {
			state.Attempts = 1
		}
		r.Deliveries = append(r.Deliveries, state)
	}
	return r
}

// written sums a batch up in sorted lines: the outcomes that it records of each run.
func written(b Batch) (lines []string) {
	for _, a := range b.Attempts {
		lines = append(lines, fmt.Sprintf("%s/%d %s", a.Run, a.Seq, a.Outcome))
	}
	for _, id := range b.Ended {
		lines = append(lines, id+" ends")
	}
	slices.Sort(lines)
	return lines
}

func TestServing_reopen(t *testing.T) {
	every := func(overlap string) string {
		return fmt.Sprintf("trigger \"schedule\" {\n  cron = \"* * * * *\"\n  overlap = %q\n}", overlap)
	}
	p, a, u, f := Pending, Accepted, Unknown, InFlight
	for name, c := range map[string]struct {
		lines  string
		kinds  string // of the runs: s for schedule, f for fire
		runs   [][]Outcome
		paused bool
		event  string // that the configuration says now; "": as then
		gone   bool
		works  []string // run/position of what is driven
		writes []string
	}{
		"goes on with what is pending":       {every("skip"), "s", [][]Outcome{{a, p, p}}, false, "", false, []string{"run0/1", "run0/2"}, nil},
		"all has ended but the run":          {every("skip"), "s", [][]Outcome{{a, a, a}}, false, "", false, nil, []string{"run0 ends"}},
		"unknown is held":                    {every("skip"), "s", [][]Outcome{{u, p, a}}, false, "", false, []string{"run0/1"}, nil},
		"unknown is sent again":              {"on_unknown = \"resend\"\n" + every("skip"), "s", [][]Outcome{{u, p, a}}, false, "", false, []string{"run0/0", "run0/1"}, nil},
		"in flight, and nobody waits for it": {every("skip"), "s", [][]Outcome{{f, f, p}}, false, "", false, []string{"run0/2"}, []string{"run0/0 unknown", "run0/1 unknown"}},
		"all in flight":                      {every("skip"), "s", [][]Outcome{{f, f, f}}, false, "", false, nil, []string{"run0/0 unknown", "run0/1 unknown", "run0/2 unknown", "run0 ends"}},
		"paused":                             {every("skip"), "s", [][]Outcome{{p, p, f}}, true, "", false, nil, []string{"run0/2 unknown"}},
		"removed":                            {every("skip"), "sf", [][]Outcome{{p, a, f}, {p, p, p}}, false, "", true, nil, []string{"run0/2 unknown", "run0/0 canceled", "run0 ends", "run1/0 canceled", "run1/1 canceled", "run1/2 canceled", "run1 ends"}},
		"says something else now":            {every("skip"), "s", [][]Outcome{{p, a, p}}, false, "other", false, nil, []string{"run0/0 canceled", "run0/2 canceled", "run0 ends"}},
		"disabled":                           {"enabled = false\n" + every("skip"), "s", [][]Outcome{{p, a, u}}, false, "", false, nil, []string{"run0/0 canceled", "run0 ends"}},
		"cancels the previous ones": {every("cancel_previous"), "sfs", [][]Outcome{{p, a, p}, {p, p, p}, {a, p, p}}, false, "", false, []string{"run2/1", "run2/2"},
			[]string{"run0/0 canceled", "run0/2 canceled", "run0 ends", "run1/0 canceled", "run1/1 canceled", "run1/2 canceled", "run1 ends"}},
		"a run by hand cancels none": {every("cancel_previous"), "sf", [][]Outcome{{p, a, a}, {p, a, a}}, false, "", false, []string{"run0/0", "run1/0"}, nil},
		"queues":                     {every("queue"), "ssf", [][]Outcome{{p, a, a}, {p, a, a}, {p, a, a}}, false, "", false, []string{"run0/0 queued", "run1/0 queued", "run2/0"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := serving(t, "x", c.lines)
			var open []OpenRun
			for i, outcomes := range c.runs {
				open = append(open, began(s, map[byte]string{'s': "schedule", 'f': "fire"}[c.kinds[i]], i, outcomes...))
			}
			if c.event != "" {
				s = serving(t, c.event, c.lines)
			}
			if c.gone {
				s = &Serving{Jobs: map[string]*schema.Job{}}
			}
			pauses := map[string]Pause{}
			if c.paused {
				pauses["sip_notify.x"] = Pause{Job: "sip_notify.x"}
			}
			works, batch := s.reopen(open, nil, pauses, start.Add(time.Hour))
			var driven []string
			for _, w := range works {
				for _, d := range w.Deliveries {
					line := fmt.Sprintf("%s/%d", w.ID, d.Seq)
					if w.Queued {
						line += " queued"
					}
					driven = append(driven, line)
				}
			}
			slices.Sort(c.writes)
			if !slices.Equal(driven, c.works) || !slices.Equal(written(batch), c.writes) {
				t.Errorf("drives %v and writes %v, want %v and %v", driven, written(batch), c.works, c.writes)
			}
		})
	}
}

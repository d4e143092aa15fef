package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

var runsCommand = &command{
	name: "runs", args: "[PATH]",
	short: "list the runs and what did not fire, newest first",
	long: `Lists the firings of jobs, newest first: why each began, how long it took, and
how many deliveries had which outcome; between them what did not fire, and why;
and above them whether notifyrun serve runs, and what is paused. notifyrun show
RUN has the details of one. Times are local; -json gives UTC, one object a line,
runs alone or, with -missed, what did not fire alone.`,
	run: (*app).runs,
}

func (a *app) runs(ctx context.Context, args []string) error {
	var v values
	var q engine.RunQuery
	a.flagSet()
	a.valueFlags(&v)
	a.flags.IntVar(&q.Limit, "limit", 20, "list at most `n` runs; 0 lists all")
	a.flags.StringVar(&q.Job, "job", "", "only runs of the job at this `address`")
	missed := a.flags.Bool("missed", false, "list only what did not fire, one record a line")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	if q.Limit < 0 {
		return errors.New("runs: -limit must not be negative")
	}
	led, place, err := a.stateOf(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
	if *missed {
		return a.listMissed(ctx, led, engine.MissedQuery{Job: q.Job, Limit: q.Limit})
	}
	runs, err := led.Runs(ctx, q)
	if err != nil {
		return err
	}
	if a.json {
		for _, r := range runs {
			if err := writeJSON(a.stdout, newRunJSON(r)); err != nil {
				return err
			}
		}
		return nil
	}
	mq := engine.MissedQuery{Job: q.Job, Limit: missedRead}
	if n := len(runs); n > 0 && n == q.Limit {
		mq.Since = runs[n-1].Created
	}
	not, err := readMissed(ctx, led, mq)
	if err != nil {
		return err
	}
	if err := a.runsHead(ctx, led, place, q.Job, runs); err != nil {
		return err
	}
	if len(runs)+len(not) == 0 {
		return noneRecorded(ctx, a.stdout, led, "No runs are recorded", q.Job)
	}
	if err := a.runTable(runs, between(runs, not)); err != nil || len(not) < missedRead {
		return err
	}
	fmt.Fprintf(a.stdout, "\nOf what did not fire, this has the newest %s records; notifyrun runs -missed -limit 0 has all.\n", thousands(missedRead))
	return nil
}

// listMissed lists what did not fire, and nothing else.
func (a *app) listMissed(ctx context.Context, led engine.DaemonLedger, q engine.MissedQuery) error {
	missed, err := readMissed(ctx, led, q)
	if err != nil {
		return err
	}
	if a.json {
		for _, m := range missed {
			if err := writeJSON(a.stdout, newMissedJSON(m)); err != nil {
				return err
			}
		}
		return nil
	}
	if len(missed) == 0 {
		return noneRecorded(ctx, a.stdout, led, "Nothing is recorded as missed", q.Job)
	}
	return a.missedTable(missed)
}

// noneRecorded says that there is nothing, and of what: an address that is no job's,
// but that of a block with instances or of a module, has jobs that may be meant.
func noneRecorded(ctx context.Context, w io.Writer, led engine.Ledger, what, job string) error {
	if job == "" {
		_, err := fmt.Fprintf(w, "%s.\n", what)
		return err
	}
	state, err := led.State(ctx)
	if err != nil {
		return err
	}
	what += " of " + job
	switch jobs, err := state.Find(job); {
	case err != nil:
		what += ": " + err.Error()
	case !slices.Contains(jobs, job):
		what += ", which is no job; there is " + names(jobs, itself)
	}
	if !strings.HasSuffix(what, "?") {
		what += "."
	}
	_, err = fmt.Fprintln(w, printable(what))
	return err
}

// runsHead says above the list what explains it: how the daemon is, what is
// paused, and what waits for its window.
func (a *app) runsHead(ctx context.Context, led engine.DaemonLedger, place, job string, runs []engine.RunSummary) error {
	d, err := readDaemon(ctx, led, place)
	if err != nil {
		return err
	}
	pauses, err := led.Pauses(ctx)
	if err != nil {
		return err
	}
	lines := d.lines()
	for _, address := range slices.Sorted(maps.Keys(pauses)) {
		if job == "" || address == job {
			lines = append(lines, address+" is paused "+pausedBy(pauses[address]))
		}
	}
	lines = append(lines, heldRuns(runs, time.Now())...)
	for _, line := range lines {
		fmt.Fprintln(a.stdout, printable(line))
	}
	if len(lines) > 0 {
		fmt.Fprintln(a.stdout)
	}
	return nil
}

// runTable lists runs for people, and before each what did not fire.
func (a *app) runTable(runs []engine.RunSummary, not [][]engine.Missed) error {
	wide := a.wide(a.stdout)
	columns := []column{{title: "RUN", whole: true, paint: paintNotFired}, {title: "STARTED", whole: true}, {title: "TOOK", right: true, whole: true}, {title: "JOB", ends: true}, {title: "DELIVERIES", keep: true}}
	if wide {
		columns = append(columns, column{title: "PBX"}, column{title: "CAUSE"})
	}
	t := a.newTable(a.stdout, columns...)
	stamp := a.stamp(a.stdout)
	if terminal(a.stdout) && !wide {
		stamp = strings.TrimSuffix(stamp, ":05")
	}
	between := func(i int) {
		if i >= len(not) {
			return
		}
		for _, m := range not[i] {
			text := missedText(m)
			if wide { // the other columns are to be read too; -missed has it in full
				text = clip(text, 48)
			}
			cells := []string{notFired, m.At.Local().Format(stamp), "", cmp.Or(m.Job, m.PBX), text}
			if wide {
				cells = append(cells, m.PBX, "")
			}
			t.add(cells...)
		}
	}
	for i, r := range runs {
		between(i)
		cells := []string{r.ID, r.Created.Local().Format(stamp), took(r.Created, r.Ended), r.Job, outcomesToMind(r.Outcomes)}
		if wide {
			cells = append(cells, r.PBX, cause(r.Cause))
		}
		t.add(cells...)
	}
	between(len(runs))
	return t.flush(a.stdout)
}

// notFired stands in place of a run's id.
const notFired = "not fired"

func paintNotFired(s style, id string) string {
	if id == notFired {
		return s.yellow(id)
	}
	return id
}

// took words the time between two instants, or "open" without an end.
func took(from, to time.Time) string {
	if to.IsZero() {
		return "open"
	}
	d := to.Sub(from)
	switch {
	case d < time.Second:
		d = d.Round(time.Millisecond)
	case d < time.Minute:
		d = d.Round(100 * time.Millisecond)
	default:
		d = d.Round(time.Second)
	}
	return d.String()
}

// cause words why a run began.
func cause(c engine.Cause) string {
	kind := c.Kind
	if kind == "fire" {
		kind = "by hand"
	}
	return kind + detail(c)
}

// runJSON is a run in runs -json and show -json.
type runJSON struct {
	Run      string                 `json:"run"`
	Job      string                 `json:"job"`
	PBX      string                 `json:"pbx"`
	Cause    engine.Cause           `json:"cause"`
	Started  string                 `json:"started"`
	Ended    *string                `json:"ended"` // null while open
	Total    int                    `json:"total"`
	Outcomes map[engine.Outcome]int `json:"outcomes"`
	Held     *heldJSON              `json:"held,omitempty"`
	WaitsFor []engine.Waited        `json:"waits_for,omitempty"`
}

func newRunJSON(r engine.RunSummary) runJSON {
	return runJSON{r.ID, r.Job, r.PBX, r.Cause, *timeJSON(r.Created), timeJSON(r.Ended), r.Total, r.Outcomes, newHeldJSON(engine.HeldRun(r, time.Now())), r.Waits}
}

// timeJSON writes an instant in UTC with microseconds, the zero time as nil.
func timeJSON(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	return &s
}

func detail(c engine.Cause) string {
	if c.Detail == "" {
		return ""
	}
	return " (" + c.Detail + ")"
}

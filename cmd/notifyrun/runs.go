package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

var runsCommand = &command{
	name: "runs", args: "[PATH]",
	short: "list the runs, newest first",
	long: `Lists the firings of jobs, newest first: why each began, how long it took, and
how many deliveries had which outcome. notifyrun show RUN has the details.
Times are local; -json gives UTC, one object a line.`,
	run: (*app).runs,
}

func (a *app) runs(ctx context.Context, args []string) error {
	var v values
	var q engine.RunQuery
	a.flagSet()
	a.valueFlags(&v)
	a.flags.IntVar(&q.Limit, "limit", 20, "list at most `n` runs; 0 lists all")
	a.flags.StringVar(&q.Job, "job", "", "only runs of the job at this `address`")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	if q.Limit < 0 {
		return errors.New("runs: -limit must not be negative")
	}
	led, err := a.stateOf(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
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
	if len(runs) == 0 {
		fmt.Fprintln(a.stdout, "No runs are recorded.")
		return nil
	}
	return a.runTable(runs)
}

// runTable lists runs for people.
func (a *app) runTable(runs []engine.RunSummary) error {
	wide := a.wide(a.stdout)
	columns := []column{{title: "RUN", whole: true}, {title: "STARTED", whole: true}, {title: "TOOK", right: true, whole: true}, {title: "JOB", ends: true}, {title: "DELIVERIES", keep: true}}
	if wide {
		columns = append(columns, column{title: "PBX"}, column{title: "CAUSE"})
	}
	t := a.newTable(a.stdout, columns...)
	stamp := a.stamp(a.stdout)
	if terminal(a.stdout) && !wide {
		stamp = strings.TrimSuffix(stamp, ":05")
	}
	for _, r := range runs {
		cells := []string{r.ID, r.Created.Local().Format(stamp), took(r.Created, r.Ended), r.Job, outcomesToMind(r.Outcomes)}
		if wide {
			cells = append(cells, r.PBX, cause(r.Cause))
		}
		t.add(cells...)
	}
	return t.flush(a.stdout)
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
}

func newRunJSON(r engine.RunSummary) runJSON {
	return runJSON{r.ID, r.Job, r.PBX, r.Cause, *timeJSON(r.Created), timeJSON(r.Ended), r.Total, r.Outcomes}
}

// timeJSON writes an instant in UTC with microseconds, the zero time as nil.
func timeJSON(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	return &s
}

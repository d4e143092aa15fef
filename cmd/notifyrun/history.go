package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var historyCommand = &command{
	name: "history", args: "[PATH]",
	short: "list every attempt to send, and what came of it",
	long: `Lists the attempts, oldest first: one line for each AMI action that was sent,
with Asterisk's answer. Attempt 0 is a delivery that ended without being sent;
its message says why. Times are local; -json gives UTC, one object a line.
history prune is a command of its own; a directory of that name is ./prune.`,
	run: (*app).history,
}

// outcomeNames are those that an attempt can have.
var outcomeNames = []string{
	string(engine.InFlight), string(engine.Answered), string(engine.Accepted), string(engine.Rejected), string(engine.Unknown),
	string(engine.Skipped), string(engine.Canceled), string(engine.NotSent),
}

func (a *app) history(ctx context.Context, args []string) error {
	var v values
	var q engine.HistoryQuery
	var since, outcome string
	a.flagSet()
	a.valueFlags(&v)
	a.flags.StringVar(&q.Run, "run", "", "only of the run with this `id`, or the one that begins so")
	a.flags.StringVar(&q.Job, "job", "", "only of the job at this `address`")
	a.flags.StringVar(&q.Target, "target", "", "only to this `target`, as PJSIP/1001")
	a.flags.StringVar(&outcome, "outcome", "", "only with this `outcome`: "+strings.Join(outcomeNames, ", "))
	a.flags.StringVar(&since, "since", "", "only what started at this `time` or later: RFC 3339, or how long ago, as 24h or 7d")
	a.flags.IntVar(&q.Limit, "limit", 0, "only the newest `n`; 0 lists all")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	if q.Limit < 0 {
		return errors.New("history: -limit must not be negative")
	}
	if q.Since, err = parseSince(since, time.Now()); err != nil {
		return err
	}
	if q.Outcome = engine.Outcome(outcome); outcome != "" && !slices.Contains(outcomeNames, outcome) {
		return fmt.Errorf("history: -outcome %q is none of %s", outcome, strings.Join(outcomeNames, ", "))
	}
	if t, err := schema.ParseTarget(q.Target); err == nil {
		q.Target = t.String() // pjsip/1001 means PJSIP/1001; a user event's target is its pbx
	}
	led, _, err := a.stateOf(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
	err = a.listHistory(ctx, led, q)
	if errors.Is(err, syscall.EPIPE) {
		return nil // the reader has seen enough
	}
	return err
}

// parseSince reads an instant, or how long ago it was.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, ok := schema.ParseSpan(s); ok && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("history: -since %q is neither a time such as 2006-01-02T15:04:05Z nor a duration such as 24h or 7d", s)
	}
	return t, nil
}

// listHistory writes attempts as they are read: their number does not matter.
func (a *app) listHistory(ctx context.Context, led engine.Ledger, q engine.HistoryQuery) error {
	w := bufio.NewWriterSize(a.stdout, 1<<16)
	view := a.newHistoryView(w)
	n := 0
	for e, err := range led.History(ctx, q) {
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		n++
		if err := view(e); err != nil {
			return err
		}
	}
	if n == 0 && !a.json {
		what := "No attempts are recorded"
		if q.Run != "" || q.Target != "" || q.Outcome != "" || !q.Since.IsZero() { // others may be
			what = "No such attempts are recorded"
		}
		if err := noneRecorded(ctx, w, led, what, q.Job); err != nil {
			return errors.Join(err, w.Flush())
		}
	}
	if n > 0 {
		if err := view(engine.HistoryEntry{}); err != nil {
			return err
		}
	}
	return w.Flush()
}

// newHistoryView gives a function that writes one entry; an empty one ends.
func (a *app) newHistoryView(w *bufio.Writer) func(engine.HistoryEntry) error {
	if a.json {
		return func(e engine.HistoryEntry) error {
			if e.Run == "" {
				return nil
			}
			return writeJSON(w, newHistoryJSON(e))
		}
	}
	const part = 500 // rows that share their widths
	wide := a.wide(a.stdout)
	columns := []column{{title: "STARTED", whole: true}, {title: "OUTCOME", whole: true, paint: paintOutcome}, {title: "TARGET", ends: true}, {title: "JOB", ends: true}, {title: "ANSWER"}}
	if wide {
		columns = slices.Concat([]column{{title: "RUN", whole: true}}, columns[:4],
			[]column{{title: "TRY", right: true}, {title: "TOOK", right: true, whole: true}}, columns[4:])
	}
	t := a.newTable(a.stdout, columns...)
	stamp := a.stamp(a.stdout)
	return func(e engine.HistoryEntry) error {
		if e.Run != "" {
			cells := []string{e.Started.Local().Format(stamp), string(e.Outcome), e.Target, e.Job, answer(e.Text)}
			if wide {
				cells = slices.Concat([]string{e.Run}, cells[:4], []string{strconv.Itoa(e.Attempt), took(e.Started, e.Finished)}, cells[4:])
			}
			t.add(cells...)
		}
		if len(t.rows) < part && e.Run != "" {
			return nil
		}
		return t.flush(w)
	}
}

// answer leaves out of a result what every refusal begins with.
func answer(text string) string {
	if _, said, ok := strings.Cut(text, ": Asterisk answers "); ok {
		return said
	}
	return text
}

// paintOutcome colours an outcome by how good it is.
func paintOutcome(s style, word string) string {
	switch engine.Outcome(strings.ReplaceAll(word, " ", "_")) {
	case engine.Accepted, engine.Answered:
		return s.green(word)
	case engine.Rejected:
		return s.red(word)
	case engine.Unknown, engine.Skipped, engine.NotSent:
		return s.yellow(word)
	}
	return word
}

// historyJSON is one line of history -json.
type historyJSON struct {
	Run      string         `json:"run"`
	Job      string         `json:"job"`
	PBX      string         `json:"pbx"`
	Target   string         `json:"target"`
	Attempt  int            `json:"attempt"`
	ActionID string         `json:"action_id"`
	Outcome  engine.Outcome `json:"outcome"`
	Message  string         `json:"message"` // Asterisk's answer, or the reason
	Started  *string        `json:"started"`
	Finished *string        `json:"finished"` // null while in flight
}

func newHistoryJSON(e engine.HistoryEntry) historyJSON {
	return historyJSON{
		e.Run, e.Job, e.PBX, e.Target, e.Attempt, e.ActionID, e.Outcome, e.Text, timeJSON(e.Started), timeJSON(e.Finished),
	}
}

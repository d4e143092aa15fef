package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// missedRead is how many records of what did not fire are read for one list.
const missedRead = 10_000

// readMissed reads what did not fire, newest first, at most limit of them.
func readMissed(ctx context.Context, led engine.DaemonLedger, q engine.MissedQuery) ([]engine.Missed, error) {
	var all []engine.Missed
	for m, err := range led.Missed(ctx, q) {
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// between puts what did not fire, newest first, between runs, newest first: the
// i-th group is newer than the i-th run and older than the one before. Those of
// a group that are alike become one.
func between(runs []engine.RunSummary, missed []engine.Missed) [][]engine.Missed {
	groups := make([][]engine.Missed, len(runs)+1)
	i := 0
	for _, m := range missed {
		for i < len(runs) && runs[i].Created.After(m.At) {
			i++
		}
		groups[i] = join(groups[i], m)
	}
	return groups
}

// join adds m, which is older, to those that are alike.
func join(group []engine.Missed, m engine.Missed) []engine.Missed {
	like := func(n engine.Missed) bool {
		return n.Job == m.Job && n.PBX == m.PBX && n.Reason == m.Reason && n.Job != "" && (n.Detail == m.Detail || m.Reason == engine.MissedLate)
	}
	if i := slices.IndexFunc(group, like); i >= 0 {
		group[i].Count += m.Count
		group[i].First = m.First
		return group
	}
	return append(group, m)
}

// missedText words what did not fire and why, the reason first.
func missedText(m engine.Missed) string {
	from, to := clockTime(m.First, m.At), clockTime(m.Last, m.At)
	span := from
	if from != to {
		span += "–" + to
	}
	if m.Job == "" { // the detail says that these are events that may have been missed
		return fmt.Sprintf("%s: %s; %s", m.Reason, span, strings.TrimPrefix(m.Detail, "receive events: "))
	}
	what := "at " + span
	switch schedule := m.Reason == engine.MissedLate || m.Reason == engine.MissedOverlap; {
	case schedule && m.Count == 1:
		what = "due " + span
	case schedule:
		what = thousands(int(m.Count)) + " due times, " + span
	case m.Count != 1:
		what = thousands(int(m.Count)) + " times, " + span
	}
	switch m.Reason {
	case engine.MissedLate:
		return fmt.Sprintf("late: %s; notifyrun serve was not there in time", what)
	case engine.MissedPaused:
		return fmt.Sprintf("paused: %s; %s", m.Detail, what)
	}
	return fmt.Sprintf("%s: %s; %s", m.Reason, what, m.Detail)
}

// clockTime is an instant beside another one, whose date it does without.
func clockTime(t, beside time.Time) string {
	t, beside = t.Local(), beside.Local()
	if t.Format(time.DateOnly) == beside.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// missedTable lists what did not fire alone.
func (a *app) missedTable(missed []engine.Missed) error {
	t := a.newTable(a.stdout, column{title: "RECORDED", whole: true}, column{title: "JOB", ends: true}, column{title: "NOT FIRED", keep: true})
	stamp := a.stamp(a.stdout)
	for _, m := range missed {
		t.add(m.At.Local().Format(stamp), cmp.Or(m.Job, m.PBX), missedText(m))
	}
	return t.flush(a.stdout)
}

// missedJSON is what did not fire in runs -missed -json and show -json.
type missedJSON struct {
	Job     string              `json:"job,omitempty"`
	Trigger int                 `json:"trigger"`
	PBX     string              `json:"pbx,omitempty"`
	Reason  engine.MissedReason `json:"reason"`
	Count   int64               `json:"count"` // 0: not known
	First   *string             `json:"first"`
	Last    *string             `json:"last"`
	Detail  string              `json:"detail"`
	At      *string             `json:"recorded"`
}

func newMissedJSON(m engine.Missed) missedJSON {
	return missedJSON{m.Job, m.Index, m.PBX, m.Reason, m.Count, timeJSON(m.First), timeJSON(m.Last), m.Detail, timeJSON(m.At)}
}

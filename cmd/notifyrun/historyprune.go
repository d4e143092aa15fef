package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

var historyPruneCommand = &command{
	name: "history prune", args: "[PATH]",
	short: "delete what is old of the record",
	long: `Deletes runs that ended before a time, with their deliveries and attempts, and
what did not fire before it. The time is given by -older-than, or else by
retention in the applied configuration, by which notifyrun serve prunes once a
day by itself. What each phone last had stays, so that nothing is sent again, as
do open runs, the newest one, and those that an after trigger has yet to look
at.

It asks first, works beside apply and serve, and may be stopped at any time: the
next one goes on. The file does not shrink; its free room is used again. A copy
made by notifyrun state backup is as small as it can be.`,
	run: (*app).historyPrune,
}

// leastAge is how young history may be that is deleted by a command.
const leastAge = time.Hour

func (a *app) historyPrune(ctx context.Context, args []string) error {
	var v values
	var older string
	a.flagSet()
	a.valueFlags(&v)
	a.flags.StringVar(&older, "older-than", "", "what ended so long ago, as a `duration`: 90d, 12w or 36h; default: retention of the applied configuration")
	dry := a.flags.Bool("dry-run", false, "say what would go, and delete nothing")
	yes := a.flags.Bool("auto-approve", false, "do not ask")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	if a.json && !*yes && !*dry {
		return errors.New("history prune -json cannot ask for approval; add -auto-approve or -dry-run")
	}
	place, _, err := a.stateAt(ctx, path, v)
	if err != nil {
		return err
	}
	read, err := a.reader(ctx, place)
	if err != nil {
		return err
	}
	defer read.Close()
	age, err := a.pruneAge(ctx, read, older, v)
	if err != nil {
		return fmt.Errorf("history prune: %w", err)
	}
	before := time.Now().Add(-age)
	p, err := read.Prunable(ctx, before)
	if err != nil {
		return err
	}
	if !a.json {
		fmt.Fprintln(a.stdout, prunableText(p, before))
	}
	if *dry || p == (engine.Prunable{}) {
		return a.pruned(p, before, nil)
	}
	if !*yes {
		if err := a.approve(ctx, "notifyrun will delete that. It cannot be brought back.", "history prune canceled: nothing was deleted"); err != nil {
			return err
		}
	}
	led, err := ledger.Open(ctx, place, ledger.Beside)
	if err != nil {
		return err
	}
	defer led.Close()
	done, err := led.Prune(ctx, before, a.pruneProgress(p))
	if err != nil && ctx.Err() != nil {
		fmt.Fprintf(a.stderr, "Interrupted: %s and %s are deleted; the next history prune goes on.\n", count(int(done.Runs), "run"), count(int(done.Deliveries), "delivery"))
		return exitCode(exitInterrupted)
	}
	if err != nil {
		return err
	}
	return a.pruned(p, before, &done)
}

// pruneAge is how old history must be to go.
func (a *app) pruneAge(ctx context.Context, led engine.DaemonLedger, older string, v values) (time.Duration, error) {
	if older != "" {
		age, ok := schema.ParseSpan(older)
		switch {
		case !ok:
			return 0, fmt.Errorf("-older-than %q is not a duration such as 90d, 12w or 36h", older)
		case age < leastAge:
			return 0, fmt.Errorf("-older-than must be at least 1h, but is %s", older)
		}
		return age, nil
	}
	applied, err := led.Applied(ctx)
	if err != nil {
		return 0, err
	}
	if len(applied.Snapshots) > 0 {
		snap, err := appliedSnapshot(applied, applied.Serial)
		if err != nil {
			return 0, err
		}
		// A secret that is missing here does not matter to it.
		var cfg *schema.Config
		if err := unlessInterrupted(ctx, func() { cfg, _ = schema.Load(snap.Source(), a.schemaValues(v)) }); err != nil {
			return 0, err
		}
		if cfg != nil && cfg.Settings.Retention > 0 {
			return cfg.Settings.Retention, nil
		}
	}
	return 0, errors.New("say how old it must be, as in -older-than 90d: the applied configuration has no retention")
}

// prunableText says what will go.
func prunableText(p engine.Prunable, before time.Time) string {
	if p == (engine.Prunable{}) {
		return fmt.Sprintf("Nothing to delete: nothing ended before %s.", localTime(before))
	}
	text := "From before " + localTime(before) + ": "
	if p.Runs > 0 {
		text += fmt.Sprintf("%s with %s, begun from %s to %s", count(int(p.Runs), "run"), count(int(p.Deliveries), "delivery"), localTime(p.Oldest), localTime(p.Newest))
	} else {
		text += "no runs"
	}
	if p.Missed > 0 {
		text += fmt.Sprintf("; %s of what did not fire", count(int(p.Missed), "record"))
	}
	if p.Messages > 0 || p.Runs == 0 && p.Deliveries > 0 {
		text += "; the rest of what a prune that was stopped has begun to delete"
	}
	return text + "."
}

// pruneProgress renews a line on a terminal.
func (a *app) pruneProgress(p engine.Prunable) func(engine.Pruned) {
	if a.json || !terminal(a.stderr) {
		return nil
	}
	last := time.Now()
	return func(done engine.Pruned) {
		if time.Since(last) < 200*time.Millisecond {
			return
		}
		last = time.Now()
		fmt.Fprintf(a.stderr, "\r\x1b[K%s of %s\r", thousands(int(done.Runs)), count(int(p.Runs), "run"))
	}
}

// prunedJSON is history prune -json.
type prunedJSON struct {
	FormatVersion string  `json:"format_version"`
	Type          string  `json:"type"` // "history prune"
	Before        *string `json:"before"`
	Oldest        *string `json:"oldest"`
	Newest        *string `json:"newest"`
	Runs          int64   `json:"runs"`
	Deliveries    int64   `json:"deliveries"`
	Messages      int64   `json:"messages"`
	Missed        int64   `json:"missed"`
	Deleted       bool    `json:"deleted"`
}

// pruned reports; done is nil where nothing was deleted.
func (a *app) pruned(p engine.Prunable, before time.Time, done *engine.Pruned) error {
	if a.json {
		out := prunedJSON{formatVersion, "history prune", timeJSON(before), timeJSON(p.Oldest), timeJSON(p.Newest), p.Runs, p.Deliveries, p.Messages, p.Missed, done != nil}
		if done != nil {
			out.Runs, out.Deliveries, out.Messages, out.Missed = done.Runs, done.Deliveries, done.Messages, done.Missed
		}
		return writeJSON(a.stdout, out)
	}
	if done != nil {
		fmt.Fprintf(a.stdout, "%s %s, %s, %s, %s of what did not fire.\n", a.style(a.stdout).green("Deleted:"),
			count(int(done.Runs), "run"), count(int(done.Deliveries), "delivery"), count(int(done.Attempts), "attempt"), count(int(done.Missed), "record"))
	}
	return nil
}

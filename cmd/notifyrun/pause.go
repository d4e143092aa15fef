package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

var pauseCommand = &command{
	name: "pause", args: "[ADDRESS [PATH]]",
	short: "hold a job: nothing of it is sent until it is resumed",
	long: `Holds the job at ADDRESS, or all instances of the block there. Its triggers do
not fire, which is recorded as missed, with the reason; its open runs stop, and
apply and fire send nothing of it. It lasts until notifyrun resume, over
restarts and applies, with or without notifyrun serve, which follows within a
second. Pausing again replaces the reason.

Without ADDRESS it lists what is paused.`,
	run: (*app).pause,
}

const maxReason = 200 // characters

func (a *app) pause(ctx context.Context, args []string) error {
	var v values
	var reason string
	a.flagSet()
	a.valueFlags(&v)
	a.flags.StringVar(&reason, "reason", "", "why, as a `text`: who asks what is the matter with the job is told")
	rest, err := a.parse(args)
	if err != nil {
		return err
	}
	if reason == "" && (len(rest) == 0 || len(rest) == 1 && exists(rest[0])) {
		path, err := a.path(rest)
		if err != nil {
			return err
		}
		return a.listPauses(ctx, path, v)
	}
	if len(rest) == 0 {
		return errors.New("pause needs the address of a job, as in: notifyrun pause sip_notify.reboot -reason \"fair this week\"")
	}
	if reason, err = checkReason(reason); err != nil {
		return fmt.Errorf("pause %s: %w", rest[0], err)
	}
	path, err := a.path(rest[1:])
	if err != nil {
		return err
	}
	place, jobs, _, err := a.jobsAt(ctx, rest[0], path, v)
	if err != nil {
		return err
	}
	led, err := ledger.Open(ctx, place, ledger.Beside)
	if err != nil {
		return err
	}
	defer led.Close()
	now, who := time.Now().UTC().Truncate(time.Microsecond), whoami()
	var done []engine.Pause
	for _, job := range jobs {
		p := engine.Pause{Job: job, Reason: reason, By: who, Since: now}
		if err := led.Pause(ctx, p); err != nil {
			return err
		}
		done = append(done, p)
	}
	if a.json {
		return writeJSON(a.stdout, newPausesJSON("pause", done))
	}
	for _, p := range done {
		fmt.Fprintf(a.stdout, "%s is paused.\n", printable(p.Job))
	}
	return nil
}

// checkReason refuses what could not be read in a list later.
func checkReason(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		return "", errors.New("say why, with -reason")
	case n > maxReason:
		return "", fmt.Errorf("the reason has %d characters; %d are enough", n, maxReason)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "", errors.New("the reason must be one line of text, without control characters")
	}
	return s, nil
}

// jobsAt finds the state of the configuration at path, the jobs at an address,
// declared or applied, and what is paused.
func (a *app) jobsAt(ctx context.Context, address, path string, v values) (place string, jobs []string, pauses map[string]engine.Pause, err error) {
	place, cfg, err := a.stateAt(ctx, path, v)
	if err != nil {
		return "", nil, nil, err
	}
	led, err := a.reader(ctx, place)
	if err != nil {
		return "", nil, nil, err
	}
	defer led.Close()
	state, err := led.State(ctx)
	if err != nil {
		return "", nil, nil, err
	}
	if jobs, err = engine.FindJobs(cfg, state, address); err != nil {
		err = fmt.Errorf("%s %s: %w", a.cmd.name, address, err)
	}
	return place, jobs, state.Pauses, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// whoami is who pauses, for people.
func whoami() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// listPauses lists what is paused.
func (a *app) listPauses(ctx context.Context, path string, v values) error {
	led, _, err := a.stateOf(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
	pauses, err := led.Pauses(ctx)
	if err != nil {
		return err
	}
	var all []engine.Pause
	for _, job := range slices.Sorted(maps.Keys(pauses)) {
		all = append(all, pauses[job])
	}
	if a.json {
		return writeJSON(a.stdout, newPausesJSON("pauses", all))
	}
	if len(all) == 0 {
		fmt.Fprintln(a.stdout, "Nothing is paused.")
		return nil
	}
	t := a.newTable(a.stdout, column{title: "JOB", ends: true}, column{title: "SINCE", whole: true}, column{title: "BY"}, column{title: "REASON", keep: true})
	stamp := a.stamp(a.stdout)
	for _, p := range all {
		t.add(p.Job, p.Since.Local().Format(stamp), p.By, p.Reason)
	}
	return t.flush(a.stdout)
}

// pausesJSON is pause -json and resume -json.
type pausesJSON struct {
	FormatVersion string      `json:"format_version"`
	Type          string      `json:"type"`   // "pause", "resume" or "pauses"
	Paused        []pauseJSON `json:"paused"` // of resume: those that were
	NotPaused     []string    `json:"not_paused,omitempty"`
}

type pauseJSON struct {
	Job    string  `json:"job"`
	Reason string  `json:"reason"`
	By     string  `json:"by"`
	Since  *string `json:"since"`
}

func newPausesJSON(kind string, pauses []engine.Pause) pausesJSON {
	out := pausesJSON{FormatVersion: formatVersion, Type: kind, Paused: []pauseJSON{}}
	for _, p := range pauses {
		out.Paused = append(out.Paused, *newPauseJSON(&p))
	}
	return out
}

func newPauseJSON(p *engine.Pause) *pauseJSON {
	if p == nil {
		return nil
	}
	return &pauseJSON{p.Job, p.Reason, p.By, timeJSON(p.Since)}
}

// pausedBy words a pause, behind the word paused.
func pausedBy(p engine.Pause) string {
	return fmt.Sprintf("by %s since %s: %s", p.By, localTime(p.Since), p.Reason)
}

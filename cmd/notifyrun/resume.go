package main

import (
	"context"
	"fmt"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
)

var resumeCommand = &command{
	name: "resume", args: "ADDRESS [PATH]",
	short: "let a paused job go on",
	long: `Ends the pause of the job at ADDRESS, or of all instances of the block there.
Its triggers fire again, and its open runs go on with notifyrun serve or the
next notifyrun apply. Due times and events of the pause are not made up for, but
what a change trigger has held back is: the next notifyrun apply sends it. To
resume a job that is not paused changes nothing.`,
	run: (*app).resume,
}

func (a *app) resume(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	address, path, err := a.parseOne(args, "the address of a job, as in: notifyrun resume sip_notify.reboot; notifyrun pause lists what is paused")
	if err != nil {
		return err
	}
	place, jobs, pauses, err := a.jobsAt(ctx, address, path, v)
	if err != nil {
		return err
	}
	var ended []engine.Pause
	var not []string
	for _, job := range jobs {
		if p, ok := pauses[job]; ok {
			ended = append(ended, p)
		} else {
			not = append(not, job)
		}
	}
	if err := unpause(ctx, place, ended); err != nil {
		return err
	}
	if a.json {
		out := newPausesJSON("resume", ended)
		out.NotPaused = not
		return writeJSON(a.stdout, out)
	}
	for _, p := range ended {
		fmt.Fprintf(a.stdout, "%s goes on; it was paused %s\n", printable(p.Job), printable(pausedBy(p)))
	}
	for _, job := range not {
		fmt.Fprintf(a.stdout, "%s is not paused.\n", printable(job))
	}
	return nil
}

// unpause ends pauses. Without any it opens nothing, which would make a state.
func unpause(ctx context.Context, place string, pauses []engine.Pause) error {
	if len(pauses) == 0 {
		return nil
	}
	led, err := ledger.Open(ctx, place, ledger.Beside)
	if err != nil {
		return err
	}
	defer led.Close()
	for _, p := range pauses {
		if _, err := led.Unpause(ctx, p.Job); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notifyrun/notifyrun/engine/ledger"
)

var stateCheckCommand = &command{
	name: "state check", args: "[PATH]",
	short: "read the whole state, and tell whether it is whole",
	long: `Reads all of the state and tells whether the file is whole, and whether what is
in it fits together. Others may write meanwhile. The exit code is 1 if anything
is wrong; then stop whoever writes, keep the file, and bring back a copy. A copy
is checked with -state FILE.`,
	run: (*app).stateCheck,
}

// stateCheckJSON is state check -json.
type stateCheckJSON struct {
	FormatVersion string `json:"format_version"`
	Type          string `json:"type"` // "state check"
	State         string `json:"state"`
	OK            bool   `json:"ok"`
	Error         string `json:"error,omitempty"`
	Bytes         int64  `json:"bytes"`
	Free          int64  `json:"free"`
}

func (a *app) stateCheck(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	full := a.flags.Bool("full", false, "compare indexes with their tables too, which takes some times as long")
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	place, _, err := a.stateAt(ctx, path, v)
	if err != nil {
		return err
	}
	if !exists(place) {
		return fmt.Errorf("state check: there is no state at %s yet", place)
	}
	began := time.Now()
	size, err := a.readThrough(ctx, place, *full)
	if errors.Is(err, context.Canceled) {
		return err
	}
	out := stateCheckJSON{formatVersion, "state check", place, err == nil, "", size.Bytes, size.Free}
	switch {
	case a.json && err != nil:
		out.Error = printable(err.Error())
		return errors.Join(writeJSON(a.stdout, out), exitCode(exitError))
	case a.json:
		return writeJSON(a.stdout, out)
	case err != nil:
		return err
	}
	fmt.Fprintf(a.stdout, "%s %s is whole: %s, of which %s are free, read in %s.\n", a.style(a.stdout).green("Success!"),
		printable(place), byteText(size.Bytes), byteText(size.Free), time.Since(began).Round(time.Millisecond))
	return nil
}

// readThrough looks for contradictions in a state, and tells how large it is.
func (a *app) readThrough(ctx context.Context, place string, full bool) (ledger.Size, error) {
	led, err := a.reader(ctx, place)
	if err != nil {
		return ledger.Size{}, err
	}
	defer led.Close()
	if err := led.Check(ctx, full); err != nil {
		return ledger.Size{}, err
	}
	return led.Size(ctx)
}

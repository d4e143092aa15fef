package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

var stateBackupCommand = &command{
	name: "state backup", args: "FILE [PATH]",
	short: "copy the state into a new file, while it is in use",
	long: `Writes the state as it is at one moment into a new file, packed, which opens
like any other state: to bring it back, stop notifyrun serve and put it in the
place of the state. Others may write meanwhile. A file that exists is never
overwritten, and a copy that fails leaves none.`,
	run: (*app).stateBackup,
}

// stateBackupJSON is state backup -json.
type stateBackupJSON struct {
	FormatVersion string `json:"format_version"`
	Type          string `json:"type"` // "state backup"
	State         string `json:"state"`
	File          string `json:"file"`
	Bytes         int64  `json:"bytes"`
}

func (a *app) stateBackup(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	file, path, err := a.parseOne(args, "a file to write to, as in: notifyrun state backup /var/backups/notifyrun.db")
	if err != nil {
		return err
	}
	led, place, err := a.stateOf(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
	began := time.Now()
	if err := led.Backup(ctx, file); err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("look at the copy: %w", err)
	}
	if a.json {
		return writeJSON(a.stdout, stateBackupJSON{formatVersion, "state backup", place, file, info.Size()})
	}
	fmt.Fprintf(a.stdout, "%s is a copy of %s: %s, in %s.\n", printable(file), printable(place), byteText(info.Size()), time.Since(began).Round(time.Millisecond))
	return nil
}

// byteText writes a size for people.
func byteText(n int64) string {
	const kib = 1 << 10
	switch f := float64(n); {
	case n >= kib*kib*kib:
		return fmt.Sprintf("%.1f GiB", f/(kib*kib*kib))
	case n >= kib*kib:
		return fmt.Sprintf("%.1f MiB", f/(kib*kib))
	}
	return fmt.Sprintf("%d KiB", (n+kib-1)/kib)
}

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

//go:embed starter.hcl
var starter []byte

var initCommand = &command{
	name: "init", args: "[PATH]",
	short: "write a commented configuration to start from",
	long: `Writes main.hcl into the directory PATH, which it makes if there is none: a
commented configuration that can be applied as it is, against a simulated PBX in
the program itself. It never overwrites anything.`,
	run: (*app).init,
}

// initJSON is init -json.
type initJSON struct {
	FormatVersion string `json:"format_version"`
	Type          string `json:"type"` // "init"
	File          string `json:"file"` // that was written
}

func (a *app) init(_ context.Context, args []string) error {
	a.flagSet()
	dir, err := a.parsePath(args)
	if err != nil {
		return err
	}
	if filepath.Ext(dir) == ".hcl" {
		return fmt.Errorf("init %s: give a directory; the file in it is called main.hcl", dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("init %s: %w", dir, withoutPath(err))
	}
	files, err := hclFilesIn(dir, false)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(files, func(name string) bool { return !isVariables(name) }); i >= 0 {
		return fmt.Errorf("init %s: there is a configuration already (%s); nothing was written", dir, filepath.Base(files[i]))
	}
	file := filepath.Join(dir, "main.hcl")
	if err := writeNew(file, starter); err != nil {
		return fmt.Errorf("init %s: %w", dir, withoutPath(err))
	}
	if a.json {
		return writeJSON(a.stdout, initJSON{formatVersion, "init", file})
	}
	path := ""
	if dir != "." {
		path = " " + shellQuote(dir)
	}
	fmt.Fprintf(a.stdout, `%s %s is written.
It speaks to a simulated PBX, so try it out:

  notifyrun plan%[3]s     # shows what would be sent, to whom, and when
  notifyrun apply%[3]s    # asks, sends, and records every answer
  notifyrun history%[3]s  # what became of each notify

Then put your own PBX and phones into the file. Whether they can be reached, and
what their manager.conf lacks, is told by:

  notifyrun check%[3]s
`, a.style(a.stdout).green("Done:"), file, path)
	return nil
}

// writeNew writes a file that must not be there yet.
func writeNew(file string, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("main.hcl is there already; nothing was written")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(file) // half a file would be in the way of the next init
	}
	return err
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

var helpCommand = &command{
	name: "help", args: "[COMMAND]",
	short: "explain notifyrun, or one of its commands",
	long:  `Lists the commands, or explains one of them with all its flags.`,
	run:   (*app).help,
}

func (a *app) help(ctx context.Context, args []string) error {
	a.flagSet()
	rest, err := a.parse(args)
	switch {
	case err != nil:
		return err
	case len(rest) > 1 && commandOf(strings.Join(rest, " ")) == nil:
		return errors.New("help explains one command at a time")
	case a.json:
		return a.helpJSON(ctx, rest)
	case len(rest) == 0:
		a.usage(a.stdout)
		return nil
	}
	return a.dispatch(ctx, append(rest, "-help"))
}

// usage lists the commands.
func (a *app) usage(w io.Writer) {
	s := a.style(w)
	fmt.Fprintf(w, "%s notifyrun COMMAND [flags] [PATH]\n\n", s.bold("Usage:"))
	fmt.Fprint(w, `notifyrun tells the phones of Asterisk PBXs things, as HCL files declare it: it
plans and sends SIP NOTIFYs and user events, and records what became of each.
PATH is a directory of *.hcl files or one such file; the default is ".".

`)
	fmt.Fprintln(w, s.bold("Commands:"))
	for _, c := range commands {
		fmt.Fprintf(w, "  %-14s %s\n", c.name, c.short)
	}
	fmt.Fprintf(w, "\n%s\n", s.bold("Exit codes:"))
	for _, e := range exitCodes {
		fmt.Fprintf(w, "  %3d  %s\n", e.code, e.short)
	}
	fmt.Fprintf(w, "\n%s\n", s.bold("Environment:"))
	for _, e := range environment {
		fmt.Fprintf(w, "  %-20s %s\n", e.name, e.short)
	}
	fmt.Fprint(w, `
notifyrun help COMMAND explains a command. To begin: notifyrun init
All commands, flags and JSON forms are described in docs/cli.md.
`)
}

// exitCodes are all there are, as help and docs/cli.md list them.
var exitCodes = []struct {
	code  int
	short string
}{
	{exitOK, "done, or nothing to do"},
	{exitError, "bad input or a failure; nothing was sent unless the output says so"},
	{exitChanges, "plan -detailed-exitcode: there is something to do"},
	{exitIncomplete, "apply, fire: done, but not every delivery was accepted, or some are held"},
	{exitInterrupted, "stopped by a signal; the output says how what is left goes on"},
}

var environment = []struct{ name, short string }{
	{"NOTIFYRUN_VAR_name", "the value of the variable called name"},
	{"NO_COLOR", "set to anything: no colours"},
}

// commandUsage explains the command whose flags have been declared.
func (a *app) commandUsage(w io.Writer) {
	s := a.style(w)
	line := "notifyrun " + a.cmd.name + " [flags]"
	if a.cmd.args != "" {
		line += " " + a.cmd.args
	}
	fmt.Fprintf(w, "%s %s\n\n%s\n\n%s\n", s.bold("Usage:"), line, strings.TrimSpace(a.cmd.long), s.bold("Flags, with one dash or two:"))
	flags := describeFlags(a.flags)
	width := 0
	for _, f := range flags {
		width = max(width, len(f.form()))
	}
	for _, f := range flags {
		text := f.Usage
		if f.Default != "" {
			text += " (default " + f.Default + ")"
		}
		for i, part := range wrap(text, 80-width-4) {
			form := ""
			if i == 0 {
				form = f.form()
			}
			fmt.Fprintf(w, "  %-*s  %s\n", width, form, part)
		}
	}
}

// flagJSON is one flag in help -json.
type flagJSON struct {
	Name    string `json:"name"`
	Value   string `json:"value,omitempty"` // what it takes; empty for a switch
	Default string `json:"default,omitempty"`
	Usage   string `json:"usage"`
}

func (f flagJSON) form() string {
	if f.Value == "" {
		return "-" + f.Name
	}
	return "-" + f.Name + " " + f.Value
}

func describeFlags(set *flag.FlagSet) []flagJSON {
	var flags []flagJSON
	set.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		j := flagJSON{Name: f.Name, Value: value, Usage: usage}
		if value != "" && f.DefValue != "0" {
			j.Default = f.DefValue
		}
		flags = append(flags, j)
	})
	return flags
}

// commandJSON is one command in help -json.
type commandJSON struct {
	Name  string     `json:"name"`
	Args  string     `json:"args,omitempty"`
	Short string     `json:"short"`
	Flags []flagJSON `json:"flags"`
}

// helpJSON is what docs/cli.md is held against.
func (a *app) helpJSON(ctx context.Context, only []string) error {
	type exitJSON struct {
		Code  int    `json:"code"`
		Short string `json:"short"`
	}
	out := struct {
		FormatVersion string        `json:"format_version"`
		Type          string        `json:"type"` // "help"
		Commands      []commandJSON `json:"commands"`
		ExitCodes     []exitJSON    `json:"exit_codes"`
	}{formatVersion, "help", []commandJSON{}, nil}
	name := strings.Join(only, " ")
	if len(only) > 0 && commandOf(name) == nil && len(subcommands(name)) == 0 {
		return a.dispatch(ctx, only) // which says so
	}
	for _, c := range commands {
		if len(only) == 0 || name == c.name || strings.HasPrefix(c.name, name+" ") {
			out.Commands = append(out.Commands, c.describe(ctx, a))
		}
	}
	for _, e := range exitCodes {
		out.ExitCodes = append(out.ExitCodes, exitJSON{e.code, e.short})
	}
	return writeJSON(a.stdout, out)
}

// describe has the command declare its flags by asking it for help.
func (c *command) describe(ctx context.Context, a *app) commandJSON {
	mute := *a
	mute.cmd, mute.stdout, mute.stderr = c, io.Discard, io.Discard
	_ = c.run(&mute, ctx, []string{"-help"}) // flag.ErrHelp
	return commandJSON{c.name, c.args, c.short, describeFlags(mute.flags)}
}

// noArguments refuses what stands behind the flags of a command that takes
// nothing else.
func (a *app) noArguments(rest []string, err error) error {
	if err == nil && len(rest) > 0 {
		return fmt.Errorf("%s takes no arguments: %s", a.cmd.name, strings.Join(rest, " "))
	}
	return err
}

// wrap breaks a text into lines of at most width bytes, where it can.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

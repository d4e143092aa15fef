package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"

	"github.com/notifyrun/notifyrun/schema"
)

// Exit codes; docs/cli.md has the same table, and a test compares the two.
const (
	exitOK          = 0   // done, or nothing to do
	exitError       = 1   // bad input or a failure: nothing was sent unless the output says so
	exitChanges     = 2   // plan -detailed-exitcode: there is something to do
	exitIncomplete  = 3   // apply, fire: done, but not every delivery was accepted, or some are held
	exitInterrupted = 130 // stopped by a signal; what was left is resumable
)

// command is one subcommand.
type command struct {
	name  string
	args  string // after the flags, for the usage line
	short string // one line for the list of commands
	long  string // what it does, for its own help
	run   func(*app, context.Context, []string) error
}

// app is what a command works with. Everything that reaches a person goes
// through its writers, so tests see all of it.
type app struct {
	lookupEnv func(string) (string, bool)
	environ   []string
	stdin     io.Reader
	stdout    io.Writer
	stderr    io.Writer

	cmd   *command
	flags *flag.FlagSet
	json  bool
	full  bool // of -full
	log   *slog.Logger
	logs  *logSettings // of -log-level and -log-format; nil where the command has neither
}

// exitCode is an error that has been reported already, or needs no words.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// run is the whole program but for signals and os.Exit.
func run(ctx context.Context, args []string, lookupEnv func(string) (string, bool), environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{lookupEnv: lookupEnv, environ: environ, stdin: stdin, stdout: stdout, stderr: stderr}
	a.log = slog.New(slog.DiscardHandler)
	err := a.dispatch(ctx, args)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "Interrupted before anything was sent.")
		return exitInterrupted
	}
	return a.exit(err)
}

func (a *app) dispatch(ctx context.Context, args []string) error {
	if len(args) == 0 {
		a.usage(a.stderr)
		return exitCode(exitError)
	}
	name := args[0]
	switch name {
	case completeWord:
		return a.complete(ctx, args[1:])
	case "-h", "-help", "--help":
		name = "help"
	case "-v", "-version", "--version":
		name = "version"
	}
	if len(args) > 1 && commandOf(name+" "+args[1]) != nil { // a subcommand
		name, args = name+" "+args[1], args[1:]
	}
	c := commandOf(name)
	if c == nil && len(subcommands(name)) > 0 {
		return a.group(name, args[1:])
	}
	if c == nil {
		if instead := insteadOfCommand[name]; instead != "" {
			return fmt.Errorf("notifyrun has no command %q: %s", name, instead)
		}
		if guess := similar(name, commandNames()); guess != "" {
			return fmt.Errorf("notifyrun has no command %q. Did you mean %q?", name, guess)
		}
		return fmt.Errorf("notifyrun has no command %q; notifyrun help lists them", name)
	}
	a.cmd = c
	a.json = slices.ContainsFunc(args, func(s string) bool { return strings.TrimLeft(s, "-") == "json" && s != "json" }) // before a mistake in a flag
	return a.cmd.run(a, ctx, args[1:])
}

// commandOf finds a command by its name, which of a subcommand has two words.
func commandOf(name string) *command {
	if i := slices.IndexFunc(commands, func(c *command) bool { return c.name == name }); i >= 0 {
		return commands[i]
	}
	return nil
}

// subcommands are the second words of the commands of a group.
func subcommands(group string) []string {
	var names []string
	for _, c := range commands {
		if sub, ok := strings.CutPrefix(c.name, group+" "); ok {
			names = append(names, sub)
		}
	}
	return names
}

// group answers to a word that is a command only with a second one.
func (a *app) group(name string, args []string) error {
	subs := subcommands(name)
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		w, err := a.stderr, error(exitCode(exitError))
		if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
			w, err = a.stdout, nil
		}
		fmt.Fprintf(w, "%s notifyrun %s COMMAND [flags]\n\n%s\n", a.style(w).bold("Usage:"), name, a.style(w).bold("Commands:"))
		for _, sub := range subs {
			fmt.Fprintf(w, "  %-9s %s\n", sub, commandOf(name+" "+sub).short)
		}
		return err
	}
	if instead := insteadOfCommand[name+" "+args[0]]; instead != "" {
		return fmt.Errorf("notifyrun %s has no command %q: %s", name, args[0], instead)
	}
	if guess := similar(args[0], subs); guess != "" {
		return fmt.Errorf("notifyrun %s has no command %q. Did you mean %q?", name, args[0], guess)
	}
	return fmt.Errorf("notifyrun %s has no command %q; it has %s", name, args[0], strings.Join(subs, ", "))
}

// exit words an error and turns it into an exit code.
func (a *app) exit(err error) int {
	var code exitCode
	var diags diagnosticsError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &diags):
		a.showDiagnostics(diags.files, diags.diags)
		return exitError
	case a.json:
		var diags hcl.Diagnostics
		for _, e := range each(err) {
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: printable(e.Error())})
		}
		a.showDiagnostics(nil, diags)
		return exitError
	}
	for _, e := range each(err) {
		fmt.Fprintf(a.stderr, "%s %s\n", a.style(a.stderr).red("Error:"), printable(e.Error()))
	}
	return exitError
}

// each takes joined errors apart.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// diagnosticsError carries the mistakes of a configuration up to exit. It is
// not hcl.Diagnostics itself, of which a nil list is not a nil error.
type diagnosticsError struct {
	files map[string]*hcl.File
	diags hcl.Diagnostics
}

func (e diagnosticsError) Error() string { return e.diags.Error() }

// showDiagnostics writes diagnostics for people to stderr, or as JSON to
// stdout.
func (a *app) showDiagnostics(files map[string]*hcl.File, diags hcl.Diagnostics) {
	if len(diags) == 0 {
		return
	}
	if a.json {
		writeJSON(a.stdout, newDiagnosticsJSON(files, diags))
		return
	}
	schema.WriteDiagnostics(a.stderr, files, diags, a.width(a.stderr), a.style(a.stderr).on)
}

// width is how many columns w has; 80 where it is no terminal.
func (a *app) width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// columns is how many columns of w lines are to be clipped to; 0 where it is no
// terminal: a file or another program gets all of every line.
func (a *app) columns(w io.Writer) int {
	if !terminal(w) {
		return 0
	}
	return a.width(w)
}

// terminal tells whether a person sits behind v.
func terminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// style gives the colours for w: none off a terminal, with NO_COLOR set to
// anything, or on a dumb terminal.
func (a *app) style(w io.Writer) style {
	noColor, _ := a.lookupEnv("NO_COLOR")
	termName, _ := a.lookupEnv("TERM")
	return style{on: terminal(w) && noColor == "" && termName != "dumb"}
}

// similar finds the candidate that was probably meant, or "".
func similar(given string, candidates []string) string {
	best, distance := "", 4
	for _, c := range candidates {
		if d := levenshtein.Distance(given, c, nil); d < distance && d <= max(1, len(c)/2) {
			best, distance = c, d
		}
	}
	return best
}

func commandNames() []string {
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.name
	}
	return names
}

// indent puts prefix before each line of s.
func indent(s, prefix string) string {
	return prefix + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n"+prefix)
}

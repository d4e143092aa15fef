package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// flagSet starts the flags of a command. Go's flag package takes one dash or
// two, as Terraform does.
func (a *app) flagSet() *flag.FlagSet {
	a.flags = flag.NewFlagSet(a.cmd.name, flag.ContinueOnError)
	a.flags.SetOutput(io.Discard)
	a.flags.BoolVar(&a.json, "json", false, "print JSON for machines")
	return a.flags
}

// parse parses args, flags before, between or behind the other arguments, and
// returns the latter. A lone -- ends the flags.
func (a *app) parse(args []string) ([]string, error) {
	var rest, behind []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, behind = args[:i], args[i+1:]
	}
	for {
		err := a.flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			a.commandUsage(a.stdout)
			return nil, err
		}
		if err != nil {
			return nil, a.flagError(err)
		}
		if args = a.flags.Args(); len(args) == 0 {
			return append(rest, behind...), a.startLog()
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// flagRefused is what the flag package says of a value that a flag does not take,
// with what Go's own functions say of it at the end.
var flagRefused = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-(\S+): (?:parse error|strconv\..*)$`)

// flagValueError words that for who knows no Go.
func (a *app) flagValueError(said string) string {
	m := flagRefused.FindStringSubmatch(said)
	if m == nil {
		return said
	}
	takes := "true or false"
	if v, ok := a.flags.Lookup(m[2]).Value.(flag.Getter); ok {
		switch v.Get().(type) {
		case int:
			takes = "a whole number"
		case time.Duration:
			takes = "a duration, such as 30s or 5m"
		}
	}
	return fmt.Sprintf("-%s is %s, not %s", m[2], takes, m[1])
}

// flagError adds what the flag package leaves out: a guess at what was meant.
func (a *app) flagError(err error) error {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return fmt.Errorf("%s: %s", a.cmd.name, a.flagValueError(err.Error()))
	}
	if instead := insteadOfFlag[name]; instead != "" {
		return fmt.Errorf("%s: there is no flag -%s: %s", a.cmd.name, name, instead)
	}
	var names []string
	a.flags.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if guess := similar(name, names); guess != "" {
		return fmt.Errorf("%s: there is no flag -%s. Did you mean -%s?", a.cmd.name, name, guess)
	}
	return fmt.Errorf("%s: there is no flag -%s; notifyrun %s -help lists them", a.cmd.name, name, a.cmd.name)
}

// parsePath is parse for the commands that take a path and nothing else.
func (a *app) parsePath(args []string) (string, error) {
	rest, err := a.parse(args)
	if err != nil {
		return "", err
	}
	return a.path(rest)
}

// parseOne is parse for the commands that take one thing and a path. The error
// for want of it says what the command needs.
func (a *app) parseOne(args []string, needs string) (one, path string, err error) {
	rest, err := a.parse(args)
	if err != nil {
		return "", "", err
	}
	if len(rest) == 0 {
		return "", "", fmt.Errorf("%s needs %s", a.cmd.name, needs)
	}
	path, err = a.path(rest[1:])
	return rest[0], path, err
}

// path takes the PATH argument off the end of args, "." if there is none.
func (a *app) path(args []string) (string, error) {
	switch len(args) {
	case 0:
		return ".", nil
	case 1:
		return args[0], nil
	}
	return "", fmt.Errorf("%s takes one path, not %d: %s", a.cmd.name, len(args), strings.Join(args, " "))
}

// values are the flags that give values to variables.
type values struct {
	assignments []schema.Assignment
	state       string
	stale       bool // data sources are not to be read
}

// schemaValues are what a configuration is evaluated with, of this command.
func (a *app) schemaValues(v values) schema.Values {
	return schema.Values{Environ: a.environ, Assignments: v.assignments, Version: version}
}

func (a *app) valueFlags(v *values) {
	a.flags.Func("var", "set a variable: `name=value`; may be repeated", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("write it as name=value")
		}
		v.assignments = append(v.assignments, schema.Assignment{Name: name, Value: value})
		return nil
	})
	a.flags.Func("var-file", "read variables from a `file`; may be repeated", func(s string) error {
		v.assignments = append(v.assignments, schema.Assignment{File: s})
		return nil
	})
	a.flags.StringVar(&v.state, "state", "", "the state `file`; default: beside the configuration")
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// logFlags adds -log-level and -log-format; parse starts the log that they ask
// for.
func (a *app) logFlags(level string) {
	a.logs = &logSettings{}
	a.flags.StringVar(&a.logs.level, "log-level", level, "log from this `level` on: debug, info (every delivery), warn or error")
	a.flags.StringVar(&a.logs.format, "log-format", "text", "log in this `format`: text or json")
}

type logSettings struct{ level, format string }

func (a *app) startLog() error {
	if a.logs == nil {
		return nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logs.level)); err != nil {
		return fmt.Errorf("%s: -log-level %q is none of debug, info, warn, error", a.cmd.name, a.logs.level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch a.logs.format {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.stderr, opts))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.stderr, opts))
	default:
		return fmt.Errorf("%s: -log-format %q is neither text nor json", a.cmd.name, a.logs.format)
	}
	return nil
}

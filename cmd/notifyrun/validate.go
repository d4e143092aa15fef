package main

import (
	"context"
	"fmt"
)

var validateCommand = &command{
	name: "validate", args: "[PATH]",
	short: "check the configuration and report all mistakes",
	long: `Reads the configuration and reports everything that is wrong with it, each with
the place in the files: mistakes of the language, and all that Asterisk would
refuse, cut short or silently change. It reaches no PBX and needs no state.`,
	run: (*app).validate,
}

func (a *app) validate(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	l, err := a.load(ctx, path, v)
	if err != nil {
		return err
	}
	diags, err := l.check(ctx)
	switch {
	case err != nil:
		return err
	case diags.HasErrors():
		return a.mistakes(l.source, diags)
	case a.json:
		return writeJSON(a.stdout, newDiagnosticsJSON(l.source.Files(), diags))
	}
	a.warn(l.source, diags)
	but := ""
	if len(diags) > 0 {
		but = ", with the warnings above"
	}
	fmt.Fprintf(a.stdout, "%s The configuration is valid%s.\n", a.style(a.stdout).green("Success!"), but)
	return nil
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/schema"
)

var consoleCommand = &command{
	name: "console", args: "[PATH]",
	short: "evaluate expressions of the configuration language",
	long: `Reads expressions from standard input, one a line, evaluates each in the
configuration, and prints the value. An expression may go over several lines
while a bracket or a here document is open. The word exit, or the end of the
input, ends it. If the input is no terminal, the exit code is 1 when an
expression could not be evaluated. Sensitive values are not shown.

On a terminal the tab key completes names, and lists them when pressed again;
the arrow keys edit the line and bring back earlier ones, which are not kept on
disk; Ctrl-C clears the line, or the expression of several lines; Ctrl-D ends
it.`,
	run: (*app).console,
}

func (a *app) console(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	a.refreshFlag(&v)
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	l, err := a.loadRead(ctx, path, v, false)
	if err != nil {
		return err
	}
	a.warn(l.source, l.diags)
	interactive := terminal(a.stdin)
	scope := l.config.Scope()
	next := a.consoleLines(ctx, scope)
	failed := false
	for {
		expr, err := next("> ", "")
		for err == nil && isOpen(expr) {
			var more string
			more, err = next("… ", expr+"\n")
			expr += "\n" + more
		}
		if errors.Is(err, errInterrupted) {
			continue
		}
		word := strings.TrimSpace(expr)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		if word == "exit" {
			ended, word = true, ""
		}
		if strings.Contains(word, "\n") {
			word += "\n" // without which a here document does not end
		}
		if word != "" {
			has, err := a.evaluate(ctx, l, scope, word)
			if err != nil {
				return exitCode(exitInterrupted)
			}
			failed = failed || !has
		}
		if ended {
			if interactive {
				fmt.Fprintln(a.stdout)
			}
			break
		}
	}
	if failed && !interactive {
		return exitCode(exitError)
	}
	return nil
}

// consoleLines gives a function that returns the next line behind a prompt, of an
// expression of which some lines may be there already. On a terminal it can be
// edited.
func (a *app) consoleLines(ctx context.Context, scope *schema.Scope) func(prompt, open string) (string, error) {
	interactive := terminal(a.stdin)
	if f, ok := a.stdin.(*os.File); ok && interactive && terminal(a.stdout) && a.editable() {
		editor := a.newLineEditor(f, scope)
		return func(prompt, open string) (string, error) { return editor.line(ctx, prompt, open) }
	}
	lines := a.readLines(ctx)
	return func(prompt, _ string) (string, error) {
		if interactive {
			fmt.Fprint(a.stdout, prompt)
		}
		return lines()
	}
}

// editable tells whether the terminal understands what an editor of lines writes.
func (a *app) editable() bool {
	name, _ := a.lookupEnv("TERM")
	return name != "dumb" && name != ""
}

// readLines gives a function that returns the next line of the input, with the
// last one io.EOF, or exitInterrupted as soon as ctx ends.
func (a *app) readLines(ctx context.Context) func() (string, error) {
	type line struct {
		text string
		err  error
	}
	lines := make(chan line)
	go func() {
		r := bufio.NewReader(a.stdin)
		for {
			text, err := r.ReadString('\n')
			select {
			case lines <- line{strings.TrimRight(text, "\r\n"), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return func() (string, error) {
		select {
		case l := <-lines:
			return l.text, l.err
		case <-ctx.Done():
			return "", exitCode(exitInterrupted)
		}
	}
}

// isOpen tells whether more lines belong to an expression: a bracket, a
// template or a here document has not been closed.
func isOpen(expr string) bool {
	tokens, _ := hclsyntax.LexExpression([]byte(expr+"\n"), "", hcl.InitialPos)
	open := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCHeredoc,
			hclsyntax.TokenTemplateSeqEnd:
			open--
		}
	}
	return open > 0
}

// valueJSON is one line of console -json.
type valueJSON struct {
	Value any `json:"value"`
}

// evaluate prints the value of an expression, or why it has none. The error is that
// it was interrupted.
func (a *app) evaluate(ctx context.Context, l *loaded, scope *schema.Scope, expr string) (bool, error) {
	var v cty.Value
	var diags hcl.Diagnostics
	if err := unlessInterrupted(ctx, func() { v, diags = scope.Eval(expr) }); err != nil {
		return false, err
	}
	if len(diags) > 0 {
		files := l.source.Files()
		for name, f := range scope.Files() {
			files[name] = f
		}
		if a.json {
			writeJSON(a.stdout, newDiagnosticsJSON(files, diags))
		} else {
			a.showDiagnostics(files, diags)
		}
	}
	switch {
	case diags.HasErrors():
		return false, nil
	case a.json:
		writeJSON(a.stdout, valueJSON{plain(v)})
	default:
		fmt.Fprintln(a.stdout, printableLines(schema.FormatValue(v)))
	}
	return true, nil
}

// plain makes of a value what encoding/json writes as that value. What is
// sensitive or unknown becomes the text that stands for it elsewhere.
func plain(v cty.Value) any {
	ty := v.Type()
	switch {
	case v.IsMarked():
		return schema.Redacted
	case !v.IsKnown():
		return schema.KnownLater
	case v.IsNull():
		return nil
	case ty == cty.String:
		return v.AsString()
	case ty == cty.Bool:
		return v.True()
	case ty == cty.Number:
		return number(v)
	case ty.IsObjectType() || ty.IsMapType():
		m := map[string]any{}
		for key, e := range v.AsValueMap() {
			m[key] = plain(e)
		}
		return m
	case v.CanIterateElements():
		list := []any{}
		for _, e := range v.AsValueSlice() {
			list = append(list, plain(e))
		}
		return list
	}
	return schema.FormatValue(v)
}

// number writes a number in full, as JSON allows.
func number(v cty.Value) json.Number {
	return json.Number(v.AsBigFloat().Text('f', -1))
}

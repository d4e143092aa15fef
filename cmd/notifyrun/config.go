package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/engine/ledger"
	"github.com/notifyrun/notifyrun/schema"
)

// loaded is a configuration with the source that its diagnostics quote.
type loaded struct {
	source *schema.Source
	config *schema.Config
	diags  hcl.Diagnostics         // warnings
	read   map[string]*schema.Data // what was read for data sources, by address
	stale  bool                    // earlier, and not by this command
	unread []unread                // of these, what could not be read now, see notRead
	state  string                  // path of the state
	args   string                  // flags and path that load the same again, to be typed behind a command
}

// load evaluates the configuration at path.
func (a *app) load(ctx context.Context, path string, v values) (*loaded, error) {
	src, diags := schema.Open(path)
	if diags.HasErrors() {
		return nil, a.mistakes(src, diags)
	}
	l, err := a.loadWith(ctx, src, diags, v, nil, time.Now())
	if err != nil {
		return nil, err
	}
	l.args = arguments(path, v, l.config.Snapshot.Sensitive)
	return l, nil
}

// arguments are the flags and the path that a command was given, as an operator
// types them; values of sensitive variables are left out.
func arguments(path string, v values, sensitive []string) string {
	var b strings.Builder
	for _, s := range v.assignments {
		switch {
		case s.File != "":
			b.WriteString(" -var-file " + shellQuote(s.File))
		case slices.Contains(sensitive, s.Name):
			b.WriteString(" -var " + shellQuote(s.Name) + "=…")
		default:
			b.WriteString(" -var " + shellQuote(s.Name+"="+s.Value))
		}
	}
	if v.state != "" {
		b.WriteString(" -state " + shellQuote(v.state))
	}
	if v.stale {
		b.WriteString(" -refresh=false")
	}
	if path != "." {
		b.WriteString(" " + shellQuote(path))
	}
	return b.String()
}

// shellQuote quotes a word that a shell would take apart.
func shellQuote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+=,", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// loadWith evaluates a configuration with what was read for its data sources; what
// depends on others is not known.
func (a *app) loadWith(ctx context.Context, src *schema.Source, diags hcl.Diagnostics, v values, read map[string]*schema.Data, now time.Time) (*loaded, error) {
	with := a.schemaValues(v)
	with.Data, with.Now = read, now
	var cfg *schema.Config
	if err := unlessInterrupted(ctx, func() {
		var more hcl.Diagnostics
		cfg, more = schema.Load(src, with)
		diags = append(diags[:len(diags):len(diags)], more...)
		if diags.HasErrors() && cfg != nil { // the jobs that are fine so far: one run shows all mistakes
			diags = append(diags, engine.Check(cfg)...)
		}
	}); err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, a.mistakes(src, diags)
	}
	l := &loaded{source: src, config: cfg, diags: diags, read: read, stale: v.stale, state: v.state}
	if l.state == "" {
		l.state = src.StatePath(cfg)
	}
	return l, nil
}

// mistakes makes an error of diagnostics, with what is needed to quote them.
func (a *app) mistakes(src *schema.Source, diags hcl.Diagnostics) error {
	var files map[string]*hcl.File
	if src != nil {
		files = src.Files()
	}
	return diagnosticsError{files, diags}
}

// check adds the mistakes that only the AMI layer can see.
func (l *loaded) check(ctx context.Context) (hcl.Diagnostics, error) {
	var found hcl.Diagnostics
	if err := unlessInterrupted(ctx, func() { found = engine.Check(l.config) }); err != nil {
		return nil, err
	}
	return append(l.diags, found...), nil
}

// warn shows warnings; as JSON they are part of a command's own output.
func (a *app) warn(src *schema.Source, diags hcl.Diagnostics) {
	if !a.json && len(diags) > 0 { // to find the secrets in large files takes a while
		a.showDiagnostics(src.Files(), diags)
	}
}

// reader opens the state for reading; one that does not exist yet is empty.
func (a *app) reader(ctx context.Context, path string) (*ledger.SQLite, error) {
	return ledger.Open(ctx, path, ledger.ReadOnly)
}

// stateOf opens the state of the configuration at path for the commands that
// only look at it, and tells where it lies.
func (a *app) stateOf(ctx context.Context, path string, v values) (led *ledger.SQLite, place string, err error) {
	place, _, err = a.stateAt(ctx, path, v)
	if err != nil {
		return nil, "", err
	}
	led, err = a.reader(ctx, place)
	return led, place, err
}

// appliedSnapshot reads a configuration that the state has kept.
func appliedSnapshot(a *engine.Applied, serial uint64) (*schema.Snapshot, error) {
	var snap schema.Snapshot
	if err := json.Unmarshal(a.Snapshots[serial], &snap); err != nil {
		return nil, fmt.Errorf("read applied configuration %d: %w", serial, err)
	}
	return &snap, nil
}

// stateAt finds the state of the configuration at path for the commands that go
// by the record. They must work while the configuration is being edited, or
// without the values of its variables: where it cannot be evaluated they take
// the state at its usual place, and say so. The configuration is nil then, and
// where the state was named.
func (a *app) stateAt(ctx context.Context, path string, v values) (string, *schema.Config, error) {
	if v.state != "" {
		return v.state, nil, nil
	}
	l, err := a.load(ctx, path, v)
	switch {
	case err == nil:
		return l.state, l.config, nil
	case ctx.Err() != nil:
		return "", nil, ctx.Err()
	}
	src, diags := schema.Open(path)
	if diags.HasErrors() {
		return "", nil, err
	}
	usual := src.StatePath(nil)
	if _, missing := os.Stat(usual); missing != nil {
		return "", nil, err
	}
	a.screen(a.stderr).note(fmt.Sprintf("the configuration cannot be evaluated (see notifyrun validate); this is the state in %s.", usual))
	return usual, nil, nil
}

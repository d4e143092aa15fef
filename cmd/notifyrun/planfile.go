package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// planFile is what plan -out saves: not the plan itself but all that it is made
// from, so that apply makes the same plan again and can tell when it would do
// anything else. Sensitive values are not in it; apply takes them from the
// same places as ever.
type planFile struct {
	Format   string           `json:"format"` // planFormat
	Version  int              `json:"format_version"`
	Program  string           `json:"notifyrun_version"`
	Created  time.Time        `json:"created"`
	Path     string           `json:"path"`  // of the configuration, absolute
	State    string           `json:"state"` // absolute
	Lineage  string           `json:"lineage"`
	Serial   uint64           `json:"serial"`
	Options  engine.Options   `json:"options"`
	Digest   string           `json:"digest"`
	Snapshot *schema.Snapshot `json:"snapshot"`
}

const (
	planFormat        = "notifyrun plan"
	planFormatVersion = 1

	planStart = `{"format":"` + planFormat + `"` // how a saved plan begins
)

// planWritable refuses a name that a plan must not be saved under: what is there,
// such as the configuration or a device, would be gone.
func planWritable(name string) error {
	switch filepath.Ext(name) {
	case ".hcl", ".hclvars":
		return fmt.Errorf("save plan %s: this would be a file of the configuration; give it another name", name)
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(name)); err != nil {
			return fmt.Errorf("save plan %s: its directory: %w", name, withoutPath(err))
		}
		return nil
	case err != nil:
		return fmt.Errorf("save plan %s: %w", name, withoutPath(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("save plan %s: it is not an ordinary file", name)
	}
	start, err := startOf(name)
	if err != nil {
		return fmt.Errorf("save plan %s: %w", name, withoutPath(err))
	}
	if start != "" && start != planStart {
		return fmt.Errorf("save plan %s: there is a file already, and it is no saved plan; give another name", name)
	}
	return nil
}

// startOf reads as much of a file as planStart is long.
func startOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, int64(len(planStart))))
	return string(start), err
}

// isSavedPlan tells whether plan -out has made a file.
func isSavedPlan(name string) bool {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	start, err := startOf(name)
	return err == nil && start == planStart
}

func savePlan(file, path string, l *loaded, p *engine.Plan, opts engine.Options) error {
	if missing := l.config.Snapshot.Missing; len(missing) > 0 {
		return fmt.Errorf("save plan: secrets stand literally in the configuration, at %s: a plan file must not hold them, and could not be applied without; declare a variable with sensitive = true for each", strings.Join(missing, ", "))
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	state, err := filepath.Abs(l.state)
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	text, err := json.Marshal(planFile{
		Format: planFormat, Version: planFormatVersion, Program: version, Created: p.Now.UTC(),
		Path: abs, State: state, Lineage: p.State.Lineage, Serial: p.State.Serial,
		Options: opts, Digest: p.Digest(), Snapshot: l.config.Snapshot,
	})
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	// A half-written plan must not lie there under the name of a whole one.
	tmp, err := os.CreateTemp(filepath.Dir(file), ".notifyrun-plan-*")
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(text, '\n'))
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	if err := os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	return nil
}

// readPlan reads a saved plan. It returns nil without an error if path is no
// saved plan but a configuration: a directory or a file of HCL.
func readPlan(path string) (*planFile, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() || filepath.Ext(path) == ".hcl" {
		return nil, nil // schema.Open says what is wrong with it
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	var p planFile
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("read plan %s: it is damaged or not a saved plan: %w; make it anew with notifyrun plan -out", path, err)
	}
	_, behind := dec.Token()
	switch {
	case behind != io.EOF:
		return nil, fmt.Errorf("read plan %s: it is damaged: something stands behind the plan; make it anew with notifyrun plan -out", path)
	case p.Format != planFormat:
		return nil, fmt.Errorf("read plan %s: it is not a saved plan; notifyrun plan -out makes one", path)
	case p.Version != planFormatVersion:
		return nil, fmt.Errorf("read plan %s: its format %d is not the one of this version of notifyrun (%d); make it anew with notifyrun plan -out", path, p.Version, planFormatVersion)
	case p.Snapshot == nil:
		return nil, fmt.Errorf("read plan %s: it is damaged: it holds no configuration; make it anew with notifyrun plan -out", path)
	}
	return &p, nil
}

// movedSince says how a saved plan, made again with what data sources say now, is
// another than the one that was saved; nil: it is not because of them.
func (a *app) movedSince(ctx context.Context, saved *planFile, l *loaded, now *engine.Plan, v values, kept dataReader) error {
	if len(l.config.Data) == 0 || v.stale {
		return nil
	}
	then, err := a.loadData(ctx, saved.Snapshot.Source(), nil, v, kept)
	if err != nil {
		return nil // the plan file is at fault, and its reader says so
	}
	was, _, err := a.makePlan(ctx, then, now.State, saved.Options)
	if err != nil || was.Digest() != saved.Digest {
		return nil
	}
	for _, jp := range now.Jobs {
		if text := movedTargets(was, jp); text != "" {
			return fmt.Errorf("the targets have moved since it was made: %s %s", jp.Address, text)
		}
	}
	return errors.New("what data sources say has changed since it was made, and with it what would be applied")
}

// movedTargets says how the targets of a job are others than in an earlier plan; ""
// if they are not.
func movedTargets(was *engine.Plan, now *engine.JobPlan) string {
	i := slices.IndexFunc(was.Jobs, func(jp *engine.JobPlan) bool { return jp.Address == now.Address })
	if i < 0 || was.Jobs[i].Job == nil || now.Job == nil {
		return ""
	}
	targets := func(jp *engine.JobPlan) map[string]bool {
		all := map[string]bool{}
		for _, t := range jp.Job.Targets {
			all[t.String()] = true
		}
		return all
	}
	before, after := targets(was.Jobs[i]), targets(now)
	only := func(these, those map[string]bool, what string) (parts []string) {
		var names []string
		for name := range these {
			if !those[name] {
				names = append(names, name)
			}
		}
		if slices.Sort(names); len(names) == 0 {
			return nil
		}
		text := what + " " + printable(names[0])
		if n := len(names) - 1; n > 0 {
			text += " and " + count(n, "other")
		}
		return []string{text}
	}
	return strings.Join(append(only(after, before, "now has"), only(before, after, "has no longer")...), ", and ")
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
)

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
	switch {
	case p.Format != planFormat:
		return nil, fmt.Errorf("read plan %s: it is not a saved plan; notifyrun plan -out makes one", path)
	case p.Version != planFormatVersion:
		return nil, fmt.Errorf("read plan %s: its format %d is not the one of this version of notifyrun (%d); make it anew with notifyrun plan -out", path, p.Version, planFormatVersion)
	case p.Snapshot == nil:
		return nil, fmt.Errorf("read plan %s: it is damaged: it holds no configuration; make it anew with notifyrun plan -out", path)
	}
	return &p, nil
}

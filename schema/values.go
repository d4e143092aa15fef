package schema

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// EnvPrefix begins the names of environment variables that give values to the
// variables of a configuration.
const EnvPrefix = "NOTIFYRUN_VAR_"

// Values are the values given to variables from outside. Later sources win over
// earlier ones: the environment, notifyrun.hclvars beside the configuration,
// *.auto.hclvars beside it in lexical order, and the Assignments as given.
//
// A Source made from a Snapshot has the values of its variables already; it
// takes from the environment and the assignments those of sensitive ones only,
// and does not look for variable files by itself.
type Values struct {
	Environ     []string         // as of os.Environ
	Assignments []Assignment     // -var and -var-file, in order
	Data        map[string]*Data // what was read for data sources, by address
	Only        string           // the address of the one job that is wanted, for which the others are not evaluated; empty: all
	Version     string           // of this program, for required_version; empty: not checked
	Now         time.Time        // when the plan is made, for plantimestamp; zero: not known. A Snapshot has its own
}

// Assignment is one -var NAME=VALUE, or, if File is given, one -var-file FILE.
type Assignment struct {
	Name, Value string
	File        string // path on disk, relative to the working directory
}

// VariableFiles returns the variable files that lie beside the configuration at
// path and are read without being asked for, the weakest first: as assignments,
// for giving sensitive values to a snapshot of that configuration.
func VariableFiles(path string) []Assignment {
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	var files []Assignment
	for _, name := range []string{"notifyrun.hclvars", "notifyrun.hclvars" + jsonSuffix} {
		if standard := filepath.Join(dir, name); exists(standard) {
			files = append(files, Assignment{File: standard})
		}
	}
	entries, _ := os.ReadDir(dir) // sorted; where it cannot be listed, Open has said so
	for _, e := range entries {
		if n := e.Name(); strings.HasSuffix(strings.TrimSuffix(n, jsonSuffix), ".auto.hclvars") && !strings.HasPrefix(n, ".") && !e.IsDir() {
			files = append(files, Assignment{File: filepath.Join(dir, n)})
		}
	}
	return files
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// given is a value that was given to a variable.
type given struct {
	text   string         // of -var or the environment
	expr   hcl.Expression // of a variable file; nil: text
	origin string         // "the option -var", "the environment variable X"; "" for a file, which has a range
	rng    *hcl.Range
}

// gather finds the value of each declared variable that was given one.
func (m *module) gather(values Values) map[string]given {
	found := make(map[string]given)
	for _, e := range values.Environ {
		name, value, _ := strings.Cut(e, "=")
		if name, ok := strings.CutPrefix(name, EnvPrefix); ok && m.variables[name] != nil {
			found[name] = given{text: value, origin: "the environment variable " + EnvPrefix + name}
		}
	}
	assignments := values.Assignments
	if m.src.snapshot == nil {
		assignments = slices.Concat(VariableFiles(m.src.dir), assignments)
	}
	for _, a := range assignments {
		if a.File != "" {
			m.readValues(a.File, found)
			continue
		}
		if m.variables[a.Name] == nil {
			m.add(failf(nil, "Value for undeclared variable",
				"The option -var gives a value to %q, but the configuration declares no such variable.%s",
				a.Name, suggestOrList(a.Name, m.variableNames()))...)
			continue
		}
		found[a.Name] = given{text: a.Value, origin: "the option -var"}
	}
	return found
}

func (m *module) variableNames() []string { return slices.Sorted(maps.Keys(m.variables)) }

// readValues reads a variable file. Its bytes are not remembered in the source:
// they may be secret, and the snapshot has the values.
func (m *module) readValues(file string, found map[string]given) {
	src, err := readLimited(file, maxSourceSize)
	if err != nil {
		m.add(failf(nil, "Variable file not readable", "The variable file %q could not be read: %s.", file, cause(err))...)
		return
	}
	attrs := m.attributes(file, src)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		a := attrs[name]
		if m.variables[name] == nil {
			m.add(&hcl.Diagnostic{
				Severity: hcl.DiagWarning,
				Summary:  "Value for undeclared variable",
				Detail: fmt.Sprintf("This file gives a value to %q, but the configuration declares no such variable, so that it has no effect.%s",
					name, suggestOrList(name, m.variableNames())),
				Subject: &a.NameRange,
			})
			continue
		}
		rng := a.Expr.Range()
		found[name] = given{expr: a.Expr, rng: &rng}
	}
}

// decode turns what was given into a value, not yet of the variable's type.
func (g given) decode(l *module, v *variable) (cty.Value, bool) {
	expr := g.expr
	if expr == nil {
		if v.literal {
			return cty.StringVal(g.text), true
		}
		shown := fmt.Sprintf("<value for var.%s>", v.name)
		l.src.remember(shown, []byte(g.text), v.sensitive)
		if diags := checkNesting([]byte(g.text), shown, hclsyntax.LexExpression); diags.HasErrors() {
			l.add(diags...)
			return cty.NilVal, false
		}
		parsed, diags := hclsyntax.ParseExpression([]byte(g.text), shown, hcl.InitialPos)
		if diags.HasErrors() {
			for _, d := range plainSyntax([]byte(g.text), hcl.InitialPos, len(g.text), diags) {
				better := *d
				better.Detail += fmt.Sprintf("\n\nThe value was given by %s. Because the variable %q is not a plain string, number or bool, it is read as an expression of the configuration language.", g.origin, v.name)
				l.add(&better)
			}
			return cty.NilVal, false
		}
		boundNumbers(parsed)
		expr = parsed
	}
	value, diags := expr.Value(nil)
	l.add(tidied(diags, expr, nil)...)
	return value, !diags.HasErrors()
}

// remember keeps source that is no file for the snippets of diagnostics.
func (s *Source) remember(shown string, src []byte, hidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parsed[shown] = &hcl.File{Bytes: src}
	s.hidden[shown] = hidden
}

// restored returns the value that the snapshot has for a variable.
func (s *Snapshot) restored(name string) (cty.Value, bool) {
	raw, ok := s.Variables[name]
	if !ok {
		return cty.NilVal, false
	}
	v, err := ctyjson.Unmarshal(raw, cty.DynamicPseudoType)
	return v, err == nil
}

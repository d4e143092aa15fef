package schema

import (
	"time"

	"github.com/hashicorp/go-version"
)

// evalSettings evaluates the notifyrun block.
func (m *module) evalSettings(running string) Settings {
	var s Settings
	b := m.settings
	if b == nil {
		return s
	}
	if text, ok := m.text(b.args["required_version"], m.root); ok {
		s.RequiredVersion = text
		a := b.args["required_version"]
		constraints, err := version.NewConstraint(text)
		if err != nil {
			m.fail(a.rng, "Invalid version constraint", "%s is not a version constraint. Use a form such as \">= 0.1\" or \"~> 1.2\".", excerpt(text))
		} else if v, err := version.NewVersion(running); err == nil && !constraints.Check(v.Core()) {
			m.fail(a.rng, "Unsuitable version of notifyrun", "The configuration asks for notifyrun %s, but this is %s. Use another release, or change required_version.", text, running)
		}
	}
	if d, ok := m.span(b.args["retention"], m.root, time.Hour); ok {
		s.Retention = d
	}
	if state := b.child("state"); state != nil {
		if kind := state.label(); kind != "sqlite" {
			m.fail(state.rng, "Unknown kind of state", "The state cannot be kept in %s.%s", excerpt(kind), suggestOrList(kind, []string{"sqlite"}))
		}
		if path, ok := m.text(state.args["path"], m.root); ok {
			if path == "" {
				m.fail(state.args["path"].rng, "Invalid path", "The path of the state is empty. Leave the argument out for the default.")
			}
			s.StatePath = path
		}
	}
	return s
}

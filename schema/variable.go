package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is a variable block and the value it got.
type variable struct {
	name      string
	block     *block
	typ       cty.Type
	defaults  *typeexpr.Defaults // of optional object attributes
	literal   bool               // values from the command line are plain text, not expressions
	fallback  cty.Value          // NilVal: there is none
	secret    *arg               // the file that has the value, unless it is given; nil: none
	sensitive bool
	nullable  bool

	value cty.Value
	given bool       // from outside, not by default
	from  *hcl.Range // where the value stands, if in a file
	how   string     // or else how it was given
}

// declareVariable reads a variable block. Nothing in it but its validations may
// refer to anything.
func (m *module) declareVariable(b *block) {
	v := &variable{name: b.label(), block: b, typ: cty.DynamicPseudoType, literal: true, nullable: true, value: cty.DynamicVal}
	n := &node{root: "var", name: v.name, rng: b.rng, state: visited, value: cty.DynamicVal, failed: true}
	if !m.declare(n) {
		return
	}
	m.variables[v.name] = v
	ok := true
	if a := b.args["type"]; a != nil {
		typ, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.expr)
		m.add(suggestedTypes(diags)...)
		if ok = !diags.HasErrors(); ok {
			v.typ, v.defaults, v.literal = typ, defaults, typ.IsPrimitiveType()
		}
	}
	for _, name := range []string{"description", "sensitive", "nullable", "secret_file"} {
		if a := b.args[name]; a != nil {
			a.ok = true
		}
	}
	m.text(b.args["description"], nil)
	if set, ok := m.boolean(b.args["sensitive"], nil); ok {
		v.sensitive = set
	}
	if set, ok := m.boolean(b.args["nullable"], nil); ok {
		v.nullable = set
	}
	if v.secret = b.args["secret_file"]; v.secret != nil {
		if set, ok := m.boolean(b.args["sensitive"], nil); ok && !set {
			m.fail(b.args["sensitive"].rng, "Conflicting arguments", "What secret_file has is a secret, so that the variable %q cannot have sensitive = false.", v.name)
		}
		if a := b.args["default"]; a != nil {
			m.fail(a.rng, "Conflicting arguments", "The arguments \"default\" and \"secret_file\" of the variable %q exclude each other: both say what it is unless a value is given. Keep one of them.", v.name)
			return
		}
		v.sensitive = true
	}
	if v.sensitive {
		m.src.hide(v.name)
	}
	if a := b.args["default"]; a != nil {
		value, diags := a.expr.Value(nil)
		m.add(tidied(diags, a.expr, nil)...)
		if diags.HasErrors() {
			return
		}
		switch {
		case !ok:
		case v.sensitive && m.src.snapshot != nil && !value.IsNull() && m.caller == nil:
			// It is blanked there, and may not even fit. (One of a module would be in Missing.)
		default:
			v.fallback, ok = m.fit(v, value, fmt.Sprintf("The default of the variable %q", v.name), a.rng)
		}
		if ok && v.fallback != cty.NilVal && v.fallback.IsNull() && !v.nullable {
			m.fail(a.rng, "Invalid default", "The default of the variable %q is null, but nullable = false says that it cannot be.", v.name)
			ok = false
		}
	}
	n.failed = !ok
}

// suggestedTypes adds the words that there are to diagnostics of a type.
func suggestedTypes(diags hcl.Diagnostics) hcl.Diagnostics {
	words := map[string][]string{
		"The keyword %q is not a valid type specification.": {"any", "bool", "number", "string"},
		"Keyword %q is not a valid type constructor.":       {"list", "map", "object", "set", "tuple"},
	}
	out := slices.Clone(diags)
	for i, d := range out {
		better := *d
		for form, known := range words {
			var given string
			if _, err := fmt.Sscanf(d.Detail, form, &given); err == nil {
				better.Detail = fmt.Sprintf("There is no type %q.%s", given, suggestOrList(given, known))
			}
		}
		if strings.HasPrefix(d.Detail, "A type specification is either") {
			better.Detail = "A type is one of the words string, number, bool and any, or made of others, as list(string), map(number) and object({ name = string }). It stands without quotes."
		}
		out[i] = &better
	}
	return out
}

// hide says that literal values of a variable are secret.
func (s *Source) hide(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.variable[name] = true
}

// fit converts a value to the type of the variable.
func (l *loader) fit(v *variable, value cty.Value, what string, where hcl.Range) (cty.Value, bool) {
	if v.defaults != nil && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	fitting, err := convert.Convert(value, v.typ)
	if err != nil {
		l.fail(where, "Invalid value for variable", "%s does not suit its type %s: %s.", what, typeexpr.TypeString(v.typ), conversionText(err, v.sensitive || hasSensitive(value)))
		return cty.NilVal, false
	}
	if manyDigits(fitting) {
		l.fail(where, "Invalid value for variable", "%s cannot be used: %s.", what, errDigits)
		return cty.NilVal, false
	}
	return fitting, true
}

// conversionText puts the place inside a complex value before what is wrong. Of one
// that is secret it gives no keys.
func conversionText(err error, secret bool) string {
	if pathErr, ok := err.(cty.PathError); ok && len(pathErr.Path) > 0 {
		var place strings.Builder
		for _, step := range pathErr.Path {
			switch step := step.(type) {
			case cty.GetAttrStep:
				fmt.Fprintf(&place, ".%s", step.Name)
			case cty.IndexStep:
				key := step.Key
				if secret {
					key = key.Mark(sensitive)
				}
				place.WriteString(indexText(key))
			}
		}
		return fmt.Sprintf("at %s, %s", strings.TrimPrefix(place.String(), "."), err)
	}
	return err.Error()
}

// assign gives every variable its value.
func (m *module) assign(values Values) {
	found := m.gather(values)
	for _, n := range m.order {
		if n.root != "var" || n.failed {
			continue
		}
		v := m.variables[n.name]
		value, ok := m.valueOf(v, found)
		n.failed = !ok
		if !ok {
			continue
		}
		if v.sensitive {
			value = value.Mark(sensitive)
		}
		v.value, n.value = value, value
	}
}

func (m *module) valueOf(v *variable, found map[string]given) (cty.Value, bool) {
	snap := m.src.snapshot
	if snap != nil && !v.sensitive {
		if value, ok := snap.restored(v.name); ok {
			return value, true
		}
	}
	if g, ok := found[v.name]; ok && (snap == nil || v.sensitive) {
		v.given, v.from, v.how = true, g.rng, g.origin
		value, ok := g.decode(m, v)
		if !ok {
			return value, false
		}
		where, what := v.block.rng, fmt.Sprintf("The value of the variable %q, given by %s,", v.name, g.origin)
		if g.rng != nil {
			where, what = *g.rng, fmt.Sprintf("The value of the variable %q, declared at %s,", v.name, v.block.rng)
		}
		value, ok = m.fit(v, value, what, where)
		if !ok || !value.IsNull() || v.nullable {
			return value, ok
		}
		if v.fallback == cty.NilVal {
			m.fail(where, "Invalid value for variable", "%s is null, but nullable = false says that it cannot be.", what)
			return value, false
		}
	}
	if v.fallback != cty.NilVal {
		return v.fallback, true
	}
	if v.secret != nil {
		return m.secretOf(v)
	}
	if snap != nil && v.sensitive {
		m.fail(v.block.rng, "No value for sensitive variable",
			"The variable %[1]q is sensitive, and a saved plan or the state keeps no sensitive value, nor a sensitive default. Give the value again: with -var '%[1]s=VALUE', with a line %[1]s = VALUE in a file named by -var-file, or in the environment as %[2]s%[1]s. A variable, or the secret of a pbx, may come from a file instead: secret_file.", v.name, EnvPrefix)
		return cty.NilVal, false
	}
	m.fail(v.block.rng, "No value for required variable",
		"The variable %[1]q has no default and was given no value. Give it one with -var '%[1]s=VALUE', with a line %[1]s = VALUE in notifyrun.hclvars or in a file named by -var-file, or in the environment as %[2]s%[1]s.", v.name, EnvPrefix)
	return cty.NilVal, false
}

// secretOf reads the value of a variable from the file that has it: from the disk
// whenever the configuration is evaluated, so that it is kept nowhere else.
func (m *module) secretOf(v *variable) (cty.Value, bool) {
	text, ok := m.evalSecretFile(fmt.Sprintf("the variable %q", v.name), v.secret, nil)
	if !ok {
		return cty.NilVal, false
	}
	return m.fit(v, cty.StringVal(text.Reveal()), fmt.Sprintf("The value of the variable %q, given by the file that secret_file names,", v.name), v.secret.rng)
}

// validate checks the rules of a variable's validation blocks.
func (m *module) validate(v *variable) {
	if m.nodes["var"][v.name].failed {
		return
	}
	for _, rule := range v.block.children("validation") {
		_, text := m.test(rule, m.root)
		if text == "" {
			continue
		}
		where := v.block.rng
		if v.from != nil {
			where = *v.from
		}
		detail := fmt.Sprintf("%s\n\nThis was checked by the validation at %s.", text, rule.rng)
		if v.how != "" {
			detail += fmt.Sprintf(" The value was given by %s.", v.how)
		}
		if m.caller != nil {
			if made := m.caller.origins(m.call.inputs[v.name]); made != "" {
				detail += fmt.Sprintf(" The value is made of %s.", made)
			}
		}
		d := problem(&where, "Invalid value for variable", "%s", detail)
		d.Expression, d.EvalContext = rule.args["condition"].expr, m.root
		m.add(d)
	}
}

// origins says of the variables to which an argument refers how they were given
// their values, up to the root module; "" where none was given any.
func (m *module) origins(a *arg) string {
	var all []string
	told := make(map[*variable]bool)
	var walk func(m *module, a *arg)
	walk = func(m *module, a *arg) {
		if a == nil {
			return
		}
		for _, r := range a.refs {
			v := m.variables[r.name]
			if r.root != "var" || told[v] {
				continue
			}
			told[v] = true
			switch {
			case v.how != "":
				all = append(all, fmt.Sprintf("%s%s, given by %s", m.path, r.address(), v.how))
			case v.from != nil:
				all = append(all, fmt.Sprintf("%s%s, given at %s", m.path, r.address(), v.from))
			}
			if m.caller != nil {
				walk(m.caller, m.call.inputs[r.name])
			}
		}
	}
	walk(m, a)
	return strings.Join(all, "; ")
}

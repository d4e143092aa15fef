package schema

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

const (
	maxModuleDepth = 16     // of modules in modules
	maxModules     = 10_000 // instances, of all calls together
)

// callType is a module block, beside the inputs, whose names the module says.
var callType = &blockType{name: "module", labels: []string{"name"}, required: []string{"source"}, optional: metaNames}

// call is a module block: it makes one module, or one for each instance.
type call struct {
	*block
	meta   metaArgs
	inputs map[string]*arg
	dir    string // of the module, relative to the configuration
	bodies []*hclsyntax.Body
}

// declareCall reads a module block, and the files of the module.
func (m *module) declareCall(from *hcl.Block) {
	before := len(m.diags)
	content, inputs, _ := from.Body.PartialContent(m.schemaOf(callType))
	if content.Attributes["source"] == nil {
		m.fail(from.Body.MissingItemRange(), "Missing required argument", "A module block needs the argument \"source\", the folder of the module, as in source = \"./site\".")
	}
	b := &block{typ: callType, labels: from.Labels, rng: from.DefRange, args: argsIn(content.Attributes)}
	attrs := m.collector.values("A module block", inputs)
	c := &call{block: b, meta: m.takeMeta(b), inputs: argsIn(attrs)}
	readable := m.readModule(c)
	m.checkInputs(c)
	b.flawed = m.diags[before:].HasErrors()

	args := c.meta.args()
	for _, name := range slices.Sorted(maps.Keys(c.inputs)) {
		args = append(args, c.inputs[name])
	}
	n := &node{root: "module", name: b.label(), rng: b.rng, flawed: b.flawed, args: args, scope: c.meta.scope()}
	n.compute = func(ctx *hcl.EvalContext) (cty.Value, bool) {
		if !readable || !m.expand(&c.meta, "module", ctx) {
			return cty.NilVal, false
		}
		values := make([]cty.Value, len(c.meta.keys))
		for at, i := range c.meta.keys {
			if len(m.modules) > maxModules {
				m.fail(b.rng, "Too many modules", "All module blocks together can make %d modules.", maxModules)
				return cty.NilVal, false
			}
			for _, a := range c.inputs {
				a.later = a.later || i.unread && a.uses&(inEach|inCount) != 0
			}
			values[at] = m.make(n, c, i, i.in(ctx))
		}
		return c.meta.value(values), true
	}
	m.declare(n)
}

// readModule finds and parses the files of the module that a block calls.
func (m *module) readModule(c *call) bool {
	a := c.args["source"]
	if a == nil {
		return false
	}
	delete(c.args, "source")
	v, diags := a.expr.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		m.fail(a.rng, "Invalid module source", "The argument \"source\" of a module must be written out, as in source = \"./site\": the files are read before anything is evaluated.")
		return false
	}
	source := v.AsString()
	if source != "." && source != ".." && !strings.HasPrefix(source, "./") && !strings.HasPrefix(source, "../") {
		m.fail(a.rng, "Invalid module source", "%s is not a local folder: write its path from the folder of this file, beginning with ./ or ../, as in \"./site\". There is no registry of modules, and none is fetched from anywhere.", excerpt(source))
		return false
	}
	c.dir = path.Join(m.dir, source)
	for up := m; up != nil; up = up.caller {
		if up.dir == c.dir {
			m.fail(a.rng, "Module that calls itself", "The folder %q is this module itself, or one that calls it, so that there would be no end of modules.", c.dir)
			return false
		}
	}
	if m.depth() >= maxModuleDepth {
		m.fail(a.rng, "Modules nested too deeply", "Modules can call modules up to %d levels deep.", maxModuleDepth)
		return false
	}
	parsed, known := m.parsed[c.dir]
	if !known {
		parsed = m.parseModule(c.dir, a)
		m.parsed[c.dir] = parsed
	}
	c.bodies = parsed
	return parsed != nil
}

func (m *module) depth() int {
	n := 0
	for up := m.caller; up != nil; up = up.caller {
		n++
	}
	return n
}

// parseModule reads the files of a folder; nil: they cannot be used.
func (l *loader) parseModule(dir string, source *arg) []*hclsyntax.Body {
	names, err := l.src.list(dir)
	switch {
	case err != nil:
		l.fail(source.rng, "Module not found", "The folder %q of the module could not be listed: %s.", l.src.locate(dir), cause(err))
		return nil
	case len(names) == 0:
		l.fail(source.rng, "Module not found", "The folder %q has no files whose names end in .hcl.", l.src.locate(dir))
		return nil
	}
	before := len(l.diags)
	bodies := l.parse(names)
	if l.diags[before:].HasErrors() {
		return nil
	}
	return bodies
}

// checkInputs holds the inputs of a call against the variables of the module.
func (m *module) checkInputs(c *call) {
	if c.bodies == nil {
		return
	}
	declared := make(map[string]bool)
	required := make(map[string]bool)
	for _, body := range c.bodies {
		for _, b := range body.Blocks {
			if b.Type == "variable" && len(b.Labels) == 1 {
				if name := b.Labels[0]; name == "source" || slices.Contains(metaNames, name) {
					m.fail(b.DefRange(), "Invalid name", "%q cannot be the name of a variable of a module: as an argument of the module block it has a meaning of its own. Give it another name.", name)
					continue
				}
				declared[b.Labels[0]] = true
				if b.Body.Attributes["default"] == nil && b.Body.Attributes["secret_file"] == nil {
					required[b.Labels[0]] = true
				}
			}
		}
	}
	names := slices.Sorted(maps.Keys(declared))
	for _, name := range slices.Sorted(maps.Keys(c.inputs)) {
		if !declared[name] {
			m.fail(c.inputs[name].rng, "Unknown module input", "The module in %q has no variable %q.%s", c.dir, name, suggestOrList(name, names))
			delete(c.inputs, name)
		}
		delete(required, name)
	}
	for _, name := range slices.Sorted(maps.Keys(required)) {
		m.fail(c.rng, "Missing module input", "The module in %q has a variable %q without a default, so that this block needs an argument %s = ….", c.dir, name, name)
	}
}

// make makes the module of one instance of a call. Its value is the object of its
// outputs.
func (m *module) make(n *node, c *call, i instance, ctx *hcl.EvalContext) cty.Value {
	child := m.newModule(m.path+"module."+c.label()+i.suffix+".", c.dir)
	child.caller, child.call, child.unknown = m, c, i.unread || m.unknown
	n.modules = append(n.modules, child)
	m.once(strings.TrimSuffix(child.path, "."), c.rng, func() {
		for _, body := range c.bodies {
			child.declareAll(body)
		}
		child.assignInputs(c, ctx)
		child.evaluate()
	})
	outputs := make(map[string]cty.Value)
	for _, out := range child.order {
		n.data = union(n.data, out.data)
		if out.root != "output" {
			continue
		}
		n.parts = append(n.parts, out)
		outputs[out.name] = out.value
		// Of an output with a mistake nobody is to complain that it is not known.
		n.unread = n.unread || out.unread || out.failed
		n.flawed = n.flawed || out.failed || out.flawed
	}
	return cty.ObjectVal(outputs)
}

// assignInputs gives the variables of the module the values of the call.
func (m *module) assignInputs(c *call, ctx *hcl.EvalContext) {
	for _, n := range m.order {
		if n.root != "var" || n.failed {
			continue
		}
		v := m.variables[n.name]
		n.failed = true
		value := v.fallback
		if a := c.inputs[v.name]; a != nil {
			given, ok := m.eval(a, ctx)
			if !ok || !m.walkable(a, given) {
				continue
			}
			n.args, n.unread, n.data = []*arg{a}, a.unread(), dataOf(a, ctx)
			v.from = &a.rng
			what := fmt.Sprintf("The value of the variable %q, declared at %s,", v.name, v.block.rng)
			if made := m.caller.origins(a); made != "" {
				what = fmt.Sprintf("The value of the variable %q, declared at %s (made of %s),", v.name, v.block.rng, made)
			}
			given, ok = m.fit(v, given, what, a.rng)
			if !ok {
				continue
			}
			switch {
			case !given.IsNull() || v.nullable:
				value = given
			case v.fallback == cty.NilVal:
				m.fail(a.rng, "Invalid value for variable", "%s is null, but nullable = false says that it cannot be.", what)
				continue
			}
		}
		if value == cty.NilVal && v.secret != nil {
			var ok bool
			if value, ok = m.secretOf(v); !ok {
				continue
			}
		}
		if value == cty.NilVal {
			continue // told by checkInputs
		}
		if v.sensitive {
			value = value.Mark(sensitive)
		}
		v.value, n.value, n.failed = value, value, false
	}
}

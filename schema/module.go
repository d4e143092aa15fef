package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// module is one module of a configuration: what its blocks declare, and what they
// see of each other. It is evaluated in phases: declare all blocks, give the
// variables their values, resolve all references, evaluate what others refer to,
// then the jobs. Each phase reports all that it finds.
type module struct {
	*collector
	*loader
	*graph
	path      string  // before the addresses of all that is in it: "", or "module.north."
	dir       string  // relative to the configuration: "." of the root
	caller    *module // nil: of the root
	call      *call   // the block of the caller that makes it
	unknown   bool    // it stands for modules that are known only when data have been read
	variables map[string]*variable
	settings  *block
	jobs      []*jobBlock
	moves     []*movedBlock
	checks    []*block
	root      *hcl.EvalContext // shared by all jobs
	depends   []string         // see dependencies
}

// newModule makes a module without anything declared, from a directory relative
// to the configuration.
func (l *loader) newModule(path, dir string) *module {
	m := &module{
		collector: l.collector, loader: l, path: path, dir: dir,
		graph:     &graph{collector: l.collector, nodes: make(map[string]map[string]*node), functions: l.functions, here: pathOf(dir)},
		variables: make(map[string]*variable),
	}
	l.modules = append(l.modules, m)
	return m
}

// evaluate gives everything that is declared its value, but for the jobs.
func (m *module) evaluate() {
	m.resolveAll()
	for _, n := range m.order {
		m.visit(n)
	}
}

// finish makes what has a value fit for the jobs.
func (m *module) finish() {
	m.root = m.everything()
	m.warn()
	for _, n := range m.order {
		switch n.root {
		case "var":
			m.validate(m.variables[n.name])
		case "message":
			n.message.base = m.root
		case "pbx":
			if !m.unknown {
				m.config.PBXs = append(m.config.PBXs, n.pbxs...)
			}
		case "window":
			if w := m.windows[m.path+n.address()]; w != nil {
				m.config.Windows = append(m.config.Windows, w)
			}
		}
	}
}

// declareAll decodes the blocks of one file.
func (m *module) declareAll(body *hclsyntax.Body) {
	content, _ := m.content(nil, rootSchema, body)
	for _, b := range content.Blocks {
		switch b.Type {
		case "notifyrun":
			s := m.decode(settingsType, b)
			if m.caller != nil {
				m.fail(b.DefRange, "Block out of place", "The notifyrun block is for the configuration as a whole: it stands in its own files, not in those of a module.")
				continue
			}
			if m.settings != nil {
				m.fail(b.DefRange, "Duplicate block", "A configuration has one notifyrun block; the other one is at %s.", m.settings.rng)
				continue
			}
			m.settings = s
		case "variable":
			m.declareVariable(m.decode(variableType, b))
		case "locals":
			m.declareLocals(b)
		case "pbx":
			m.declarePBX(m.decode(pbxType, b))
		case "moved":
			m.declareMoved(m.decode(movedType, b))
		case "data":
			m.declareData(b)
		case "module":
			m.declareCall(b)
		case "check":
			m.declareCheck(m.decode(checkType, b))
		case "output":
			m.declareOutput(m.decode(outputType, b))
		case "message":
			m.declareMessage(m.decode(messageType, b))
		case "window":
			m.declareWindow(m.decode(windowType, b))
		default:
			m.declareJob(m.decodeJob(JobType(b.Type), b))
		}
	}
}

func (m *module) declareMessage(b *block) {
	msg := &message{block: b}
	m.declare(&node{root: "message", name: b.label(), rng: b.rng, flawed: b.flawed, args: argsOf(b), message: msg, compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
		ctx, given := msg.noting(ctx)
		v, diags := msg.evaluate(ctx)
		msg.note(v, given)
		m.add(diags...)
		if v == nil {
			return cty.NilVal, false
		}
		if msg.uses == 0 {
			msg.fixed = v
		}
		return v.value(), true
	}})
}

func (m *module) declareJob(j *jobBlock) {
	j.node = &node{root: string(j.kind), name: j.label(), rng: j.rng, args: j.meta.args(), compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
		if !m.expand(&j.meta, "job", ctx) {
			return cty.NilVal, false
		}
		values := make([]cty.Value, len(j.meta.keys))
		for n, i := range j.meta.keys {
			values[n] = cty.ObjectVal(map[string]cty.Value{"address": cty.StringVal(j.address() + i.suffix)})
			j.block.unread(i)
		}
		return j.meta.value(values), true
	}}
	j.node.job = j
	if m.declare(j.node) {
		m.jobs = append(m.jobs, j)
	}
}

// resolveAll checks all references: messages first, since what a message varies
// with, the arguments that refer to it do, too.
func (m *module) resolveAll() {
	for _, n := range m.order {
		if n.message != nil {
			m.resolveBlock(n.message.block, 0)
		}
	}
	done := make(map[*node]bool)
	for _, n := range m.order {
		if n.message != nil {
			n.vary(done)
		}
	}
	for _, n := range m.order {
		switch n.root {
		case "var":
			for _, rule := range m.variables[n.name].block.nested {
				m.resolveBlock(rule, 0)
			}
		case "local", "pbx", "data", "window", "module", "output":
			m.resolveNode(n)
		}
	}
	for _, b := range m.checks {
		m.resolveBlock(b, 0)
	}
	if m.settings != nil {
		m.resolveBlock(m.settings, 0)
	}
	for _, j := range m.jobs {
		m.resolveJob(j)
	}
}

// resolveBlock checks the references in a block and in those inside it, where
// the names of the outer scope exist, too.
func (m *module) resolveBlock(b *block, outer scope) {
	inner := outer | b.typ.scope
	for name, a := range b.args {
		extra, special := b.typ.scopes[name]
		if special {
			extra |= outer
		} else {
			extra = inner
		}
		m.resolve(a, extra)
	}
	for _, n := range b.nested {
		m.resolveBlock(n, inner)
	}
}

// resolveNode checks the references of something that is evaluated once for each
// of its instances.
func (m *module) resolveNode(n *node) {
	for _, a := range n.args {
		switch {
		case a.meta:
			m.resolveMeta(a)
		default:
			m.resolve(a, n.scope)
		}
	}
}

// resolveMeta checks the references of a meta-argument.
func (m *module) resolveMeta(a *arg) {
	if a.name == "depends_on" {
		m.resolveDependencies(a)
		return
	}
	m.resolve(a, 0)
}

func (m *module) resolveJob(j *jobBlock) {
	m.resolveNode(j.node)
	m.resolveBlock(j.block, j.meta.scope())
	if change := changeTrigger(j.triggers); change != nil && j.kind == UserEvent {
		if on := change.args["on"]; on != nil && on.uses&inTarget != 0 {
			m.fail(on.rng, "Invalid reference", "There is no \"target\" here: a user event goes to everyone who listens, not to a target.")
			on.ok = false
		}
	}
	m.resolveMessage(j)
	j.fired = j.firedRefs()
}

func (m *module) resolveMessage(j *jobBlock) {
	msg := j.message
	if msg == nil {
		return
	}
	// message = message.NAME alone is as good as the block itself standing here.
	if msg.arg != nil && msg.arg.ok {
		if t, diags := hcl.AbsTraversalForExpr(msg.arg.expr); !diags.HasErrors() && len(t) == 2 && t.RootName() == "message" {
			n := msg.arg.refs[0]
			j.message = n.message
			return
		}
	}
	for _, a := range msg.args() {
		msg.uses |= a.uses
	}
	msg.nested = refersToVarying(msg.own())
}

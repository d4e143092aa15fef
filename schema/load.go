package schema

import (
	"slices"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

var (
	settingsType = &blockType{
		name: "notifyrun", optional: []string{"required_version", "retention"},
		nested: []*blockType{{name: "state", labels: []string{"type"}, optional: []string{"path"}}},
	}
	variableType = &blockType{
		name: "variable", labels: []string{"name"},
		optional: []string{"type", "default", "description", "sensitive", "nullable"},
		nested:   []*blockType{{name: "validation", required: []string{"condition", "error_message"}, repeats: true}},
	}
	// rootSchema has the blocks of a file.
	rootSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "notifyrun"},
		{Type: "variable", LabelNames: []string{"name"}},
		{Type: "locals"},
		{Type: "pbx", LabelNames: []string{"name"}},
		{Type: "message", LabelNames: []string{"name"}},
		{Type: "user_event", LabelNames: []string{"name"}},
		{Type: "sip_notify", LabelNames: []string{"name"}},
	}}
)

// loader turns a source into a Config, in phases: parse all files, decode all
// blocks, give the variables their values, resolve all references, evaluate what
// others refer to, then the jobs. Each phase reports all that it finds.
type loader struct {
	*collector
	*decoder
	*graph
	src    *Source
	config *Config

	variables map[string]*variable
	settings  *block
	jobs      []*jobBlock
	pbxs      map[string]*PBX // by Address
	zones     map[string]*time.Location
	after     map[*arg][]string // the jobs that an argument of after triggers names, where it is the same for all
	addresses map[string]bool   // of all jobs; nil: not asked for yet
	instances int
	root      *hcl.EvalContext // shared by all jobs
}

// Load evaluates the configuration of a source. It reports every mistake that
// it finds. Load reads no clock and no network, and from the environment only
// what values has.
//
// The Config is never nil, but it is whole only if no diagnostic is an error:
// who wants to act on it must look at them first. Beside errors its PBXs and
// Jobs are those without a mistake in them or in what they refer to, so that
// these can be checked further and all be reported at once; it has neither
// Snapshot nor Scope.
func Load(src *Source, values Values) (*Config, hcl.Diagnostics) {
	c := &collector{}
	l := &loader{
		collector: c,
		decoder:   &decoder{collector: c, schemas: make(map[*blockType]*hcl.BodySchema)},
		graph: &graph{
			collector: c, nodes: make(map[string]map[string]*node),
			functions: &hcl.EvalContext{Functions: functions(src)},
		},
		src: src, config: &Config{},
		variables: make(map[string]*variable), pbxs: make(map[string]*PBX),
		zones: make(map[string]*time.Location), after: make(map[*arg][]string),
	}
	if src.snapshot != nil && len(src.snapshot.Missing) > 0 {
		return l.config, failf(nil, "Secrets missing from the applied configuration",
			"Secrets stand literally in the configuration, at %s. They are not kept in the state, so that the applied configuration cannot be run without its files. Declare a variable with sensitive = true for each, and apply again.", enumerate(src.snapshot.Missing))
	}
	bodies := l.parse()
	if l.diags.HasErrors() {
		// What is declared in a broken file is not known, so that complaints
		// about references would mislead.
		for _, body := range bodies {
			l.declareAll(body)
		}
		return l.config, l.sorted()
	}
	for _, body := range bodies {
		l.declareAll(body)
	}
	l.assign(values)
	l.resolveAll()
	for _, n := range l.graph.order {
		l.visit(n)
	}
	l.root = l.everything()
	for _, n := range l.graph.order {
		switch n.root {
		case "var":
			l.validate(l.variables[n.name])
		case "message":
			n.message.base = l.root
		case "pbx":
			if p := l.pbxs[n.address()]; p != nil {
				l.config.PBXs = append(l.config.PBXs, p)
			}
		}
	}
	l.config.Settings = l.evalSettings(values.Version)
	for _, j := range l.jobs {
		l.evalJobs(j)
	}
	l.checkAfter()
	if l.diags.HasErrors() {
		return l.config, l.sorted()
	}
	snap, err := src.takeSnapshot(l.variables)
	if err != nil {
		l.add(failf(nil, "Configuration cannot be kept", "A snapshot of the configuration could not be made: %s.", err)...)
		return l.config, l.diags
	}
	l.config.Snapshot = snap
	l.config.scope = &Scope{graph: l.graph, root: l.root}
	return l.config, l.sorted()
}

// parse reads all files.
func (l *loader) parse() []*hclsyntax.Body {
	var bodies []*hclsyntax.Body
	for _, name := range l.src.main {
		shown := l.src.locate(name)
		b, err := l.src.read(name, maxSourceSize)
		if err != nil {
			l.add(failf(nil, "Configuration not readable", "The file %q could not be read: %s.", shown, cause(err))...)
			continue
		}
		body, diags := l.src.parse(b, shown)
		l.add(diags...)
		if body != nil && !diags.HasErrors() {
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// declareAll decodes the blocks of one file.
func (l *loader) declareAll(body *hclsyntax.Body) {
	content, diags := body.Content(rootSchema)
	l.add(diags...)
	for _, b := range content.Blocks {
		switch b.Type {
		case "notifyrun":
			s := l.decode(settingsType, b)
			if l.settings != nil {
				l.fail(b.DefRange, "Duplicate block", "A configuration has one notifyrun block; the other one is at %s.", l.settings.rng)
				continue
			}
			l.settings = s
		case "variable":
			l.declareVariable(l.decode(variableType, b))
		case "locals":
			l.declareLocals(b)
		case "pbx":
			l.declarePBX(l.decode(pbxType, b))
		case "message":
			l.declareMessage(l.decode(messageType, b))
		default:
			l.declareJob(l.decodeJob(JobType(b.Type), b))
		}
	}
}

func (l *loader) declareLocals(b *hcl.Block) {
	attrs, diags := b.Body.JustAttributes()
	l.add(diags...)
	sorted := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		sorted = append(sorted, a)
	}
	slices.SortFunc(sorted, func(a, b *hcl.Attribute) int { return a.NameRange.Start.Byte - b.NameRange.Start.Byte })
	for _, attr := range sorted {
		a := &arg{name: attr.Name, expr: attr.Expr, rng: attr.Expr.Range()}
		l.declare(&node{root: "local", name: attr.Name, rng: attr.NameRange, args: []*arg{a}, compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
			v, ok := l.eval(a, ctx)
			if ok && tooLarge(v) {
				l.fail(a.rng, "Value too large", "The local value %q is larger than a configuration can handle.", a.name)
				return v, false
			}
			return v, ok
		}})
	}
}

// tooLarge tells whether a value is beyond all use. Local values can double
// from one to the next, so that a few lines could fill the memory.
func tooLarge(v cty.Value) bool {
	const maxBytes, maxElements, maxBits = 64 << 20, 4 << 20, 4096
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return false
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return len(v.AsString()) > maxBytes
	case ty == cty.Number:
		exponent := v.AsBigFloat().MantExp(nil)
		return exponent > maxBits || exponent < -maxBits
	case ty.IsCollectionType() || ty.IsTupleType():
		return v.LengthInt() > maxElements
	}
	return false
}

func (l *loader) declarePBX(b *block) {
	l.declare(&node{root: "pbx", name: b.label(), rng: b.rng, flawed: b.flawed, args: argsOf(b), compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
		p, v, ok := l.evalPBX(b, ctx)
		if ok {
			l.pbxs[p.Address] = p
		}
		return v, ok
	}})
}

func (l *loader) declareMessage(b *block) {
	m := &message{block: b}
	l.declare(&node{root: "message", name: b.label(), rng: b.rng, flawed: b.flawed, args: argsOf(b), message: m, compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
		msg, diags := m.evaluate(ctx)
		l.add(diags...)
		if msg == nil {
			return cty.NilVal, false
		}
		if m.uses == 0 {
			m.fixed = msg
		}
		return msg.value(), true
	}})
}

func (l *loader) declareJob(j *jobBlock) {
	var args []*arg
	for _, a := range []*arg{j.each, j.count} {
		if a != nil {
			args = append(args, a)
		}
	}
	j.node = &node{root: string(j.kind), name: j.label(), rng: j.rng, args: args, compute: func(ctx *hcl.EvalContext) (cty.Value, bool) {
		return l.expand(j, ctx)
	}}
	if l.declare(j.node) {
		l.jobs = append(l.jobs, j)
	}
}

// resolveAll checks all references: messages first, since what a message varies
// with, the arguments that refer to it do, too.
func (l *loader) resolveAll() {
	for _, n := range l.graph.order {
		if n.message != nil {
			l.resolveBlock(n.message.block, 0)
		}
	}
	done := make(map[*node]bool)
	for _, n := range l.graph.order {
		if n.message != nil {
			n.vary(done)
		}
	}
	for _, n := range l.graph.order {
		switch n.root {
		case "var":
			for _, rule := range l.variables[n.name].block.nested {
				l.resolveBlock(rule, 0)
			}
		case "local", "pbx":
			for _, a := range n.args {
				l.resolve(a, 0)
			}
		}
	}
	if l.settings != nil {
		l.resolveBlock(l.settings, 0)
	}
	for _, j := range l.jobs {
		l.resolveJob(j)
	}
}

// resolveBlock checks the references in a block and in those inside it, where
// the names of the outer scope exist, too.
func (l *loader) resolveBlock(b *block, outer scope) {
	inner := outer | b.typ.scope
	for name, a := range b.args {
		extra, special := b.typ.scopes[name]
		if special {
			extra |= outer
		} else {
			extra = inner
		}
		l.resolve(a, extra)
	}
	for _, n := range b.nested {
		l.resolveBlock(n, inner)
	}
}

func (l *loader) resolveJob(j *jobBlock) {
	for _, a := range j.node.args {
		l.resolve(a, 0)
	}
	var names scope
	if j.each != nil {
		names |= inEach
	}
	if j.count != nil {
		names |= inCount
	}
	l.resolveBlock(j.block, names)
	if change := changeTrigger(j.triggers); change != nil && j.kind == UserEvent {
		if on := change.args["on"]; on != nil && on.uses&inTarget != 0 {
			l.fail(on.rng, "Invalid reference", "There is no \"target\" here: a user event goes to everyone who listens, not to a target.")
			on.ok = false
		}
	}
	l.resolveMessage(j)
	j.fired = j.firedRefs()
}

func (l *loader) resolveMessage(j *jobBlock) {
	m := j.message
	if m == nil {
		return
	}
	// message = message.NAME alone is as good as the block itself standing here.
	if m.arg != nil && m.arg.ok {
		if t, diags := hcl.AbsTraversalForExpr(m.arg.expr); !diags.HasErrors() && len(t) == 2 && t.RootName() == "message" {
			n := m.arg.refs[0]
			j.message = n.message
			return
		}
	}
	for _, a := range m.args() {
		m.uses |= a.uses
	}
	m.nested = refersToVarying(m.own())
}

// evalSettings evaluates the notifyrun block.
func (l *loader) evalSettings(running string) Settings {
	var s Settings
	b := l.settings
	if b == nil {
		return s
	}
	if text, ok := l.text(b.args["required_version"], l.root); ok {
		s.RequiredVersion = text
		a := b.args["required_version"]
		constraints, err := version.NewConstraint(text)
		if err != nil {
			l.fail(a.rng, "Invalid version constraint", "%s is not a version constraint. Use a form such as \">= 0.1\" or \"~> 1.2\".", excerpt(text))
		} else if v, err := version.NewVersion(running); err == nil && !constraints.Check(v.Core()) {
			l.fail(a.rng, "Unsuitable version of notifyrun", "The configuration asks for notifyrun %s, but this is %s. Use another release, or change required_version.", text, running)
		}
	}
	if d, ok := l.span(b.args["retention"], l.root, time.Hour); ok {
		s.Retention = d
	}
	if state := b.child("state"); state != nil {
		if kind := state.label(); kind != "sqlite" {
			l.fail(state.rng, "Unknown kind of state", "The state cannot be kept in %s.%s", excerpt(kind), suggestOrList(kind, []string{"sqlite"}))
		}
		if path, ok := l.text(state.args["path"], l.root); ok {
			if path == "" {
				l.fail(state.args["path"].rng, "Invalid path", "The path of the state is empty. Leave the argument out for the default.")
			}
			s.StatePath = path
		}
	}
	return s
}

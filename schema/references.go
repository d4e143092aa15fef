package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// scope is a set of the names that exist in some expressions only. The common
// ones, var, local, pbx, data, message, window, module, sip_notify, user_event, preset
// and path, always do.
type scope uint8

const (
	inEach    scope = 1 << iota // each.key, each.value: in a block with for_each
	inCount                     // count.index: in a block with count
	inTarget                    // target.*: in messages and in `on`, per target
	inTrigger                   // trigger.*: in targets and messages, at firing
	inEvent                     // event.*: in where and key of an event trigger
	inSelf                      // self.*: in the postconditions of a job
)

// common has the roots of references to something declared, and what we call it.
var common = map[string]string{
	"var":        "variable",
	"local":      "local value",
	"pbx":        "pbx",
	"data":       "data source",
	"message":    "message",
	"module":     "module",
	"window":     "window",
	"sip_notify": "sip_notify job",
	"user_event": "user_event job",
}

var varying = map[string]scope{"each": inEach, "count": inCount, "target": inTarget, "trigger": inTrigger, "event": inEvent, "self": inSelf}

// whereVarying tells where the names that vary exist.
var whereVarying = map[string]string{
	"each":    "a block with the for_each argument",
	"count":   "a block with the count argument",
	"target":  "a message, and in the argument \"on\" of a change trigger, where it is the target being sent to",
	"trigger": "targets, messages and user events, where it is what made the job fire",
	"event":   "the arguments \"where\" and \"key\" of an event trigger, where it is the event that has come; in targets and messages it is trigger.event",
	"self":    "a postcondition of a job, where it is that job",
}

// node is something declared that expressions refer to: a value that is
// evaluated once, after all that it depends on.
type node struct {
	root, name string
	rng        hcl.Range // of its declaration
	args       []*arg    // what it is evaluated from
	scope      scope     // the names that exist in them beside the common ones
	compute    func(ctx *hcl.EvalContext) (cty.Value, bool)

	state   visit
	value   cty.Value
	failed  bool // a mistake in it, or in what it depends on, has been reported: it has no value
	flawed  bool // likewise, but it has a value all the same
	unread  bool // it is not known before data have been read, or not wholly
	varies  scope
	data    []string  // the addresses of the data sources that it depends on, or that it has itself; sorted
	place   string    // of a data block: its address
	needs   []string  // of a data block: data without its own addresses
	repeats bool      // of a data block: it has for_each or count
	parts   []*node   // of a module block: the outputs of its modules
	modules []*module // of a module block: those that it makes
	pbxs    []*PBX    // of a pbx block
	job     *jobBlock
	// message is set for a message block.
	message *message

	once sync.Once
	sum  string // of value, see digest
}

type visit uint8

const (
	unvisited visit = iota
	visiting
	visited
)

func (n *node) address() string { return n.root + "." + n.name }

// graph has everything declared in a configuration.
type graph struct {
	*collector
	nodes     map[string]map[string]*node // by root and name
	order     []*node                     // as declared
	functions *hcl.EvalContext
	here      cty.Value // path
	jobsUsed  bool      // something refers to a job

	path []*node // being visited, for cycles

	compared int // names with which those were compared that there are not
}

// maxCompared bounds how many names are looked through for what was meant, so that
// many mistakes among many names do not take for ever.
const maxCompared = 8 << 20

// declare adds a node, unless its name is taken.
func (g *graph) declare(n *node) bool {
	if first := g.nodes[n.root][n.name]; first != nil {
		g.fail(n.rng, "Duplicate "+kindOf(n.root), "The %s %q is declared twice. The other declaration is at %s. Names must be unique over all files of a configuration.",
			kindOf(n.root), n.name, first.rng)
		return false
	}
	label := n.name
	if n.root == "data" {
		_, label, _ = strings.Cut(n.name, ".")
	}
	if !g.canBeNamed(label, kindOf(n.root), n.rng) {
		return false
	}
	if g.nodes[n.root] == nil {
		g.nodes[n.root] = make(map[string]*node)
	}
	g.nodes[n.root][n.name] = n
	g.order = append(g.order, n)
	return true
}

// canBeNamed tells whether a label can be the name of what is declared, and reports
// if not.
func (c *collector) canBeNamed(label, kind string, rng hcl.Range) bool {
	if hclsyntax.ValidIdentifier(label) {
		return true
	}
	c.fail(rng, "Invalid name", "%s cannot be the name of a %s: a name begins with a letter or underscore, and has only letters, digits, underscores and hyphens.", excerpt(label), kind)
	return false
}

// resolve checks what an argument refers to. extra are the names that exist
// there beside the common ones.
func (g *graph) resolve(a *arg, extra scope) {
	a.ok = true
	for _, t := range a.expr.Variables() {
		if !g.resolveOne(a, t, extra) {
			a.ok = false
		}
	}
	if a.ok && slices.ContainsFunc(a.refs, func(r *node) bool { return r.root == "data" }) && !g.checkRows(a) {
		a.ok = false
	}
}

func (g *graph) resolveOne(a *arg, t hcl.Traversal, extra scope) bool {
	root, rng := t.RootName(), t.SourceRange()
	if s, ok := varying[root]; ok {
		if extra&s == 0 {
			g.fail(rng, "Invalid reference", "There is no %q here: it exists only in %s.", root, whereVarying[root])
			return false
		}
		a.uses |= s
		return g.checkFixed(t, root)
	}
	switch root {
	case "path":
		return g.checkFixed(t, root)
	case "preset":
		return g.checkPreset(t)
	}
	kind, ok := common[root]
	if !ok {
		g.unknownRoot(t, extra)
		return false
	}
	name := nameIn(t)
	if name == "" {
		form := root + ".NAME"
		if root == "data" {
			form = "data.TYPE.NAME"
		}
		g.fail(rng, "Invalid reference", "%q cannot be used as a whole. Name one %s, as in %s.", root, kind, form)
		return false
	}
	n := g.nodes[root][name]
	if n == nil {
		hint := ""
		switch known := g.nodes[root]; {
		case len(known) == 0:
			hint = fmt.Sprintf(" The configuration declares no %s at all.", kind)
		case g.compared < maxCompared:
			g.compared += len(known)
			hint = suggestOrList(name, slices.Sorted(maps.Keys(known)))
		}
		g.fail(rng, "Reference to undeclared "+kind, "There is no %s named %q.%s", kind, name, hint)
		return false
	}
	if root == "message" {
		if n.varies&^extra != 0 {
			g.fail(rng, "Invalid reference", "%s depends on the target or the trigger, so that it has a value only in the message of a job. Refer to it there.", n.address())
			return false
		}
		a.uses |= n.varies
	}
	if root == "sip_notify" || root == "user_event" {
		g.jobsUsed = true
	}
	a.refs = append(a.refs, n)
	return true
}

// kindOf is what we call what is declared under a root.
func kindOf(root string) string {
	if kind := common[root]; kind != "" {
		return kind
	}
	return root // nothing refers to it: an output
}

// nameIn is the name of what a reference leads to: after data it has two parts.
func nameIn(t hcl.Traversal) string {
	steps := 1
	if t.RootName() == "data" {
		steps = 2
	}
	if len(t) <= steps {
		return ""
	}
	names := make([]string, steps)
	for i := range names {
		attr, ok := t[1+i].(hcl.TraverseAttr)
		if !ok {
			return ""
		}
		names[i] = attr.Name
	}
	return strings.Join(names, ".")
}

// resolveDependencies checks the references in depends_on.
func (g *graph) resolveDependencies(a *arg) {
	const form = "The argument \"depends_on\" takes a list of references, without quotes, to what is to come first: depends_on = [sip_notify.NAME]."
	list, ok := a.expr.(*hclsyntax.TupleConsExpr)
	if !ok {
		g.fail(a.rng, "Invalid depends_on", form)
		return
	}
	a.ok = true
	for _, e := range list.Exprs {
		t, diags := hcl.AbsTraversalForExpr(e)
		if diags.HasErrors() {
			g.fail(e.Range(), "Invalid depends_on", form)
			a.ok = false
			continue
		}
		before := len(a.refs)
		if !g.resolveOne(a, t, 0) {
			a.ok = false
			continue
		}
		if refs := a.refs[before:]; len(refs) == 0 || refs[0].root == "var" || refs[0].root == "local" {
			g.fail(t.SourceRange(), "Invalid depends_on", "%s is a value, which orders nothing, also where it stands for a job. Name the job itself, or the module that it is in: sip_notify.NAME, module.NAME. To have the jobs of a module wait for one outside of it, write depends_on = [sip_notify.NAME] in the module block.", traversalText(t))
			a.ok = false
		}
	}
}

// checkFixed checks references to objects whose attributes we know.
func (g *graph) checkFixed(t hcl.Traversal, root string) bool {
	known := map[string][]string{"each": {"key", "value"}, "count": {"index"}, "path": {"config", "module", "root"}, "trigger": triggerAttributes, "self": selfAttributes}[root]
	if known == nil {
		return true
	}
	if len(t) > 1 {
		if attr, ok := t[1].(hcl.TraverseAttr); ok {
			if slices.Contains(known, attr.Name) {
				return true
			}
			g.fail(t.SourceRange(), "Invalid reference", "%q has no attribute %q.%s", root, attr.Name, suggestOrList(attr.Name, known))
			return false
		}
	}
	g.fail(t.SourceRange(), "Invalid reference", "%q cannot be used as a whole. Write %s.%s.", root, root, strings.Join(known, " or "+root+"."))
	return false
}

func (g *graph) unknownRoot(t hcl.Traversal, extra scope) {
	name := t.RootName()
	roots := append(slices.Sorted(maps.Keys(common)), "path", "preset")
	for _, n := range slices.Sorted(maps.Keys(varying)) {
		if extra&varying[n] != 0 {
			roots = append(roots, n)
		}
	}
	hint := suggest(name, roots)
	var meant []string // things of that name
	for _, root := range slices.Sorted(maps.Keys(common)) {
		if g.nodes[root][name] != nil {
			meant = append(meant, root+"."+name)
		}
	}
	switch {
	case hint == "" && len(meant) > 0:
		hint = fmt.Sprintf(" Did you mean %s?", strings.Join(quoted(meant), " or "))
	case hint == "" && len(t) == 1:
		hint = fmt.Sprintf(" If the text %q is meant, put it in quotes.", name)
	case hint == "":
		hint = fmt.Sprintf(" References begin with %s.", enumerate(roots))
	}
	g.fail(t.SourceRange(), "Invalid reference", "There is no %q here.%s", name, hint)
}

// visit evaluates a node after everything that it refers to.
func (g *graph) visit(n *node) {
	switch n.state {
	case visited:
		return
	case visiting:
		g.cycle(n)
		return
	}
	n.state = visiting
	g.path = append(g.path, n)
	for _, a := range n.args {
		for _, r := range a.refs {
			g.visit(r)
			n.flawed = n.flawed || r.flawed
			n.unread = n.unread || r.unread
		}
	}
	g.path = g.path[:len(g.path)-1]
	n.state = visited
	n.value = cty.DynamicVal
	if n.failed { // a member of a cycle
		return
	}
	for _, a := range n.args {
		switch {
		case a.usable():
		case a.name == "depends_on": // of no matter for its value
			n.flawed = true
		default:
			n.failed = true
		}
	}
	if n.failed {
		return
	}
	var ctx *hcl.EvalContext
	if len(n.args) > 0 {
		ctx = g.contextFor(n.args)
	}
	for _, a := range n.args {
		n.data = union(n.data, dataOf(a, ctx))
	}
	v, ok := n.compute(ctx)
	if !ok {
		n.failed = true
		return
	}
	n.value = v
}

// union joins two sorted lists.
func union(a, b []string) []string {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// cycle reports the members of a cycle that ends where it began, at n.
func (g *graph) cycle(n *node) {
	members := g.path[slices.Index(g.path, n):]
	if slices.ContainsFunc(members, func(m *node) bool { return m.failed }) {
		return // reported, by another way around it
	}
	var way strings.Builder
	for _, m := range members {
		m.failed = true
		fmt.Fprintf(&way, "%s (%s) → ", m.address(), m.rng)
	}
	way.WriteString(n.address())
	g.fail(n.rng, "Reference cycle", "These depend on each other, so that none can be evaluated first: %s. Take one of the references out.", way.String())
}

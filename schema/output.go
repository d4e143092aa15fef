package schema

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

var outputType = &blockType{
	name: "output", labels: []string{"name"},
	required: []string{"value"},
	optional: []string{"description", "sensitive", "depends_on"},
	nested:   []*blockType{preconditionType},
}

// Output is what the configuration says to the outside.
type Output struct {
	Name      string
	Value     cty.Value // show it by FormatValue only
	DeclRange hcl.Range
}

// declareOutput reads an output block: what the module that has called this one
// sees of it, or, of the root module, what is shown.
func (m *module) declareOutput(b *block) {
	meta := m.takeMeta(b)
	n := &node{root: "output", name: b.label(), rng: b.rng, flawed: b.flawed, args: append(argsOf(b), meta.args()...)}
	n.compute = func(ctx *hcl.EvalContext) (cty.Value, bool) {
		before := len(m.diags)
		m.demand(b.children("precondition"), "Output precondition failed", ctx)
		m.text(b.args["description"], ctx)
		secret, _ := m.boolean(b.args["sensitive"], ctx)
		v, ok := m.eval(b.args["value"], ctx)
		if !ok || m.diags[before:].HasErrors() || !m.walkable(b.args["value"], v) {
			return cty.NilVal, false
		}
		switch {
		case secret:
			v = v.Mark(sensitive)
		case m.path == "" && hasSensitive(v):
			m.fail(b.args["value"].rng, "Output of a sensitive value", "The output %q is shown, but its value is sensitive. Add sensitive = true to hide it, or if it is no secret, wrap it in nonsensitive(…).", b.label())
			return cty.NilVal, false
		}
		return v, true
	}
	m.declare(n)
}

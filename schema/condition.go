package schema

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// conditionType is a block that demands something of the configuration.
func conditionType(name string, scope scope) *blockType {
	return &blockType{name: name, required: []string{"condition", "error_message"}, repeats: true, scope: scope}
}

var (
	preconditionType  = conditionType("precondition", 0)
	postconditionType = conditionType("postcondition", inSelf)
	// lifecycleType is where Terraform has the conditions of a resource.
	lifecycleType = &blockType{name: "lifecycle", nested: []*blockType{preconditionType, postconditionType}}
	assertType    = conditionType("assert", 0)
	checkType     = &blockType{name: "check", labels: []string{"name"}, nested: []*blockType{assertType}}
)

// verdict is what became of a condition.
type verdict int

const (
	holds   verdict = iota
	unknown         // it depends on data that have not been read
	broken          // it does not hold, or cannot be evaluated, which has been reported
)

// test evaluates the condition of a block. If it does not hold, what is the
// message that the block has for that.
func (c *collector) test(rule *block, ctx *hcl.EvalContext) (v verdict, what string) {
	condition := rule.args["condition"]
	value, ok := c.eval(condition, ctx)
	if !ok {
		return broken, ""
	}
	value, _ = value.UnmarkDeep()
	value, err := convert.Convert(value, cty.Bool)
	switch {
	case err != nil:
		c.failIn(ctx, condition, "Invalid condition", "The condition of a %s must be true or false: %s.", rule.typ.name, err)
		return broken, ""
	case !value.IsKnown():
		return unknown, ""
	case value.IsNull():
		c.failIn(ctx, condition, "Invalid condition", "The condition of a %s must be true or false, not null.", rule.typ.name)
		return broken, ""
	case value.True():
		return holds, ""
	}
	if what, ok = c.text(rule.args["error_message"], ctx); !ok {
		what = fmt.Sprintf("The condition at %s does not hold.", condition.rng)
	}
	return broken, what
}

// demand reports the conditions of one kind that do not hold.
func (c *collector) demand(rules []*block, summary string, ctx *hcl.EvalContext) {
	for _, rule := range rules {
		if _, what := c.test(rule, ctx); what != "" {
			c.failIn(ctx, rule.args["condition"], summary, "%s", what)
		}
	}
}

// conditions are the conditions of one kind that a job has, directly or in a
// lifecycle block.
func (j *jobBlock) conditions(name string) []*block {
	rules := j.children(name)
	if l := j.child("lifecycle"); l != nil {
		rules = append(rules, l.children(name)...)
	}
	return rules
}

// selfAttributes are those of self in a postcondition.
var selfAttributes = []string{"address", "name", "pbx", "targets"}

// self is what a postcondition sees of its job.
func (j *Job) self() cty.Value {
	targets := cty.UnknownVal(cty.List(cty.String))
	switch {
	case j.Type != SIPNotify || j.TargetsKnown && len(j.Targets) == 0:
		targets = cty.ListValEmpty(cty.String)
	case j.TargetsKnown:
		names := make([]cty.Value, len(j.Targets))
		for i, t := range j.Targets {
			names[i] = cty.StringVal(t.String())
		}
		targets = cty.ListVal(names)
	}
	pbx := cty.UnknownVal(cty.String)
	if j.PBX != nil {
		pbx = cty.StringVal(j.PBX.Address)
	}
	return cty.ObjectVal(map[string]cty.Value{
		"address": cty.StringVal(j.Address), "name": cty.StringVal(j.Name), "pbx": pbx, "targets": targets,
	})
}

// demandAfter reports the postconditions of a job that do not hold.
func (m *module) demandAfter(j *jobBlock, job *Job, ctx *hcl.EvalContext) {
	rules := j.conditions("postcondition")
	if len(rules) == 0 {
		return
	}
	ctx = ctx.NewChild()
	ctx.Variables = map[string]cty.Value{"self": job.self()}
	m.demand(rules, "Job postcondition failed", ctx)
}

// declareCheck reads a check block: assertions that warn.
func (m *module) declareCheck(b *block) {
	name := b.label()
	if !m.canBeNamed(name, "check", b.rng) {
		return
	}
	for _, other := range m.checks {
		if other.label() == name {
			m.fail(b.rng, "Duplicate check", "The check %q is declared twice. The other declaration is at %s.", name, other.rng)
			return
		}
	}
	if len(b.nested) == 0 && !b.flawed {
		m.fail(b.rng, "Check without assertion", "A check needs at least one block assert { condition = …, error_message = \"…\" }.")
		return
	}
	m.checks = append(m.checks, b)
}

// warn evaluates the checks. What does not hold, or cannot be evaluated as things
// are, is a warning: a check never stops anything.
func (m *module) warn() {
	if m.only != "" {
		return
	}
	for _, b := range m.checks {
		var c collector
		for _, rule := range b.nested {
			_, what := c.test(rule, m.root)
			if what != "" {
				c.failIn(m.root, rule.args["condition"], "Check failed", "%s\n\nThis is what %scheck.%s says.", what, m.path, b.label())
			}
		}
		for _, d := range c.diags {
			d.Severity = hcl.DiagWarning
			m.add(d)
		}
	}
}

package schema

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// contextFor makes a scope of just what the arguments refer to.
func (g *graph) contextFor(args []*arg) *hcl.EvalContext {
	values := make(map[string]map[string]cty.Value)
	for _, a := range args {
		for _, r := range a.refs {
			if values[r.root] == nil {
				values[r.root] = make(map[string]cty.Value)
			}
			values[r.root][r.name] = r.value
		}
	}
	ctx := g.functions.NewChild()
	ctx.Variables = g.fixedVariables()
	for root, v := range values {
		ctx.Variables[root] = rootValue(root, v)
	}
	return ctx
}

// everything makes the scope that all jobs share.
func (g *graph) everything() *hcl.EvalContext {
	ctx := g.functions.NewChild()
	ctx.Variables = g.fixedVariables()
	for root := range common {
		if (root == "sip_notify" || root == "user_event") && !g.jobsUsed {
			continue // of ten thousand jobs, for nothing
		}
		values := make(map[string]cty.Value, len(g.nodes[root]))
		for name, n := range g.nodes[root] {
			values[name] = n.value
		}
		ctx.Variables[root] = rootValue(root, values)
	}
	return ctx
}

// rootValue is the object by which expressions find what is declared under a
// root. The names of data sources have two parts.
func rootValue(root string, values map[string]cty.Value) cty.Value {
	if root != "data" {
		return cty.ObjectVal(values)
	}
	byType := make(map[string]map[string]cty.Value)
	for name, v := range values {
		typ, name, _ := strings.Cut(name, ".")
		if byType[typ] == nil {
			byType[typ] = make(map[string]cty.Value)
		}
		byType[typ][name] = v
	}
	types := make(map[string]cty.Value, len(byType))
	for typ, values := range byType {
		types[typ] = cty.ObjectVal(values)
	}
	return cty.ObjectVal(types)
}

// fixedVariables has the names with one value everywhere: path, and what is not
// known before a job fires. Whether a name may be used, resolve has checked.
func (g *graph) fixedVariables() map[string]cty.Value {
	return map[string]cty.Value{
		"path":    g.here,
		"preset":  presetValues(),
		"target":  cty.DynamicVal,
		"trigger": cty.DynamicVal,
		"event":   cty.DynamicVal,
		"self":    cty.DynamicVal,
	}
}

// pathOf is what path is in the module that lies in a directory of the
// configuration. Files are named relative to the configuration, so that path.root
// and path.config change nothing, wherever it lies and is evaluated.
func pathOf(dir string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"config": cty.StringVal("."), "root": cty.StringVal("."), "module": cty.StringVal(dir)})
}

package schema

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// dataType is a data block of one kind. What its labels are, the kind says.
func (t *DataType) blockType() *blockType {
	b := &blockType{name: "data", labels: []string{"type", "name"}, required: []string{"pbx"}, optional: slices.Clone(metaNames)}
	for _, a := range t.Arguments {
		b.optional = append(b.optional, a.Name)
	}
	return b
}

// dataBlocks has the type of block of each kind of data source.
var dataBlocks = func() map[string]*blockType {
	types := make(map[string]*blockType)
	for _, t := range DataTypes() {
		types[t.Name] = t.blockType()
	}
	return types
}()

// declareData reads a data block. What it stands for is what was read for it,
// which Load is given; what was not is unknown, and asked for in Config.Unread.
func (m *module) declareData(from *hcl.Block) {
	t := DataTypeOf(from.Labels[0])
	if t == nil {
		var names []string
		for _, t := range DataTypes() {
			names = append(names, t.Name)
		}
		m.fail(from.LabelRanges[0], "Unknown data source", "There is no data source %s.%s", excerpt(from.Labels[0]), suggestOrList(from.Labels[0], names))
		return
	}
	b := m.decode(dataBlocks[t.Name], from)
	meta := m.takeMeta(b)
	n := &node{
		root: "data", name: t.Name + "." + b.labels[1], rng: b.rng, flawed: b.flawed,
		args: append(argsOf(b), meta.args()...), scope: meta.scope(),
	}
	address := m.path + n.address()
	n.place, n.repeats = address, meta.scope() != 0
	n.compute = func(ctx *hcl.EvalContext) (cty.Value, bool) {
		if !m.expand(&meta, "data source", ctx) {
			return cty.NilVal, false
		}
		values := make([]cty.Value, 0, len(meta.keys))
		var own []string
		m.perInstance(meta.keys, address, b.rng, func(i instance) {
			b.unread(i)
			values = append(values, m.evalData(n, t, b, address+i.suffix, i, i.in(ctx)))
			own = append(own, address+i.suffix)
		})
		slices.Sort(own)
		n.needs, n.data = n.data, union(n.data, own)
		if n.failed || len(values) < len(meta.keys) {
			return cty.NilVal, false
		}
		return meta.value(values), true
	}
	m.declare(n)
}

// evalData gives what was read for one instance.
func (m *module) evalData(n *node, t *DataType, b *block, address string, i instance, ctx *hcl.EvalContext) cty.Value {
	unknown := cty.UnknownVal(t.Type())
	r := &DataRequest{Address: address, Type: t.Name, Args: make(map[string]cty.Value), DeclRange: b.rng}
	later := i.unread
	before := len(m.diags)
	for name, a := range b.args {
		switch v, ok := m.eval(a, ctx); {
		case !ok:
		case !v.IsWhollyKnown() && a.unread():
			later = true
		case name == "pbx":
			r.PBX = m.pbxOf(a, ctx)
		default:
			want := t.Argument(name).Type
			if v, ok := m.value(a, ctx, want); ok {
				r.Args[name] = v
			} else if known, err := convert.Convert(v, want); err == nil && known.IsNull() {
				continue // as good as absent
			}
		}
	}
	if m.diags[before:].HasErrors() || !later && r.PBX == nil {
		n.failed = true
		return unknown
	}
	if later {
		n.unread = true
		return unknown
	}
	m.config.Data = append(m.config.Data, r)
	if d := m.read[address]; d != nil {
		return d.value()
	}
	m.config.Unread = append(m.config.Unread, r)
	n.unread = true
	return unknown
}

// dataOf are the addresses of the data sources that an argument depends on, as it
// is in a scope: of a data block with for_each or count only those instances that
// it names, where these can be told, so that a site does not depend on others.
func dataOf(a *arg, ctx *hcl.EvalContext) []string {
	var data []string
	var named map[*node][]string
	for _, r := range a.refs {
		switch {
		case len(r.data) == 0:
		case r.repeats:
			if named == nil {
				named = instancesNamed(a, ctx)
			}
			if only, ok := named[r]; ok {
				data = union(data, only)
				continue
			}
			fallthrough
		default:
			data = union(data, r.data)
		}
	}
	return data
}

// instancesNamed finds the data blocks of which an argument names single
// instances only, and what it depends on by that.
func instancesNamed(a *arg, ctx *hcl.EvalContext) map[*node][]string {
	expr, ok := a.expr.(hclsyntax.Node)
	if !ok {
		return nil
	}
	find := func(t hcl.Traversal) *node {
		if t.RootName() != "data" {
			return nil
		}
		name := nameIn(t)
		if i := slices.IndexFunc(a.refs, func(r *node) bool { return r.root == "data" && r.name == name }); i >= 0 {
			return a.refs[i]
		}
		return nil
	}
	named := make(map[*node][]string)
	all := make(map[*node]int)    // references to it
	single := make(map[*node]int) // those of them that name an instance
	name := func(n *node, key cty.Value) {
		key, _ = key.Unmark()
		if !key.IsKnown() || key.IsNull() || !key.Type().IsPrimitiveType() {
			return
		}
		suffix, ok := suffixOf(key)
		if _, there := slices.BinarySearch(n.data, n.place+suffix); ok && there {
			single[n]++
			named[n] = union(named[n], union(n.needs, []string{n.place + suffix}))
		}
	}
	for _, t := range a.expr.Variables() {
		if n := find(t); n != nil {
			all[n]++
			if len(t) > 3 {
				if index, ok := t[3].(hcl.TraverseIndex); ok {
					name(n, index.Key)
				}
			}
		}
	}
	hclsyntax.VisitAll(expr, func(x hclsyntax.Node) hcl.Diagnostics {
		index, ok := x.(*hclsyntax.IndexExpr)
		if !ok {
			return nil
		}
		whole, ok := bare(index.Collection).(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(whole.Traversal) != 3 {
			return nil
		}
		if n := find(whole.Traversal); n != nil {
			if key, diags := index.Key.Value(ctx); !diags.HasErrors() {
				name(n, key)
			}
		}
		return nil
	})
	for n := range all {
		if single[n] < all[n] {
			delete(named, n)
		}
	}
	return named
}

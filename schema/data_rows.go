package schema

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// checkRows looks in an argument for loops over the rows of a data source and for
// attributes in them that no row has. Evaluating it finds them only when there are
// rows, and nobody is to wait for that until the night of the rollout.
func (g *graph) checkRows(a *arg) bool {
	expr, ok := a.expr.(hclsyntax.Node)
	if !ok {
		return true
	}
	good := true
	hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		loop, ok := n.(*hclsyntax.ForExpr)
		if !ok {
			return nil
		}
		rows := rowsIn(loop.CollExpr)
		if rows == nil {
			return nil
		}
		for _, e := range []hclsyntax.Expression{loop.KeyExpr, loop.ValExpr, loop.CondExpr} {
			if e == nil {
				continue
			}
			w := &rowWalker{name: loop.ValVar, rows: rows}
			hclsyntax.Walk(e, w)
			for _, t := range w.unknown {
				name := t[1].(hcl.TraverseAttr).Name
				g.fail(t.SourceRange(), "Invalid reference", "What %s stands for has no attribute %q.%s", excerpt(loop.ValVar), name, suggestOrList(name, w.names()))
				good = false
			}
		}
		return nil
	})
	return good
}

// rowsIn are the attributes of the rows that an expression leads to; nil: it leads
// to none that are known.
func rowsIn(e hclsyntax.Expression) []DataAttribute {
	var path hcl.Traversal // behind the data block
	switch e := bare(e).(type) {
	case *hclsyntax.ScopeTraversalExpr: // data.TYPE.NAME.ATTR, data.TYPE.NAME["KEY"].ATTR
		path = e.Traversal
	case *hclsyntax.RelativeTraversalExpr: // data.TYPE.NAME[KEY].ATTR
		index, ok := bare(e.Source).(*hclsyntax.IndexExpr)
		if !ok {
			return nil
		}
		whole, ok := bare(index.Collection).(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(whole.Traversal) != 3 {
			return nil
		}
		path = slices.Concat(whole.Traversal, hcl.Traversal{hcl.TraverseIndex{}}, e.Traversal)
	default:
		return nil
	}
	if len(path) < 4 || path.RootName() != "data" {
		return nil
	}
	kind, ok := path[1].(hcl.TraverseAttr)
	if !ok {
		return nil
	}
	t := DataTypeOf(kind.Name)
	path = path[3:]
	if _, index := path[0].(hcl.TraverseIndex); index {
		path = path[1:]
	}
	if t == nil || len(path) != 1 {
		return nil
	}
	attr, ok := path[0].(hcl.TraverseAttr)
	if !ok {
		return nil
	}
	if i := slices.IndexFunc(t.Attributes, func(a DataAttribute) bool { return a.Name == attr.Name }); i >= 0 {
		return t.Attributes[i].Rows
	}
	return nil
}

// rowWalker finds references to attributes of a row that it has not.
type rowWalker struct {
	name    string // of the loop's variable
	rows    []DataAttribute
	hidden  int // by how many inner loops with a variable of this name
	unknown []hcl.Traversal
}

func (w *rowWalker) names() []string {
	names := make([]string, len(w.rows))
	for i, a := range w.rows {
		names[i] = a.Name
	}
	return names
}

func (w *rowWalker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case hclsyntax.ChildScope:
		if _, hides := n.LocalNames[w.name]; hides {
			w.hidden++
		}
	case *hclsyntax.ScopeTraversalExpr:
		if w.hidden > 0 || n.Traversal.RootName() != w.name || len(n.Traversal) < 2 {
			return nil
		}
		if attr, ok := n.Traversal[1].(hcl.TraverseAttr); ok && !slices.Contains(w.names(), attr.Name) {
			w.unknown = append(w.unknown, n.Traversal)
		}
	}
	return nil
}

func (w *rowWalker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	if n, ok := n.(hclsyntax.ChildScope); ok {
		if _, hides := n.LocalNames[w.name]; hides {
			w.hidden--
		}
	}
	return nil
}

package schema

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// TriggerDigest identifies what of the job is known only when it fires: how its
// targets and its message are written, and the values to which they refer. So a
// plan sees that they have changed, though not what they will be. It is empty
// where nothing depends on the trigger.
func (j *Job) TriggerDigest() string {
	b := j.eval.block
	if !b.fired.uses {
		return ""
	}
	args := b.firedArgs()
	if targets, exclude := b.args["targets"], b.args["exclude"]; (usesOf(targets)|usesOf(exclude))&inTrigger == 0 {
		args = slices.DeleteFunc(args, func(x *arg) bool { return x == targets || x == exclude }) // they are known
	}
	return j.eval.src.digestOf(args, j.eval.ctx)
}

// digestOf identifies expressions: what is written there but for blanks, the
// values of what they refer to, and the content of the files that they read.
// What varies has no value yet, and is only what is written.
func (s *Source) digestOf(args []*arg, ctx *hcl.EvalContext) string {
	f := framed(nil)
	for _, a := range args {
		f = f.string(a.name).string(tokensOf(s.excerptOf(a)))
		for _, t := range a.expr.Variables() {
			switch t.RootName() {
			case "target", "trigger", "event":
				continue
			case "message":
				if slices.ContainsFunc(a.refs, func(r *node) bool { return r.message != nil && r.varies != 0 }) {
					continue // its arguments are among args
				}
			}
			if i := slices.IndexFunc(a.refs, func(r *node) bool { return r.leadsTo(t) }); i >= 0 {
				f = f.string(s.digestOfNode(a.refs[i], ctx))
			} else if v, diags := t.TraverseAbs(ctx); !diags.HasErrors() {
				f = f.string(encoded(v))
			}
		}
		for _, v := range filesIn(a.expr, ctx) {
			f = f.string(v)
		}
	}
	return shortDigest(f)
}

// leadsTo tells whether a traversal leads to the node and no further; or further,
// if what is there is what a data source says.
func (n *node) leadsTo(t hcl.Traversal) bool {
	if t.RootName() != n.root || nameIn(t) != n.name {
		return false
	}
	return len(t) == 2 || len(n.data) > 0
}

// digestOfNode identifies the value of a node, which may be large and have many
// references. Of what depends on data sources it is how that is written: what they
// say is no part of a configuration.
func (s *Source) digestOfNode(n *node, ctx *hcl.EvalContext) string {
	n.once.Do(func() {
		if len(n.data) == 0 {
			n.sum = shortDigest([]byte(encoded(n.value)))
			return
		}
		f := framed(nil).string(n.address()).string(s.digestOf(n.args, ctx))
		for _, part := range n.parts {
			f = f.string(s.digestOfNode(part, ctx))
		}
		n.sum = shortDigest(f)
	})
	return n.sum
}

// encoded is a value in a form that tells it from others.
func encoded(v cty.Value) string {
	v, _ = v.UnmarkDeep()
	if !v.IsWhollyKnown() {
		return ""
	}
	v = unnamed(v)
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return ""
	}
	return string(b)
}

// filesIn gives the digests of the files that an expression reads, as far as
// their names are known.
func filesIn(expr hcl.Expression, ctx *hcl.EvalContext) []string {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return nil
	}
	var digests []string
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		call, ok := n.(*hclsyntax.FunctionCallExpr)
		if !ok || !fileFunctions[call.Name] || len(call.Args) == 0 {
			return nil
		}
		name, diags := call.Args[0].Value(ctx)
		if diags.HasErrors() || !name.IsKnown() {
			return nil
		}
		if call.Name == "fileset" {
			if names, diags := call.Value(ctx); !diags.HasErrors() {
				digests = append(digests, encoded(names))
			}
			return nil
		}
		if v, err := functionIn(ctx, "filesha256").Call([]cty.Value{name}); err == nil {
			digests = append(digests, encoded(v))
		}
		return nil
	})
	return digests
}

// functionIn finds a function that every scope has.
func functionIn(ctx *hcl.EvalContext, name string) function.Function {
	for ctx.Functions == nil {
		ctx = ctx.Parent()
	}
	return ctx.Functions[name]
}

// excerptOf gives an expression as it stands in its file, without literal
// secrets.
func (s *Source) excerptOf(a *arg) []byte {
	s.mu.Lock()
	file := s.parsed[a.rng.Filename]
	s.mu.Unlock()
	if file == nil || a.rng.End.Byte > len(file.Bytes) {
		return nil
	}
	text := file.Bytes[a.rng.Start.Byte:a.rng.End.Byte]
	return blank(text, literalSecrets(text, nil, false))
}

// written gives it in one line.
func (s *Source) written(a *arg) string {
	return strings.Join(strings.Fields(string(s.excerptOf(a))), " ")
}

// tokensOf gives an expression without what formatting changes.
func tokensOf(text []byte) string {
	tokens, _ := hclsyntax.LexExpression(text, "", hcl.InitialPos)
	var f framed
	for _, t := range tokens {
		if t.Type != hclsyntax.TokenNewline && t.Type != hclsyntax.TokenComment && t.Type != hclsyntax.TokenEOF {
			f = f.string(string(t.Bytes))
		}
	}
	return string(f)
}

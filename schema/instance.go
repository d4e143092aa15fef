package schema

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// metaArgs are the arguments of a block that say how often it stands and what is
// evaluated before it. They belong to the block, and the others to each of its
// instances.
type metaArgs struct {
	each, count, dependsOn *arg // nil: not given

	keys []instance // set when the block's node is visited
}

var metaNames = []string{"for_each", "count", "depends_on"}

// instance is one of those that a block with for_each or count makes, or the
// block itself.
type instance struct {
	suffix string    // ["hq"], [0] or nothing
	vars   cty.Value // the object each, or count.index, of which there may be a million; NilVal without
	root   string    // each or count

	// unread says that it stands for instances that nobody knows before data
	// have been read.
	unread bool
}

// takeMeta takes the meta-arguments out of the arguments of a block.
func (l *loader) takeMeta(b *block) metaArgs {
	var m metaArgs
	for name, place := range map[string]**arg{"for_each": &m.each, "count": &m.count, "depends_on": &m.dependsOn} {
		if a := b.args[name]; a != nil {
			a.meta = true
			*place = a
			delete(b.args, name)
		}
	}
	if m.each != nil && m.count != nil {
		l.fail(m.count.rng, "Conflicting arguments", "The arguments \"for_each\" and \"count\" exclude each other. Keep one of them.")
	}
	return m
}

// args are those of them that are given.
func (m *metaArgs) args() []*arg {
	return slices.DeleteFunc([]*arg{m.each, m.count, m.dependsOn}, func(a *arg) bool { return a == nil })
}

// scope has the names that they make exist in the block.
func (m *metaArgs) scope() scope {
	var s scope
	if m.each != nil {
		s |= inEach
	}
	if m.count != nil {
		s |= inCount
	}
	return s
}

// expand finds the instances of a block; what names them to an operator.
func (l *loader) expand(m *metaArgs, what string, ctx *hcl.EvalContext) bool {
	var ok bool
	switch {
	case m.each != nil:
		m.keys, ok = l.forEach(m.each, what, ctx)
	case m.count != nil:
		m.keys, ok = l.countOf(m.count, what, ctx)
	default:
		m.keys, ok = make([]instance, 1), true
	}
	return ok
}

// value is what expressions see of a block whose instances have these values.
func (m *metaArgs) value(values []cty.Value) cty.Value {
	switch {
	case len(m.keys) == 1 && m.keys[0].unread:
		return cty.DynamicVal
	case m.each != nil:
		all := make(map[string]cty.Value, len(values))
		for i, v := range values {
			key, _ := m.keys[i].vars.GetAttr("key").Unmark()
			all[key.AsString()] = v
		}
		return cty.ObjectVal(all)
	case m.count != nil:
		return cty.TupleVal(values)
	}
	return values[0]
}

// in gives the scope of an instance.
func (i instance) in(ctx *hcl.EvalContext) *hcl.EvalContext {
	if i.root == "" {
		return ctx
	}
	vars := i.vars
	if i.root == "count" {
		vars = cty.ObjectVal(map[string]cty.Value{"index": vars})
	}
	inner := ctx.NewChild()
	inner.Variables = map[string]cty.Value{i.root: vars}
	return inner
}

// perInstance evaluates each instance of a block. After too many that are wrong the
// rest is not tried: then it returns false.
func (m *module) perInstance(keys []instance, address string, rng hcl.Range, f func(i instance)) bool {
	bad := 0
	for _, i := range keys {
		where := ""
		if i.root != "" || m.path != "" {
			where = address + i.suffix
		}
		before := len(m.collector.diags)
		failed := m.once(where, rng, func() { f(i) })
		if where == "" {
			for n, d := range m.collector.diags[before:] {
				m.collector.diags[before+n] = of(address, d)
			}
		}
		if failed {
			if bad++; bad == maxBadInstances {
				return false
			}
		}
	}
	return true
}

// once evaluates one of several that are written at one place: what is wrong there is
// told of the first of them, with its address. It tells whether there were errors.
// Without an address there is only one, and all is told.
func (l *loader) once(address string, rng hcl.Range, f func()) (failed bool) {
	all, errors := l.collector.diags, l.collector.errors
	l.collector.diags = nil
	f()
	found := l.collector.diags
	l.collector.diags = all
	for _, d := range found {
		if address != "" && DiagnosticAddress(d) == "" { // else it is of something in it, which told it
			key := toldKey{d.Summary, d.Severity, *cmp.Or(d.Subject, &rng)}
			if first, told := l.told[key]; told && first != address {
				continue
			}
			l.told[key] = address
			d = of(address, appended(d, "This is so for %s.", address))
		}
		l.collector.diags = append(l.collector.diags, d)
	}
	return l.collector.errors > errors // also those that were told of another
}

// toldKey is what diagnostics of several instances have in common: their words may
// differ by the values.
type toldKey struct {
	summary  string
	severity hcl.DiagnosticSeverity
	subject  hcl.Range
}

func (l *loader) countOf(a *arg, what string, ctx *hcl.EvalContext) ([]instance, bool) {
	v, ok := l.value(a, ctx, cty.Number)
	if !ok {
		switch {
		case v == cty.NilVal:
		case !v.IsKnown() && a.unread():
			return []instance{{suffix: "[…]", root: "count", vars: cty.UnknownVal(cty.Number), unread: true}}, true
		case v.IsKnown() && v.IsNull():
			l.failIn(ctx, a, "Invalid count", "The argument \"count\" is null. For no %s, give 0.", what)
		}
		return nil, false
	}
	var n int
	if err := gocty.FromCtyValue(v, &n); err != nil || n < 0 {
		l.failIn(ctx, a, "Invalid count", "The argument \"count\" must be a whole number that is not negative, not %s.", numberText(v))
		return nil, false
	}
	if !l.room(a, what, n) {
		return nil, false
	}
	keys := make([]instance, n)
	for i := range keys {
		keys[i] = instance{suffix: "[" + strconv.Itoa(i) + "]", root: "count", vars: cty.NumberIntVal(int64(i))}
	}
	return keys, true
}

// room checks that n more instances are within bounds.
func (l *loader) room(a *arg, what string, n int) bool {
	if l.instances += n; l.instances > maxInstances || n > maxInstances {
		l.fail(a.rng, "Too many instances", "This would make %d %ss of one block; all blocks together can make %d. For many phones give one job many targets.", n, what, maxInstances)
		l.instances -= n
		return false
	}
	return true
}

func (l *loader) forEach(a *arg, what string, ctx *hcl.EvalContext) ([]instance, bool) {
	v, ok := l.eval(a, ctx)
	if !ok {
		return nil, false
	}
	const form = "The argument \"for_each\" takes a map, an object, or a set of texts"
	bad := func(format string, args ...any) ([]instance, bool) {
		l.failIn(ctx, a, "Invalid for_each", format, args...)
		return nil, false
	}
	ty := v.Type()
	switch {
	case v.IsMarked() || ty.IsSetType() && hasSensitive(v):
		return bad("The value of \"for_each\" is sensitive, but its keys are shown as parts of addresses. If the keys are no secrets, wrap them in nonsensitive(…).")
	case !v.IsKnown() && a.unread():
		each := map[string]cty.Value{"key": cty.UnknownVal(cty.String), "value": cty.DynamicVal}
		return []instance{{suffix: "[…]", root: "each", vars: cty.ObjectVal(each), unread: true}}, true
	case !v.IsKnown():
		return bad("The value of \"for_each\" is known only when a job fires, but the instances must be known before.")
	case v.IsNull():
		return bad("%s, not null. For no %s, give an empty map.", form, what)
	case ty.IsTupleType() || ty.IsListType():
		return bad("%s, not a list, whose elements have no names. If they are texts, convert it: toset(…).", form)
	case ty.IsSetType() && ty.ElementType() != cty.String && v.LengthInt() > 0:
		return bad("%s, not a %s.", form, ty.FriendlyName())
	case !ty.IsSetType() && !ty.IsMapType() && !ty.IsObjectType():
		return bad("%s, not a %s.", form, ty.FriendlyName())
	case !l.room(a, what, v.LengthInt()):
		return nil, false
	}
	out := make([]instance, 0, v.LengthInt())
	for it := v.ElementIterator(); it.Next(); { // sorted by key
		key, value := it.Element()
		if ty.IsSetType() {
			key = value
		}
		if !key.IsKnown() || key.IsNull() {
			return bad("The set of \"for_each\" has an element that is null, or that is known only when a job fires.")
		}
		out = append(out, instance{
			suffix: "[" + quoteKey(key.AsString()) + "]", root: "each",
			vars: cty.ObjectVal(map[string]cty.Value{"key": key, "value": value}),
		})
	}
	return out, true
}

// quoteKey writes a key as the language would.
func quoteKey(key string) string {
	q := strconv.Quote(key)
	if !strings.ContainsAny(key, "$%") {
		return q
	}
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(q)
}

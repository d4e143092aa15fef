package schema

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
)

// instance is one of the jobs of a block.
type instance struct {
	suffix string    // ["hq"], [0] or nothing
	vars   cty.Value // the object each or count; NilVal without
	root   string    // its name
}

func (l *loader) countOf(a *arg, ctx *hcl.EvalContext) (int, bool) {
	v, ok := l.value(a, ctx, cty.Number)
	if !ok {
		if v != cty.NilVal && v.IsKnown() && v.IsNull() {
			l.fail(a.rng, "Invalid count", "The argument \"count\" is null. For no job, give 0.")
		}
		return 0, false
	}
	var n int
	if err := gocty.FromCtyValue(v, &n); err != nil || n < 0 {
		l.fail(a.rng, "Invalid count", "The argument \"count\" must be a whole number that is not negative, not %s.", numberText(v))
		return 0, false
	}
	return n, l.room(a, n)
}

// room checks that n more instances are within bounds.
func (l *loader) room(a *arg, n int) bool {
	if l.instances += n; l.instances > maxInstances || n > maxInstances {
		l.fail(a.rng, "Too many instances", "This would make %d jobs of one block; all blocks together can make %d. For many phones give one job many targets.", n, maxInstances)
		l.instances -= n
		return false
	}
	return true
}

func (l *loader) forEach(a *arg, ctx *hcl.EvalContext) ([]instance, bool) {
	v, ok := l.eval(a, ctx)
	if !ok {
		return nil, false
	}
	const form = "The argument \"for_each\" takes a map, an object, or a set of texts"
	bad := func(format string, args ...any) ([]instance, bool) {
		l.fail(a.rng, "Invalid for_each", format, args...)
		return nil, false
	}
	ty := v.Type()
	switch {
	case v.IsMarked() || ty.IsSetType() && hasSensitive(v):
		return bad("The value of \"for_each\" is sensitive, but its keys are shown as parts of addresses. If the keys are no secrets, wrap them in nonsensitive(…).")
	case !v.IsKnown():
		return bad("The value of \"for_each\" is known only when a job fires, but the jobs must be known before.")
	case v.IsNull():
		return bad("%s, not null. For no job, give an empty map.", form)
	case ty.IsTupleType() || ty.IsListType():
		return bad("%s, not a list, whose elements have no names. If they are texts, convert it: toset(…).", form)
	case ty.IsSetType() && ty.ElementType() != cty.String && v.LengthInt() > 0:
		return bad("%s, not a %s.", form, ty.FriendlyName())
	case !ty.IsSetType() && !ty.IsMapType() && !ty.IsObjectType():
		return bad("%s, not a %s.", form, ty.FriendlyName())
	case !l.room(a, v.LengthInt()):
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

package schema

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"
)

// blockType says what a block may contain.
type blockType struct {
	name     string
	labels   []string
	required []string
	optional []string
	nested   []*blockType
	repeats  bool             // may stand several times in its parent
	kinds    []*blockType     // if its label says which arguments it has: by name
	scope    scope            // what its expressions may refer to beside the common names
	scopes   map[string]scope // where an argument's scope differs
}

func (t *blockType) schema() *hcl.BodySchema {
	s := &hcl.BodySchema{}
	for _, n := range t.required {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: n, Required: true})
	}
	for _, n := range t.optional {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: n})
	}
	for _, b := range t.nested {
		s.Blocks = append(s.Blocks, hcl.BlockHeaderSchema{Type: b.name, LabelNames: b.labels})
	}
	return s
}

// block is one block with its arguments, not evaluated.
type block struct {
	typ    *blockType
	labels []string
	rng    hcl.Range // of its header
	args   map[string]*arg
	nested []*block
	flawed bool            // decoding found a mistake in it
	meant  map[string]bool // what wrong names in it were probably meant to be
}

// arg is one argument of a block, or one local value.
type arg struct {
	name string
	expr hcl.Expression
	rng  hcl.Range // of the expression
	meta bool      // it is for_each, count or depends_on

	// Set by loader.resolve.
	ok   bool    // all its references are to something that exists
	uses scope   // which of the names that vary it refers to
	refs []*node // what it refers to

	later bool // it refers to each or count of instances that are known only when data have been read
}

func (b *block) label() string {
	if len(b.labels) == 0 {
		return ""
	}
	return b.labels[0]
}

// child returns the nested block of a type that may stand once, or nil.
func (b *block) child(name string) *block {
	for _, n := range b.nested {
		if n.typ.name == name {
			return n
		}
	}
	return nil
}

func (b *block) children(name string) []*block {
	var out []*block
	for _, n := range b.nested {
		if n.typ.name == name {
			out = append(out, n)
		}
	}
	return out
}

// unread notes of the arguments that refer to each or count that these are not
// known yet, if it is so.
func (b *block) unread(i instance) {
	if !i.unread {
		return
	}
	for _, a := range argsOf(b) {
		a.later = a.later || a.uses&(inEach|inCount) != 0
	}
}

// rangeOf gives the range of an argument, or of the header without it.
func (b *block) rangeOf(name string) hcl.Range {
	if a := b.args[name]; a != nil {
		return a.rng
	}
	return b.rng
}

// argsOf returns the arguments of a block and of those in it.
func argsOf(b *block) []*arg {
	args := make([]*arg, 0, len(b.args))
	for _, name := range slices.Sorted(maps.Keys(b.args)) {
		args = append(args, b.args[name])
	}
	for _, n := range b.nested {
		args = append(args, argsOf(n)...)
	}
	return args
}

// decoder turns hcl bodies into blocks; its schemas are made once.
type decoder struct {
	*collector
	schemas map[*blockType]*hcl.BodySchema
}

func (d *decoder) schemaOf(t *blockType) *hcl.BodySchema {
	s := d.schemas[t]
	if s == nil {
		s = t.schema()
		d.schemas[t] = s
	}
	return s
}

// decode reads a block. What is missing or too much in it is reported; the
// block is returned all the same, so that its other mistakes are found, too.
func (d *decoder) decode(t *blockType, from *hcl.Block) *block {
	before := len(d.diags)
	b := d.decodeBody(t, from.Body)
	b.labels, b.rng = from.Labels, from.DefRange
	b.flawed = d.diags[before:].HasErrors()
	return b
}

func (d *decoder) decodeBody(t *blockType, body hcl.Body) *block {
	content, meant := d.content(t, d.schemaOf(t), body)
	b := &block{typ: t, meant: meant, rng: body.MissingItemRange(), args: argsIn(content.Attributes)}
	for _, n := range content.Blocks {
		i := slices.IndexFunc(t.nested, func(t *blockType) bool { return t.name == n.Type })
		nt := t.nested[i]
		if nt.kinds != nil {
			if nt = d.kind(nt, n); nt == nil {
				continue
			}
		}
		if first := b.child(nt.name); first != nil && !nt.repeats {
			d.fail(n.DefRange, "Duplicate block", "Only one %q block is allowed here. The other one is at %s.", n.Type, first.rng)
			continue
		}
		b.nested = append(b.nested, d.decode(nt, n))
	}
	return b
}

// argsIn makes arguments of attributes.
func argsIn(attrs hcl.Attributes) map[string]*arg {
	args := make(map[string]*arg, len(attrs))
	for name, a := range attrs {
		args[name] = &arg{name: name, expr: a.Expr, rng: a.Expr.Range()}
	}
	return args
}

// kind finds the type of a block whose label says it.
func (d *decoder) kind(t *blockType, from *hcl.Block) *blockType {
	var names []string
	for _, k := range t.kinds {
		if k.name == from.Labels[0] {
			return k
		}
		names = append(names, k.name)
	}
	d.fail(from.LabelRanges[0], "Unknown "+t.name, "There is no %s %s.%s", t.name, excerpt(from.Labels[0]), suggestOrList(from.Labels[0], names))
	return nil
}

// unread tells whether an argument refers to data that have not been read, so
// that its value is not known yet.
func (a *arg) unread() bool {
	return a != nil && (a.later || slices.ContainsFunc(a.refs, func(r *node) bool { return r.unread }))
}

// eval evaluates an argument. It gives false where the argument is absent, and
// where a mistake has been reported, here or in something that it refers to.
func (c *collector) eval(a *arg, ctx *hcl.EvalContext) (cty.Value, bool) {
	if a == nil || !a.usable() {
		return cty.NilVal, false
	}
	v, diags := a.expr.Value(ctx)
	if len(diags) > 0 {
		c.add(tidied(diags, a.expr, ctx)...)
	}
	return v, !diags.HasErrors()
}

// usable tells whether everything that an argument refers to has a value.
func (a *arg) usable() bool {
	if !a.ok {
		return false
	}
	for _, r := range a.refs {
		if r.failed {
			return false
		}
	}
	return true
}

// value evaluates an argument that must have a known value of a type, which
// may be shown. Null is as good as absent, and so is what is known only when data
// have been read.
func (c *collector) value(a *arg, ctx *hcl.EvalContext, want cty.Type) (cty.Value, bool) {
	v, ok := c.eval(a, ctx)
	if !ok {
		return v, false
	}
	switch {
	case hasSensitive(v):
		c.failIn(ctx, a, "Sensitive value not allowed",
			"The argument %q is shown in plans and in the state, so that it cannot take a sensitive value. If the value is no secret, wrap it in nonsensitive(…).", a.name)
		return v, false
	case !v.IsWhollyKnown() && a.unread():
		return v, false
	case !v.IsWhollyKnown():
		c.failIn(ctx, a, "Value not known yet",
			"The argument %q must be known before anything is sent, but this value is known only when the job fires. Use trigger only in targets and messages.", a.name)
		return v, false
	case v.IsNull():
		return v, false
	}
	got, err := convert.Convert(v, want)
	if err != nil {
		c.failIn(ctx, a, "Wrong type of value", "The argument %q cannot take this value: %s.", a.name, err)
		return v, false
	}
	return got, true
}

func (c *collector) text(a *arg, ctx *hcl.EvalContext) (string, bool) {
	v, ok := c.value(a, ctx, cty.String)
	if !ok {
		return "", false
	}
	return v.AsString(), true
}

func (c *collector) boolean(a *arg, ctx *hcl.EvalContext) (value, ok bool) {
	v, ok := c.value(a, ctx, cty.Bool)
	return ok && v.True(), ok
}

// whole evaluates a whole number in a range.
func (c *collector) whole(a *arg, ctx *hcl.EvalContext, least, most int) (int, bool) {
	v, ok := c.value(a, ctx, cty.Number)
	if !ok {
		return 0, false
	}
	var n int
	if err := gocty.FromCtyValue(v, &n); err != nil || n < least || n > most {
		c.failIn(ctx, a, "Number out of range", "The argument %q must be a whole number from %d to %d, not %s.", a.name, least, most, numberText(v))
		return 0, false
	}
	return n, true
}

func numberText(v cty.Value) string {
	f := v.AsBigFloat()
	if f.MantExp(nil) > 2048 { // some 600 digits
		return f.Text('g', 6)
	}
	return big.NewFloat(0).Set(f).Text('f', -1)
}

// duration evaluates a length of time such as "90s".
func (c *collector) duration(a *arg, ctx *hcl.EvalContext, least time.Duration) (time.Duration, bool) {
	s, ok := c.text(a, ctx)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		c.failIn(ctx, a, "Invalid duration", "%s is not a duration. Use a form such as \"500ms\", \"30s\", \"5m\" or \"24h\".", excerpt(s))
	case d < least && least == 0:
		c.failIn(ctx, a, "Invalid duration", "The argument %q cannot be negative, but is %s.", a.name, s)
	case d < least:
		c.failIn(ctx, a, "Invalid duration", "The argument %q must be at least %s, but is %s.", a.name, least, s)
	default:
		return d, true
	}
	return 0, false
}

// span evaluates a longer time, which may also be in days and weeks: "90d",
// "1w2d", "36h".
func (c *collector) span(a *arg, ctx *hcl.EvalContext, least time.Duration) (time.Duration, bool) {
	s, ok := c.text(a, ctx)
	if !ok {
		return 0, false
	}
	d, ok := ParseSpan(s)
	switch {
	case !ok:
		c.failIn(ctx, a, "Invalid duration", "%s is not a duration. Use a form such as \"90d\", \"12w\" or \"36h\".", excerpt(s))
	case d < least:
		c.failIn(ctx, a, "Invalid duration", "The argument %q must be at least %s, but is %s.", a.name, shortTime(least), s)
	default:
		return d, true
	}
	return 0, false
}

// ParseSpan reads a longer time: whole weeks and days, as in "90d", before what
// Go reads. What is longer than any use is cut.
func ParseSpan(s string) (time.Duration, bool) {
	var total time.Duration
	rest := s
	for _, unit := range []struct {
		name string
		time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		digits := strings.TrimLeft(rest, "0123456789")
		number := rest[:len(rest)-len(digits)]
		after, ok := strings.CutPrefix(digits, unit.name)
		if !ok || number == "" {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n > int64(maxSpan/unit.Duration) {
			n = int64(maxSpan / unit.Duration)
		}
		total = min(total+time.Duration(n)*unit.Duration, maxSpan)
		rest = after
	}
	if rest == "" {
		return min(total, maxSpan), s != ""
	}
	d, err := time.ParseDuration(rest)
	if err != nil || total > 0 && d < 0 {
		return 0, false
	}
	return min(total+min(d, maxSpan), maxSpan), true
}

// choice evaluates one of a few words.
func choice[T ~string](c *collector, a *arg, ctx *hcl.EvalContext, words ...T) (T, bool) {
	s, ok := c.text(a, ctx)
	if !ok {
		return "", false
	}
	if slices.Contains(words, T(s)) {
		return T(s), true
	}
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = string(w)
	}
	c.failIn(ctx, a, "Invalid value", "The argument %q must be %s, not %s.%s", a.name, strings.Join(quoted(names), " or "), excerpt(s), suggest(s, names))
	return "", false
}

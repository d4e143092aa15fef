package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// An overview of a plan shows jobs as groups: the same happens to all jobs of
// one, but for names and values that are each job's own. First the instances of
// a block make up groups; only where these are too many for two screens, the
// small ones are gathered, first of a block, then over the blocks.

// traits are a job with what may tell it apart from others.
type traits struct {
	*engine.JobPlan
	block, key string
	order      int    // in the plan
	shape      string // what kind of change it is: which attributes change, whether it fires
	values     []string
}

// group is jobs that are shown as one, in the order of the plan.
type group []*traits

// maxGroups is how many groups an overview tries to do with.
const maxGroups = 12

func traitsOf(jp *engine.JobPlan, order int) *traits {
	t := &traits{JobPlan: jp, order: order}
	t.block, t.key = blockOf(jp.Address)
	kind, enabled := "", true
	if jp.Job != nil {
		kind, enabled = string(jp.Job.Type), jp.Job.Enabled
	}
	var shape strings.Builder
	fmt.Fprint(&shape, jp.Op, kind, enabled, jp.Fire != nil, len(jp.Resume) > 0, jp.Paused != nil)
	add := func(name string, values ...string) {
		shape.WriteString("\x00" + name)
		t.values = append(t.values, strings.Join(values, "\x00"))
	}
	switch jp.Op {
	case engine.Add:
		for _, a := range jp.Attrs {
			if a.Name != "targets" && a.Name != "message" { // digests of what all targets are, and get
				add(a.Name, a.Value, a.Digest)
			}
		}
	case engine.Change:
		for _, c := range jp.Changes {
			if c.Name == "targets" || c.Name == "message" {
				shape.WriteString("\x00" + c.Name)
				continue
			}
			add(c.Name, changeText(c))
		}
	}
	for _, n := range notes(jp) {
		add("note", n.many)
	}
	if jp.Fire != nil {
		add("reason", reason(jp.Fire))
		if !jp.Job.MessageVaries() && jp.Op != engine.Add {
			add("fires", jp.Fire.First.Action, jp.Fire.Deliveries[0].Message)
		}
	}
	t.shape = shape.String()
	return t
}

func changeText(c engine.AttrChange) string {
	switch {
	case c.Old == nil:
		return *c.New
	case c.New == nil:
		return *c.Old + " → (not set)"
	case *c.Old == *c.New:
		return *c.New + " (changed)"
	}
	return *c.Old + " → " + *c.New
}

// blockOf takes the keys of instances out of an address: sip_notify.x["a"] is
// "a" of sip_notify.x[…].
func blockOf(address string) (block, key string) {
	var b strings.Builder
	var keys []string
	for {
		i := strings.IndexByte(address, '[')
		if i < 0 {
			b.WriteString(address)
			return b.String(), strings.Join(keys, " ")
		}
		end := i + schema.KeyLength(address[i:])
		keys = append(keys, strings.TrimSuffix(address[i+1:end], "]"))
		b.WriteString(address[:i] + "[…]")
		address = address[end:]
	}
}

// groupJobs makes the groups of all jobs to which something happens.
func groupJobs(p *engine.Plan) []group {
	var all group
	for _, jp := range p.Jobs {
		if shown(jp) {
			all = append(all, traitsOf(jp, len(all)))
		}
	}
	instances := func(t *traits) string { return t.block + "\x00" + t.shape }
	over := func(t *traits) string { return t.shape }
	var groups []group
	for _, g := range all.by(instances) {
		groups = append(groups, g.divide()...)
	}
	if len(groups) > maxGroups {
		groups = gather(groups, instances, func(group) bool { return true })
	}
	if len(groups) > maxGroups {
		var large []group
		var rest group
		for _, g := range groups {
			if len(g) > 1 && len(g)*maxGroups > len(all) {
				large = append(large, g)
			} else {
				rest = append(rest, g...)
			}
		}
		slices.SortFunc(rest, func(a, b *traits) int { return cmp.Compare(a.order, b.order) })
		for _, g := range rest.by(over) {
			large = append(large, g.divide()...)
		}
		groups = large
	}
	if len(groups) > maxGroups {
		groups = gather(groups, over, func(g group) bool { return len(g)*maxGroups < len(all) })
	}
	if len(groups) > maxGroups {
		groups = gather(groups, func(t *traits) string { return fmt.Sprint(t.Op, t.Job != nil && t.Job.MessageVaries(), t.Fire != nil) }, func(g group) bool { return len(g)*maxGroups < len(all) })
	}
	first := map[string]int{}
	for _, t := range all {
		if _, ok := first[t.block]; !ok {
			first[t.block] = t.order
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(first[a[0].block], first[b[0].block]), cmp.Compare(len(b), len(a)))
	})
	return groups
}

// by takes jobs apart, in the order in which their keys appear.
func (g group) by(key func(*traits) string) []group {
	at := map[string]int{}
	var groups []group
	for _, t := range g {
		k := key(t)
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}

// divide takes jobs of one shape apart by the values that they share: the two
// sites of two hundred that get another message are a group of their own. What
// is each job's own, such as a name in a message, divides nothing.
func (g group) divide() []group {
	var by []int
	for i := range g[0].values {
		different := map[string]bool{}
		for _, t := range g {
			different[t.values[i]] = true
		}
		if n := len(different); n > 1 && 2*n <= len(g) {
			by = append(by, i)
		}
	}
	if len(by) == 0 {
		return []group{g}
	}
	groups := g.by(func(t *traits) string {
		var key strings.Builder
		for _, i := range by {
			key.WriteString(t.values[i] + "\x01")
		}
		return key.String()
	})
	if 2*len(groups) > len(g) {
		return []group{g}
	}
	return groups
}

// gather puts groups together that have one key and are not to stay by
// themselves. One that most jobs of its key are in always does: the others differ
// from it.
func gather(groups []group, key func(*traits) string, small func(group) bool) []group {
	jobs := map[string]int{}
	for _, g := range groups {
		jobs[key(g[0])] += len(g)
	}
	var out []group
	at := map[string]int{}
	for _, g := range groups {
		k := key(g[0])
		j, ok := at[k]
		switch {
		case 2*len(g) > jobs[k], !small(g):
			out = append(out, g)
		case ok:
			out[j] = append(slices.Clip(out[j]), g...)
		default:
			at[k] = len(out)
			out = append(out, g)
		}
	}
	for _, g := range out {
		slices.SortFunc(g, func(a, b *traits) int { return cmp.Compare(a.order, b.order) })
	}
	return out
}

// title names a group: its job, or its block and how many instances they are, or
// how many jobs of which type. members lists the first of them in so many columns.
func (g group) title() (name string, members func(room int) string) {
	if len(g) == 1 {
		return g[0].Address, nil
	}
	if !slices.ContainsFunc(g, func(t *traits) bool { return t.block != g[0].block }) {
		return g[0].block + "  " + count(len(g), "instance"), func(room int) string {
			return few(g, func(t *traits) string { return t.key }, room)
		}
	}
	kind := g[0].kind()
	if slices.ContainsFunc(g, func(t *traits) bool { return t.kind() != kind }) {
		kind = ""
	}
	return count(len(g), strings.TrimSpace(kind+" job")), func(room int) string {
		return few(g, func(t *traits) string { return t.Address }, room)
	}
}

func (t *traits) kind() string {
	if t.Job == nil {
		return ""
	}
	return string(t.Job.Type)
}

// deliveries counts what the group sends now.
func (g group) deliveries() int {
	n := 0
	for _, t := range g {
		if t.Fire != nil {
			n += len(t.Fire.Deliveries)
		}
		for _, r := range t.Resume {
			n += len(r.Deliveries)
		}
	}
	return n
}

// row is one attribute of the jobs of a group.
type row struct {
	name   string
	values []string // those that differ, in the order of the jobs
	seen   map[string]bool
	jobs   int // that have it
}

// rows merges what the jobs of a group say.
func (g group) rows(of func(t *traits, say func(name, value string))) []*row {
	byName := map[string]*row{}
	var rows []*row
	for _, t := range g {
		times := map[string]int{}
		of(t, func(name, value string) {
			if times[name]++; times[name] > 1 {
				name = fmt.Sprintf("%s (%d)", name, times[name])
			}
			r := byName[name]
			if r == nil {
				r = &row{name: name, seen: map[string]bool{}}
				byName[name] = r
				rows = append(rows, r)
			}
			r.jobs++
			if !r.seen[value] {
				r.seen[value] = true
				r.values = append(r.values, value)
			}
		})
	}
	return rows
}

// text is the value that all of so many jobs have, or a few of those that
// differ, in so many columns; 0: no limit.
func (r *row) text(jobs, room int) string {
	text := r.values[0]
	part := ""
	if r.jobs < jobs {
		part = fmt.Sprintf(" (in %s of these)", thousands(r.jobs))
	}
	if n := len(r.values); n > 1 {
		text = count(n, "value") + ": "
		if room > 0 {
			room = max(room-utf8.RuneCountInString(text+part), 1)
		}
		text += few(r.values, itself, room)
	}
	return text + part
}

// targetsText says how many phones the jobs of a group have.
func (g group) targetsText() string {
	total, least, most := 0, -1, 0
	for _, t := range g {
		if !t.Job.TargetsKnown {
			return ""
		}
		n := len(t.Job.Targets)
		total, most = total+n, max(most, n)
		if least < 0 || n < least {
			least = n
		}
	}
	each := fmt.Sprintf("%s each", thousands(most))
	if least < most {
		each = fmt.Sprintf("%s to %s each", thousands(least), thousands(most))
	}
	return fmt.Sprintf("%s, %s", count(total, "phone"), each)
}

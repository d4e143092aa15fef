package schema

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

const (
	maxInstances    = 1_000_000 // of all jobs together
	maxTargets      = 2_000_000 // likewise
	maxBadInstances = 20        // of one block, after which the rest is not tried
	defaultAttempts = 3
	defaultBackoff  = time.Second
	maxAttempts     = 1000
)

var (
	jobCommon = append([]string{"pbx", "window", "enabled", "on_unknown"}, metaNames...)
	retryType = &blockType{name: "retry", optional: []string{"attempts", "backoff"}}

	sipNotifyType = &blockType{
		name: "sip_notify", labels: []string{"name"},
		required: []string{"targets"},
		optional: append([]string{"message", "exclude", "unknown_phone"}, jobCommon...),
		nested:   []*blockType{inlineMessageType, retryType, triggerType, preconditionType, postconditionType, lifecycleType},
		scopes:   map[string]scope{"targets": inTrigger, "exclude": inTrigger, "message": inMessage},
	}
	userEventType = &blockType{
		name: "user_event", labels: []string{"name"},
		optional: append([]string{"name", "body", "via", "channel"}, jobCommon...),
		nested:   []*blockType{retryType, triggerType, preconditionType, postconditionType, lifecycleType},
		scopes:   map[string]scope{"name": inTrigger, "body": inTrigger, "channel": inTrigger},
	}
)

// jobBlock is a job as declared: one or more instances come of it.
type jobBlock struct {
	*block
	module   *module
	kind     JobType
	node     *node
	triggers []*block
	message  *message
	meta     metaArgs
	depends  []string  // see dependencies
	fired    firedRefs // set when its references are resolved
}

// decodeJob reads a sip_notify or user_event block.
func (m *module) decodeJob(kind JobType, from *hcl.Block) *jobBlock {
	t := sipNotifyType
	if kind == UserEvent {
		t = userEventType
	}
	before := len(m.diags)
	j := &jobBlock{module: m, block: m.decode(t, from), kind: kind}
	for _, n := range j.nested {
		if !slices.Contains(triggerType.kinds, n.typ) {
			continue
		}
		if first := changeTrigger(j.triggers); first != nil && n.typ == changeType {
			m.fail(n.rng, "Duplicate trigger", "A job can have one change trigger; the other one is at %s. To wait for several values, put them into one object: on = { a = …, b = … }.", first.rng)
			continue
		}
		j.triggers = append(j.triggers, n)
	}
	if kind == SIPNotify {
		inline, ref := j.child("message"), j.args["message"]
		switch {
		case inline != nil && ref != nil:
			m.fail(ref.rng, "Conflicting arguments", "The job has the argument \"message\" and also a message block, at %s. Keep one of them.", inline.rng)
		case inline != nil:
			j.message = &message{block: inline}
		case ref != nil:
			j.message = &message{arg: ref}
		case !j.meant["message"]:
			m.fail(j.rng, "Missing message", "A sip_notify job needs a message: either the argument message = message.NAME, or a message block in it.")
		}
	}
	if j.args["pbx"] == nil && !j.meant["pbx"] {
		m.fail(j.rng, "Missing required argument", "The job does not say through which server it sends. Add pbx = pbx.NAME.")
	}
	j.meta = m.takeMeta(j.block)
	j.flawed = m.diags[before:].HasErrors()
	return j
}

// whole tells whether no mistake has been reported in the block or in anything
// that it refers to, apart from those that evaluating its instances finds.
func (j *jobBlock) whole() bool {
	if j.flawed || j.node.failed {
		return false
	}
	return !slices.ContainsFunc(j.allArgs(), func(a *arg) bool {
		return !a.usable() || slices.ContainsFunc(a.refs, func(r *node) bool { return r.flawed })
	})
}

// address is that of the job, or of an instance without its suffix.
func (j *jobBlock) address() string { return j.module.path + string(j.kind) + "." + j.label() }

// allArgs are all arguments from which the jobs of the block are evaluated.
func (j *jobBlock) allArgs() []*arg {
	args := append(argsOf(j.block), j.node.args...)
	if j.message != nil {
		args = append(args, j.message.args()...)
	}
	return args
}

// dependencies are the addresses of the jobs that depends_on names, that of the job
// and those of the module blocks that it is in. A module stands for all jobs in it.
func (j *jobBlock) dependencies() []string {
	if j.depends != nil {
		return j.depends
	}
	j.depends = j.module.dependencies()
	if j.meta.dependsOn != nil {
		j.depends = union(j.depends, addressesOf(j.meta.dependsOn))
	}
	return j.depends
}

// dependencies are the addresses of the jobs for which all jobs of the module wait.
func (m *module) dependencies() []string {
	if m.caller == nil || m.depends != nil {
		return m.depends
	}
	m.depends = m.caller.dependencies()
	if a := m.call.meta.dependsOn; a != nil {
		m.depends = union(m.depends, addressesOf(a))
	}
	return m.depends
}

// addressesOf are those of all jobs that an argument depends_on names, sorted.
func addressesOf(a *arg) []string {
	var all []string
	for _, n := range a.refs {
		all = n.addresses(all)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// addresses appends those of the jobs that a node stands for.
func (n *node) addresses(all []string) []string {
	if n.job != nil {
		for _, i := range n.job.meta.keys {
			all = append(all, n.job.address()+i.suffix)
		}
	}
	for _, m := range n.modules {
		for _, n := range m.order {
			all = n.addresses(all)
		}
	}
	return all
}

// usesData tells whether the block depends on data sources.
func (j *jobBlock) usesData() bool {
	return slices.ContainsFunc(j.allArgs(), func(a *arg) bool {
		return slices.ContainsFunc(a.refs, func(r *node) bool { return len(r.data) > 0 })
	})
}

// evalJobs makes the jobs of one block.
func (m *module) evalJobs(j *jobBlock) {
	if j.node.failed {
		return
	}
	keys := j.meta.keys
	if m.only != "" {
		i := slices.IndexFunc(keys, func(i instance) bool { return j.address()+i.suffix == m.only })
		if i < 0 {
			return
		}
		keys = keys[i : i+1]
	}
	whole, usesData := j.whole(), j.usesData()
	m.perInstance(keys, j.address(), j.rng, func(i instance) {
		ctx, errors := i.in(m.root), m.collector.errors
		job := m.evalJob(j, i, ctx)
		if usesData {
			for _, a := range j.allArgs() {
				job.Data = union(job.Data, dataOf(a, ctx))
			}
		}
		if whole && !i.unread && !m.unknown && job.PBX != nil && m.collector.errors == errors {
			m.config.Jobs = append(m.config.Jobs, job)
		}
	})
}

func (m *module) evalJob(j *jobBlock, i instance, ctx *hcl.EvalContext) *Job {
	job := &Job{
		Address: j.address() + i.suffix, Type: j.kind, Name: j.label(),
		Enabled: true, OnUnknown: Hold, UnknownPhone: UnknownFails,
		Retry:     Retry{Attempts: defaultAttempts, Backoff: defaultBackoff},
		DeclRange: j.rng,
	}
	m.demand(j.conditions("precondition"), "Job precondition failed", ctx)
	job.PBX = m.pbxOf(j.args["pbx"], ctx)
	job.Window = m.windowOf(j.args["window"], ctx)
	if enabled, ok := m.boolean(j.args["enabled"], ctx); ok {
		job.Enabled = enabled
	}
	if o, ok := choice(m.collector, j.args["on_unknown"], ctx, Hold, Resend); ok {
		job.OnUnknown = o
	}
	if u, ok := choice(m.collector, j.args["unknown_phone"], ctx, UnknownFails, UnknownSkipped); ok {
		job.UnknownPhone = u
	}
	if r := j.child("retry"); r != nil {
		if n, ok := m.whole(r.args["attempts"], ctx, 1, maxAttempts); ok {
			job.Retry.Attempts = n
		}
		if d, ok := m.duration(r.args["backoff"], ctx, 0); ok {
			job.Retry.Backoff = min(d, maxTime)
		}
	}
	job.Triggers = m.evalTriggers(j, job, ctx)
	job.DependsOn = j.dependencies()
	if j.kind == SIPNotify {
		// If they cannot be used, the message is tried all the same.
		job.Targets, job.TargetsKnown = m.targetsOf(j, ctx)
		if m.targets += len(job.Targets); m.targets > maxTargets {
			m.fail(j.args["targets"].rng, "Too many targets", "The jobs of this configuration together send to more than %d targets.", maxTargets)
			m.targets, job.Targets = m.targets-len(job.Targets), nil
		}
	}
	job.eval = &jobEval{job: job, block: j, ctx: ctx, src: m.src}
	m.add(job.prepare()...)
	m.demandAfter(j, job, ctx)
	return job
}

// targetsOf evaluates to whom a job sends. TargetsKnown is false where that is known
// only when the job fires.
func (c *collector) targetsOf(j *jobBlock, ctx *hcl.EvalContext) (targets []Target, known bool) {
	a, out := j.args["targets"], j.args["exclude"]
	targets, known = c.evalTargets(a, ctx)
	if out == nil || !known {
		return targets, known
	}
	fixed := !slices.ContainsFunc(slices.Concat(a.refs, out.refs), func(r *node) bool { return len(r.data) > 0 })
	return c.exclude(out, targets, fixed, ctx)
}

// pbxOf finds the pbx that the value of an expression stands for.
func (l *loader) pbxOf(a *arg, ctx *hcl.EvalContext) *PBX {
	id, v, ok := l.idOf(a, ctx)
	if !ok {
		return nil
	}
	if p := l.pbxs[id]; p != nil {
		return p
	}
	names := make([]string, 0, len(l.config.PBXs))
	for _, p := range l.config.PBXs {
		names = append(names, p.Address)
	}
	l.isNoBlock(a, v, func(address string) bool { return l.pbxs[address] != nil }, names)
	return nil
}

// idOf evaluates an argument that refers to a block by its value, and gives the id
// that is in it; "" if there is none. It returns false where a mistake has been
// told, and where the value is known only when data have been read.
func (c *collector) idOf(a *arg, ctx *hcl.EvalContext) (id string, v cty.Value, ok bool) {
	v, ok = c.eval(a, ctx)
	if !ok || !v.IsWhollyKnown() && a.unread() {
		return "", v, false
	}
	v, _ = v.UnmarkDeep()
	return idIn(v), v, true
}

// idIn gives the id that stands in the value of a block; "": it has none.
func idIn(v cty.Value) string {
	if v.IsWhollyKnown() && !v.IsNull() && v.Type().IsObjectType() && v.Type().HasAttribute("id") {
		if s, err := convert.Convert(v.GetAttr("id"), cty.String); err == nil && !s.IsNull() {
			return s.AsString()
		}
	}
	return ""
}

// instanceIn gives the id of the first of the instances that a value has; "": it
// stands not for a block with instances.
func instanceIn(v cty.Value) string {
	if !v.IsWhollyKnown() || v.IsNull() || !v.CanIterateElements() {
		return ""
	}
	for _, e := range v.Elements() {
		return idIn(e)
	}
	return ""
}

// isNoBlock reports that the value of an argument, which has the name of a type of
// blocks, stands for none of them.
func (c *collector) isNoBlock(a *arg, v cty.Value, declared func(address string) bool, addresses []string) {
	hint := ""
	if v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
		if address := a.name + "." + strings.TrimPrefix(v.AsString(), a.name+"."); declared(address) {
			hint = fmt.Sprintf(" Write %s = %s, without quotes.", a.name, address)
		}
	}
	if one := instanceIn(v); strings.HasPrefix(one, a.name+".") {
		hint = fmt.Sprintf(" Here are all instances of a block: name one of them, as in %s = %s.", a.name, one)
	}
	if hint == "" {
		if slices.Sort(addresses); len(addresses) > 0 && len(addresses) <= 10 {
			hint = " There is " + enumerate(addresses) + "."
		}
	}
	c.fail(a.rng, "Invalid "+a.name, "The argument %[1]q must refer to a %[1]s block, as in %[1]s = %[1]s.NAME.%[2]s", a.name, hint)
}

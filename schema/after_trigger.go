package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// AfterTrigger fires a job when runs of other jobs have ended.
type AfterTrigger struct {
	Jobs      []string // addresses, sorted; it fires when a run of each has ended as On asks, since it last fired
	On        AfterOn
	Delay     time.Duration // from the end of the last of them
	Grace     time.Duration // late by less than this, it fires; 1h unless given
	DeclRange hcl.Range
}

// String says when the trigger fires: after sip_notify.a succeeds, 5m later.
func (t *AfterTrigger) String() string {
	const most = 5
	names := t.Jobs
	more := ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], fmt.Sprintf(" and %d more", n)
	}
	s := "after " + strings.Join(names, ", ") + more
	one := len(t.Jobs) == 1
	switch {
	case t.On == AfterSuccess && one:
		s += " succeeds"
	case t.On == AfterSuccess:
		s += " have all succeeded"
	case t.On == AfterFailure && one:
		s += " fails"
	case t.On == AfterFailure:
		s += " have all failed"
	case one:
		s += " ends"
	default:
		s += " have all ended"
	}
	if t.Delay > 0 {
		s += ", " + shortTime(t.Delay) + " later"
	}
	return s
}

// shortTime writes 5m rather than 5m0s.
func shortTime(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// AfterOn says which ends of a run count.
type AfterOn string

const (
	AfterSuccess AfterOn = "success" // every delivery was accepted, or better (the default)
	AfterFailure AfterOn = "failure" // at least one was not
	AfterDone    AfterOn = "done"
)

// defaultAfterGrace outlasts a restart or an upgrade of the daemon, and not the
// night: what should have followed then may do harm by day.
const defaultAfterGrace = time.Hour

var afterType = &blockType{
	name:     "after",
	required: []string{"job"},
	optional: []string{"on", "delay", "grace"},
	repeats:  true,
}

func (l *loader) evalAfter(b *block, ctx *hcl.EvalContext) *AfterTrigger {
	t := &AfterTrigger{On: AfterSuccess, Grace: defaultAfterGrace, DeclRange: b.rng}
	if o, ok := choice(l.collector, b.args["on"], ctx, AfterSuccess, AfterFailure, AfterDone); ok {
		t.On = o
	}
	if d, ok := l.duration(b.args["delay"], ctx, 0); ok {
		t.Delay = min(d, maxTime)
	}
	if d, ok := l.duration(b.args["grace"], ctx, time.Second); ok {
		t.Grace = min(d, maxTime)
	}
	a := b.args["job"]
	if jobs := l.after[a]; jobs != nil { // the same for all instances of a block
		t.Jobs = jobs
		return t
	}
	v, ok := l.eval(a, ctx)
	if !ok || !v.IsWhollyKnown() && a.unread() {
		return nil
	}
	jobs, err := l.addressesIn(v)
	switch {
	case err != nil:
		l.failIn(ctx, a, "Invalid job", "The argument \"job\" must refer to jobs, as in job = sip_notify.NAME or job = [sip_notify.NAME, user_event.NAME]: %s.", err)
		return nil
	case len(jobs) == 0:
		l.failIn(ctx, a, "Invalid job", "The argument \"job\" names no job, so that the trigger would never fire.")
		return nil
	}
	slices.Sort(jobs)
	t.Jobs = slices.Compact(jobs)
	if a.uses == 0 {
		l.after[a] = t.Jobs
	}
	return t
}

// addressesIn finds the jobs for which a value stands: that of a job, of a block
// with for_each or count, which are all its jobs, or a list of these.
func (l *loader) addressesIn(v cty.Value) ([]string, error) {
	v, _ = v.Unmark()
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return nil, fmt.Errorf("it is known only when the job fires")
	case v.IsNull():
		return nil, fmt.Errorf("it is null")
	case ty == cty.String:
		name := v.AsString()
		if l.isJob(name) {
			return nil, fmt.Errorf("write %s without quotes", name)
		}
		return nil, fmt.Errorf("%s is a text", excerpt(name))
	case ty.IsObjectType() && len(ty.AttributeTypes()) == 1 && ty.HasAttribute("address") && ty.AttributeType("address") == cty.String:
		address, _ := v.GetAttr("address").Unmark()
		if address.IsNull() || !address.IsKnown() || !l.isJob(address.AsString()) {
			return nil, fmt.Errorf("no job has this address")
		}
		return []string{address.AsString()}, nil
	case ty.IsObjectType() && slices.ContainsFunc(slices.Collect(maps.Values(ty.AttributeTypes())), cty.Type.IsPrimitiveType):
		return nil, fmt.Errorf("it is an object that is no job")
	case !v.CanIterateElements():
		return nil, fmt.Errorf("it is a %s", ty.FriendlyName())
	}
	var all []string
	for _, e := range v.Elements() {
		some, err := l.addressesIn(e)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// isJob tells whether a job has the address.
func (l *loader) isJob(address string) bool {
	if l.addresses == nil {
		l.addresses = make(map[string]bool)
		for _, m := range l.modules {
			for _, j := range m.jobs {
				for _, i := range j.meta.keys {
					l.addresses[j.address()+i.suffix] = true
				}
			}
		}
	}
	return l.addresses[address]
}

// checkAfter looks at all after triggers together: at circles of them, and at
// those that wait for jobs that never run.
func (l *loader) checkAfter() {
	jobs := make(map[string]*Job, len(l.config.Jobs))
	any := false
	for _, j := range l.config.Jobs {
		jobs[j.Address] = j
		any = any || slices.ContainsFunc(j.Triggers, func(t Trigger) bool { _, ok := t.(*AfterTrigger); return ok })
	}
	if !any {
		return
	}
	c := &circles{loader: l, jobs: jobs, state: make(map[string]visit), groups: make(map[*string]*group), told: make(map[hcl.Range]bool)}
	for _, j := range l.config.Jobs {
		c.follow(j)
		for _, t := range j.Triggers {
			after, ok := t.(*AfterTrigger)
			if !ok || !j.Enabled || c.told[after.DeclRange] {
				continue
			}
			if idle := c.groups[&after.Jobs[0]].idle; idle != "" {
				c.told[after.DeclRange] = true
				d := problem(&after.DeclRange, "Trigger that never fires", "%s is disabled (enabled = false), so that no run of it ends and this trigger does not fire.", idle)
				d.Severity = hcl.DiagWarning
				l.add(d)
			}
		}
	}
}

// circles finds jobs that fire after each other.
type circles struct {
	*loader
	jobs   map[string]*Job
	state  map[string]visit
	groups map[*string]*group // by the first of its jobs; many triggers share one
	path   []step
	told   map[hcl.Range]bool
}

// group is a list of jobs: it is followed once, however many triggers have it.
type group struct {
	member *Job   // that is being followed; nil: all have been
	idle   string // one that is disabled
}

// step is one link of a chain: a job, and the trigger by which it waits.
type step struct {
	job     *Job
	trigger *AfterTrigger
}

// follow goes from a job to those after which it fires.
func (c *circles) follow(j *Job) {
	if c.state[j.Address] != unvisited {
		return
	}
	c.state[j.Address] = visiting
	for _, t := range j.Triggers {
		after, ok := t.(*AfterTrigger)
		if !ok {
			continue
		}
		c.path = append(c.path, step{j, after})
		c.followGroup(after.Jobs)
		c.path = c.path[:len(c.path)-1]
	}
	c.state[j.Address] = visited
}

func (c *circles) followGroup(addresses []string) {
	g := c.groups[&addresses[0]]
	if g != nil {
		if g.member != nil { // the way leads from it to here, and from here to it
			c.tell(g.member)
		}
		return
	}
	g = &group{}
	c.groups[&addresses[0]] = g
	for _, address := range addresses {
		g.member = c.jobs[address]
		if g.member != nil && !g.member.Enabled {
			g.idle = address
		}
		switch {
		case g.member == nil: // it has mistakes of its own
		case c.state[address] == visiting:
			c.tell(g.member)
		default:
			c.follow(g.member)
		}
	}
	g.member = nil
}

// tell reports the circle that ends where it began, at first.
func (c *circles) tell(first *Job) {
	begin := slices.IndexFunc(c.path, func(s step) bool { return s.job == first })
	members := c.path[begin:]
	if slices.ContainsFunc(members, func(s step) bool { return c.told[s.trigger.DeclRange] }) {
		return // one of the block's jobs is enough
	}
	var way strings.Builder
	for _, s := range members {
		c.told[s.trigger.DeclRange] = true
		fmt.Fprintf(&way, "%s (%s) → ", s.job.Address, s.trigger.DeclRange)
	}
	way.WriteString(first.Address)
	c.fail(members[0].trigger.DeclRange, "Circle of triggers", "Each of these fires after the next one, so that they would keep each other going for ever: %s. Take one of the triggers out.", way.String())
}

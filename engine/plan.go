package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// Op is what an apply does to a job: the sign in a plan.
type Op string

const (
	NoOp   Op = "no-op"
	Add    Op = "add"
	Change Op = "change"
	Remove Op = "remove"
)

// Plan holds exactly what an apply will do: what becomes of each job, and
// which deliveries fire now. It is made from values alone, so planning the
// same configuration against the same state gives the same plan.
type Plan struct {
	Config *schema.Config
	State  *State
	Now    time.Time
	Jobs   []*JobPlan // in the order of the configuration, removed ones last
	Moved  []Moved    // jobs that go by another address from now on, as State has them already
	ByHand bool       // made by NewFire: it publishes nothing
	Narrow bool       // made with Options that may leave jobs out
}

// JobPlan is what a plan does to one job.
type JobPlan struct {
	Address   string
	MovedFrom string // the address that it has in the state, if that is another
	Op        Op
	Job       *schema.Job // nil if the job is removed
	Attrs     []Attr      // what the job says; of a removed one, what it said
	Changes   []AttrChange
	First     Sent // what the first target gets; Action is empty where that is known only when triggered
	Fire      *Firing
	Resume    []Resumption
	Cancel    []Cancellation
	Held      []string   // targets whose delivery of this revision is unknown and is not repeated by itself
	Recorded  []Recorded // initial = "record": taken as delivered
	Due       []Due      // the next due time of each schedule trigger
	Paused    *Pause     // its triggers and its open runs are held
	Waiting   []string   // targets of deliveries that wait for the end of the pause
	After     []string   // jobs of the plan that must have sent with success before what fires of this one is
	Window    *Windowed  // what its window has to do with what it sends; nil: it has none, or sends nothing
	Skips     []Skip     // targets that are left out
	Effects   []Effect   // what the presets do that are sent now, or else that the job sends

	NoContact []string // targets of what is sent now of which the configuration says that they have no contact: they come out skipped

	// Where the targets change: those that have had no revision, and those that
	// have had one and are targets no longer. What was applied of a long list is
	// only its digest, so without a change trigger it is not known.
	New, Gone []string

	applied    AppliedJob
	unfinished []string // ids of open runs of earlier applies that go on
	canceled   []string // ids of those that end, with deliveries that were not sent
}

// Firing is a run that an apply starts.
type Firing struct {
	Cause      Cause
	First      Sent // the message of the first delivery
	Deliveries []Delivery
	Skips      []Skip
	Initial    bool // no target of this job has had any revision
}

// NewPlan compares a configuration with a state. The diagnostics hold
// everything that Asterisk would refuse; with an error among them there is no
// plan.
func NewPlan(cfg *schema.Config, state *State, now time.Time, opts Options) (*Plan, hcl.Diagnostics) {
	moved, diags := planMoves(cfg, state, opts)
	state = state.renamed(moved.taken)
	p := &Plan{Config: cfg, State: state, Now: now, Moved: moved.taken, Narrow: len(opts.Target)+len(opts.Exclude) > 0}
	open := map[string][]OpenRun{}
	for _, r := range state.Open {
		open[r.Job] = append(open[r.Job], r)
	}
	jobs, found := make([]*JobPlan, len(cfg.Jobs)), make([]hcl.Diagnostics, len(cfg.Jobs))
	inParallel(len(cfg.Jobs), func(i int) {
		j := cfg.Jobs[i]
		prep, more := prepareJob(j)
		more = append(more, forNobodyYet(j)...)
		found[i] = more
		if !more.HasErrors() && moved.selects(j.Address) {
			jobs[i] = planJob(j, prep, state, open[j.Address], now)
		}
	})
	diags = append(diags, slices.Concat(found...)...)
	p.Jobs = slices.DeleteFunc(jobs, func(jp *JobPlan) bool { return jp == nil })
	if diags.HasErrors() {
		return nil, diags
	}
	diags = append(diags, p.neverOpen()...)
	p.Jobs = append(p.Jobs, removedJobs(cfg, state, open, moved.selects)...)
	p.failWaits(open, func(j *schema.Job) *JobPlan {
		prep, _ := prepareJob(j)
		return planJob(j, prep, state, open[j.Address], now)
	})
	p.dependOn()
	for _, jp := range p.Jobs {
		jp.MovedFrom = moved.former[jp.Address]
	}
	return p, diags
}

func planJob(j *schema.Job, prep prepared, state *State, open []OpenRun, now time.Time) *JobPlan {
	jp := &JobPlan{Address: j.Address, Job: j, First: prep.first}
	jp.Attrs = spec(j, prep.first, digest(prep.messages...))
	jp.applied = applied(j.Address, jp.Attrs)
	was, known := state.Jobs[j.Address]
	switch {
	case !known:
		jp.Op = Add
	case was.Digest != jp.applied.Digest:
		jp.Op = Change
		jp.Changes = diffAttrs(decodeSpec(was), jp.Attrs)
	default:
		jp.Op = NoOp
	}

	var byTarget map[string]wanted // of many targets it is large
	if len(open) > 0 || targetsChange(jp.Changes) {
		byTarget = index(j, prep)
	}
	resumed := map[string]string{} // target → revision that an open run will bring
	last := lastToCancel(open, func(OpenRun) *schema.Job { return j })
	for i, r := range open {
		if i < last[r.Job] {
			jp.Cancel = append(jp.Cancel, Cancellation{Run: r.RunHeader, Deliveries: pending(r), Reason: supersededReason, Ends: true})
			continue
		}
		if failed := failedWait(r.Waits); failed != nil {
			jp.Cancel = append(jp.Cancel, Cancellation{Run: r.RunHeader, Deliveries: pending(r), Reason: failed.reason(), Ends: true})
			continue
		}
		res, cancels := reopenRun(j, r, byTarget)
		if len(res.Deliveries) > 0 {
			res.Waits = r.Waits
			jp.Resume = append(jp.Resume, res)
			if r.Cause.Kind == "change" {
				jp.unfinished = append(jp.unfinished, r.ID)
			}
			for _, d := range res.Deliveries {
				resumed[d.Target] = d.Revision
			}
		}
		if n := len(cancels); n > 0 && len(res.Deliveries) == 0 {
			cancels[n-1].Ends = true
		}
		jp.Cancel = append(jp.Cancel, cancels...)
	}
	for _, c := range jp.Cancel {
		if c.Ends && len(c.Deliveries) > 0 {
			jp.canceled = append(jp.canceled, c.Run.ID)
		}
	}
	driven := jp.Resume // by a daemon, if there is one
	if state.Served {
		jp.Resume, jp.Cancel = nil, nil
	}
	if trigger := changeTrigger(j); trigger != nil && j.Enabled {
		planChange(jp, j, trigger, prep, state.Delivered[j.Address], resumed, known)
		if targetsChange(jp.Changes) {
			jp.New, jp.Gone = comeAndGo(j, state.Delivered[j.Address], byTarget)
		}
	}
	if j.Enabled {
		jp.Due = nextDue(j, now)
	}
	jp.tell(prep)
	if pause, ok := state.Pauses[j.Address]; ok {
		jp.pause(pause)
		return jp
	}
	jp.NoContact = jp.withoutContact()
	jp.window(driven, now)
	return jp
}

// withoutContact finds the targets that nobody would hear, as far as it is known
// before an apply looks.
func (jp *JobPlan) withoutContact() []string {
	silent := map[string]bool{}
	for _, t := range jp.Job.Targets {
		if t.HasNoContact() {
			silent[t.String()] = true
		}
	}
	if len(silent) == 0 {
		return nil
	}
	var names []string
	if jp.Fire != nil {
		for _, d := range jp.Fire.Deliveries {
			if silent[d.Target] {
				names = append(names, d.Target)
			}
		}
	}
	for _, r := range jp.Resume {
		for _, d := range r.Deliveries {
			if silent[d.Target] {
				names = append(names, d.Target)
			}
		}
	}
	return names
}

// pause holds what the job would send. What it is to send is published all the
// same, and what no longer applies is canceled.
func (jp *JobPlan) pause(p Pause) {
	jp.Paused = &p
	for _, r := range jp.Resume {
		for _, d := range r.Deliveries {
			jp.Waiting = append(jp.Waiting, d.Target)
		}
	}
	if jp.Fire != nil {
		for _, d := range jp.Fire.Deliveries {
			jp.Waiting = append(jp.Waiting, d.Target)
		}
	}
	jp.Resume, jp.Fire = nil, nil
}

// planChange finds the targets that have not had the present revision.
func planChange(jp *JobPlan, j *schema.Job, trigger *schema.ChangeTrigger, prep prepared, had map[string]Delivered, resumed map[string]string, known bool) {
	record := trigger.Record && !known
	var deliveries []Delivery
	var skips []Skip
	for i, name := range targetNames(j) {
		if i >= len(prep.revisions) {
			break // known only when triggered
		}
		if reason := prep.skip[i]; reason != "" {
			skips = append(skips, Skip{name, reason})
			continue
		}
		rev := prep.revisions[i]
		if r, ok := resumed[name]; ok && r == rev {
			continue
		}
		if d, ok := had[name]; ok && d.Revision == rev {
			switch {
			case d.Outcome.Good():
				continue
			case j.OnUnknown == schema.Hold:
				jp.Held = append(jp.Held, name)
				continue
			}
		}
		if record {
			jp.Recorded = append(jp.Recorded, Recorded{j.Address, name, rev})
			continue
		}
		deliveries = append(deliveries, Delivery{Seq: len(deliveries), Target: name, Message: prep.messages[i], Revision: rev})
	}
	if len(deliveries) == 0 {
		return // there is no run for those alone that are left out: it would be there at every apply
	}
	jp.Fire = &Firing{
		Cause:      Cause{Kind: "change", Detail: j.ChangeDetail()},
		First:      firstSent(j, deliveries[0].Target, prep),
		Deliveries: deliveries,
		Skips:      skips,
		Initial:    len(had) == 0,
	}
}

func targetsChange(changes []AttrChange) bool {
	return slices.ContainsFunc(changes, func(c AttrChange) bool { return c.Name == targetsName })
}

// comeAndGo compares the targets of a job with those that have had a revision.
func comeAndGo(j *schema.Job, had map[string]Delivered, now map[string]wanted) (come, gone []string) {
	for _, name := range targetNames(j) {
		if _, ok := had[name]; !ok {
			come = append(come, name)
		}
	}
	for name := range had {
		if _, ok := now[name]; !ok {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	return come, gone
}

// targetNames are the deliveries' targets of a job: its phones, or the PBX for
// a user event.
func targetNames(j *schema.Job) []string {
	if j.Type == schema.UserEvent {
		return []string{j.PBX.Address}
	}
	names := make([]string, len(j.Targets))
	for i, t := range j.Targets {
		names[i] = t.String()
	}
	return names
}

// firstSent is what the named target gets.
func firstSent(j *schema.Job, name string, prep prepared) Sent {
	if j.Type == schema.UserEvent || !j.MessageVaries() {
		s := prep.first
		s.Target = name
		return s
	}
	for _, t := range j.Targets {
		if t.String() == name {
			if m, diags := j.Message(t); !diags.HasErrors() {
				return sentNotify(t, m)
			}
		}
	}
	return prep.first
}

// index gives what each target is to get now.
func index(j *schema.Job, prep prepared) map[string]wanted {
	m := make(map[string]wanted, len(prep.messages))
	for i, name := range targetNames(j) {
		if i >= len(prep.messages) {
			break
		}
		w := wanted{message: prep.messages[i], skip: prep.skip[i]}
		if prep.revisions != nil {
			w.revision = prep.revisions[i]
		}
		m[name] = w
	}
	return m
}

// removedJobs are the jobs that were applied and are no longer declared, and
// the open runs of jobs that are not declared.
func removedJobs(cfg *schema.Config, state *State, open map[string][]OpenRun, selects func(string) bool) []*JobPlan {
	declared := make(map[string]bool, len(cfg.Jobs))
	for _, j := range cfg.Jobs {
		declared[j.Address] = true
	}
	gone := map[string]*JobPlan{}
	for address, was := range state.Jobs {
		if !declared[address] && selects(address) {
			gone[address] = &JobPlan{Address: address, Op: Remove, Attrs: decodeSpec(was)}
		}
	}
	for address, runs := range open {
		if state.Served || declared[address] || !selects(address) {
			continue
		}
		jp := gone[address]
		if jp == nil {
			jp = &JobPlan{Address: address, Op: NoOp}
			gone[address] = jp
		}
		for _, r := range runs {
			jp.Cancel = append(jp.Cancel, Cancellation{Run: r.RunHeader, Deliveries: pending(r), Reason: "the job was removed", Ends: true})
		}
	}
	var jobs []*JobPlan
	for _, jp := range gone {
		jobs = append(jobs, jp)
	}
	slices.SortFunc(jobs, func(a, b *JobPlan) int { return strings.Compare(a.Address, b.Address) })
	return jobs
}

func decodeSpec(j AppliedJob) []Attr {
	var attrs []Attr
	if err := json.Unmarshal(j.Spec, &attrs); err != nil {
		return []Attr{{Name: "spec", Value: fmt.Sprintf("(unreadable: %v)", err)}}
	}
	return attrs
}

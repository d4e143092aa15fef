package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/notifyrun/notifyrun/schema"
)

// dependOn finds for each job that fires the jobs of the plan that are to send
// before it: those that it depends on, as far as they fire or have something left of
// an earlier apply, and those on which these do that do not fire. Jobs that depend on the same
// ones share the list.
func (p *Plan) dependOn() {
	byAddress := make(map[string]*JobPlan, len(p.Jobs))
	any := false
	for _, jp := range p.Jobs {
		byAddress[jp.Address] = jp
		any = any || jp.Job != nil && len(jp.Job.DependsOn) > 0
	}
	if !any {
		return
	}
	known := map[*string][]string{} // by the list of a job
	for _, jp := range p.Jobs {
		if jp.Fire == nil || len(jp.Job.DependsOn) == 0 {
			continue
		}
		list := &jp.Job.DependsOn[0]
		after, ok := known[list]
		if !ok {
			seen := map[string]bool{}
			followed := map[*string]bool{}
			var follow func(addresses []string)
			follow = func(addresses []string) {
				if len(addresses) == 0 || followed[&addresses[0]] {
					return
				}
				followed[&addresses[0]] = true
				for _, address := range addresses {
					on := byAddress[address]
					if seen[address] || on == nil || on.Job == nil {
						continue
					}
					seen[address] = true
					if on.Fire != nil || len(on.unfinished) > 0 {
						after = append(after, address)
					}
					if on.Fire == nil { // else what fires waits for those itself
						follow(on.Job.DependsOn)
					}
				}
			}
			follow(jp.Job.DependsOn)
			slices.Sort(after)
			known[list] = after
		}
		jp.After = after
	}
}

// LeftOut is a job that sends now and depends on one that Options have left out of
// the plan.
type LeftOut struct {
	Job *schema.Job
	On  string
}

// LeftOut names those jobs, and of each the first that it does not wait for.
func (p *Plan) LeftOut() (all []LeftOut) {
	if !p.Narrow {
		return nil
	}
	takesPart := make(map[string]bool, len(p.Jobs))
	for _, jp := range p.Jobs {
		takesPart[jp.Address] = true
	}
	for _, jp := range p.Jobs {
		if jp.Fire == nil {
			continue
		}
		if i := slices.IndexFunc(jp.Job.DependsOn, func(on string) bool { return !takesPart[on] }); i >= 0 {
			all = append(all, LeftOut{jp.Job, jp.Job.DependsOn[i]})
		}
	}
	return all
}

// failWaits plans the jobs anew whose open runs wait for such as end canceled, by
// the plan or by a daemon that will go by it: those will not succeed.
func (p *Plan) failWaits(open map[string][]OpenRun, again func(*schema.Job) *JobPlan) {
	if !slices.ContainsFunc(p.State.Open, func(r OpenRun) bool { return len(r.Waits) > 0 }) {
		return
	}
	canceled := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for _, jp := range p.Jobs {
			for _, run := range jp.canceled {
				canceled[run] = true
			}
			for _, c := range jp.Cancel {
				canceled[c.Run.ID] = canceled[c.Run.ID] || jp.Job == nil // it is removed
			}
		}
		for i, jp := range p.Jobs {
			runs := slices.Clone(open[jp.Address])
			failed := false
			for k, r := range runs {
				if !slices.ContainsFunc(r.Waits, func(w Waited) bool { return !w.Ended && canceled[w.Run] }) {
					continue
				}
				runs[k].Waits = slices.Clone(r.Waits)
				for n := range runs[k].Waits {
					w := &runs[k].Waits[n]
					w.Ended = w.Ended || canceled[w.Run]
				}
				failed = true
			}
			if failed && jp.Job != nil {
				open[jp.Address] = runs
				p.Jobs[i], changed = again(jp.Job), true
			}
		}
	}
}

// waits gives new runs the ids of those for which they wait, and the works too.
func (p *Plan) waits(pub *Publication, works map[string]*Work) {
	ids := map[string][]string{}
	for _, jp := range p.Jobs {
		ids[jp.Address] = jp.unfinished
	}
	for _, r := range pub.Runs {
		ids[r.Job] = append(slices.Clip(ids[r.Job]), r.ID)
	}
	type waited struct {
		runs []string
		list []Waited
	}
	known := map[*string]waited{}
	after := map[string][]string{}
	for _, jp := range p.Jobs {
		if len(jp.After) > 0 {
			after[jp.Address] = jp.After
		}
	}
	for i := range pub.Runs {
		r := &pub.Runs[i]
		on := after[r.Job]
		if len(on) == 0 {
			continue
		}
		w, ok := known[&on[0]]
		if !ok {
			for _, address := range on {
				for _, id := range ids[address] {
					w.runs = append(w.runs, id)
					w.list = append(w.list, Waited{Run: id, Job: address})
				}
			}
			known[&on[0]] = w
		}
		r.Waits = w.runs
		works[r.ID].Waits = w.list
	}
}

// failedWait is the first of the runs that were waited for and have not succeeded;
// nil: there is none.
func failedWait(waits []Waited) *Waited {
	for i := range waits {
		if waits[i].Ended {
			return &waits[i]
		}
	}
	return nil
}

// DependencyFailed stands in what is said of deliveries that were canceled since a
// job on which theirs depends has not succeeded.
const DependencyFailed = ", on which it depends, has not succeeded"

// reason is why a run is not sent that waited for this one.
func (w Waited) reason() string {
	return fmt.Sprintf("%s%s (run %s)", w.Job, DependencyFailed, w.Run)
}

// dependents are the works of a Runner.Run that wait for others of it. They are
// given to their lanes once those have succeeded, and are canceled when one has
// not. It knows too when no lane has anything to do any more, so that those that
// still wait do so in vain.
type dependents struct {
	runner  *Runner
	drivers map[string]*driver // by PBX

	mu      sync.Mutex
	waiting map[string][]*dependent // by the run that they wait for
	resting map[*driver]bool
	over    bool
}

// dependent is a work that waits.
type dependent struct {
	*Work
	left   map[string]bool // runs
	failed bool
}

// newDependents takes those of the works that wait. It is nil if none does.
func newDependents(r *Runner, works []*Work) *dependents {
	d := &dependents{runner: r, drivers: map[string]*driver{}, waiting: map[string][]*dependent{}, resting: map[*driver]bool{}}
	for _, w := range works {
		if len(w.Waits) == 0 {
			continue
		}
		dep := &dependent{Work: w, left: make(map[string]bool, len(w.Waits))}
		for _, on := range w.Waits {
			dep.left[on.Run] = true
			d.waiting[on.Run] = append(d.waiting[on.Run], dep)
		}
	}
	if len(d.waiting) == 0 {
		return nil
	}
	return d
}

// ended takes the end of a run that is on record. Whether it has succeeded only the
// ledger knows: an earlier process may have driven a part of it.
func (d *dependents) ended(run *RunReport) {
	d.mu.Lock()
	waiting := d.waiting[run.ID]
	delete(d.waiting, run.ID)
	d.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	runs, err := d.runner.Ledger.Runs(context.Background(), RunQuery{ID: run.ID})
	if err != nil || len(runs) == 0 {
		d.runner.Log.Error("cannot read how a run has ended; those that depend on it stay pending", "run", run.ID, "error", err)
		return
	}
	succeeded := Succeeded(runs[0].Outcomes)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dep := range waiting {
		delete(dep.left, run.ID)
		driver := d.drivers[dep.PBX]
		switch {
		case dep.failed:
			continue
		case !succeeded:
			dep.failed = true
			driver.report(event{drop: &drop{dep.Work, Waited{Run: run.ID, Job: run.Job}.reason()}})
		case len(dep.left) == 0:
			driver.report(event{works: []*Work{dep.Work}})
		default:
			continue
		}
		d.resting[driver] = false
	}
}

// rest tells whether a lane that has nothing to do may end: nothing will come from
// other lanes any more. Otherwise it is woken when it may.
func (d *dependents) rest(driver *driver) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if driver.heard() {
		return false
	}
	d.resting[driver] = true
	d.conclude()
	return d.over
}

// busy says that a lane has something to do, though nothing came from another.
func (d *dependents) busy(driver *driver) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resting[driver] = false
}

// gone says that a lane has ended.
func (d *dependents) gone(driver *driver) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resting[driver] = true
	d.conclude()
}

// conclude lets all lanes end once all rest.
func (d *dependents) conclude() {
	if d.over {
		return
	}
	for _, driver := range d.drivers {
		if !d.resting[driver] {
			return
		}
	}
	d.over = true
	for _, driver := range d.drivers {
		driver.report(event{over: true})
	}
}

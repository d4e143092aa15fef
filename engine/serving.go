package engine

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

// Serving is the configuration that a daemon goes by. Nothing changes it.
type Serving struct {
	Serial    uint64
	Retention time.Duration          // how long ended runs are kept; 0: for ever
	Jobs      map[string]*schema.Job // by address, each from the configuration that it goes by
	PBXs      map[string]*schema.PBX // by address, from the newest configuration that has it

	applied   *Applied                // that it was made of
	then      map[string]string       // the address that applied has of a job, where it has been moved since
	renames   uint64                  // serial of the publication up to which jobs have the addresses that it gave them
	prep      map[string]prepared     // of the jobs that are known before they fire
	followers map[string][]TriggerKey // after triggers, by the address of the job that they follow
	listeners map[string]map[string][]listener
}

// listener is an event trigger, found by PBX and event.
type listener struct {
	key     TriggerKey
	trigger *schema.EventTrigger
}

// NewServing joins what was applied with the configurations that its snapshots
// evaluate to, by serial.
func NewServing(a *Applied, configs map[uint64]*schema.Config) (*Serving, hcl.Diagnostics) {
	s := &Serving{
		Serial: a.Serial, Jobs: map[string]*schema.Job{}, PBXs: map[string]*schema.PBX{},
		applied: a, renames: a.Serial, prep: map[string]prepared{},
	}
	if n := len(a.Moved); n > 0 {
		s.renames = max(s.renames, a.Moved[n-1].Serial)
	}
	var diags hcl.Diagnostics
	for _, serial := range slices.Sorted(maps.Keys(configs)) {
		s.Retention = configs[serial].Settings.Retention // of the newest, in the end
		for _, p := range configs[serial].PBXs {
			s.PBXs[p.Address] = p // of the newest, in the end
		}
		to := movedSince(a.Moved, serial)
		for _, j := range configs[serial].Jobs {
			j = renamedJob(j, to)
			if a.Jobs[j.Address] != serial {
				continue
			}
			s.Jobs[j.Address] = j
			prep, more := prepareJob(j)
			diags = append(diags, more...)
			s.prep[j.Address] = prep
		}
	}
	s.connect()
	if circle := s.circle(); circle != nil {
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Jobs that fire each other without end",
			Detail: fmt.Sprintf("Applies of a part of the configuration have made jobs follow each other in a circle: %s. Apply all of it.", strings.Join(circle, ", then ")),
		})
	}
	return s, diags
}

// connect finds which triggers the ends of runs and the events are for.
func (s *Serving) connect() {
	s.followers = followers(maps.Values(s.Jobs))
	s.listeners = map[string]map[string][]listener{}
	for address, j := range s.Jobs {
		if !j.Enabled {
			continue
		}
		for i, t := range j.Triggers {
			if t, ok := t.(*schema.EventTrigger); ok {
				events := s.listeners[t.PBX.Address]
				if events == nil {
					events = map[string][]listener{}
					s.listeners[t.PBX.Address] = events
				}
				events[t.Name] = append(events[t.Name], listener{TriggerKey{address, i}, t})
			}
		}
	}
}

// followers are the after triggers of jobs that are enabled, by the address of
// the job that they follow.
func followers(jobs iter.Seq[*schema.Job]) map[string][]TriggerKey {
	all := map[string][]TriggerKey{}
	for j := range jobs {
		if !j.Enabled {
			continue
		}
		for i, t := range j.Triggers {
			if t, ok := t.(*schema.AfterTrigger); ok {
				for _, job := range t.Jobs {
					all[job] = append(all[job], TriggerKey{j.Address, i})
				}
			}
		}
	}
	for _, keys := range all {
		slices.SortFunc(keys, TriggerKey.compare)
	}
	return all
}

// circle finds jobs that fire after each other in a circle; nil: there is none. A
// configuration has none, but jobs may go by several.
func (s *Serving) circle() []string {
	const under, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(job string) []string
	visit = func(job string) []string {
		switch state[job] {
		case done:
			return nil
		case under:
			return append(path[slices.Index(path, job):], job)
		}
		state[job], path = under, append(path, job)
		for _, key := range s.followers[job] {
			if circle := visit(key.Job); circle != nil {
				return circle
			}
		}
		state[job], path = done, path[:len(path)-1]
		return nil
	}
	for _, job := range slices.Sorted(maps.Keys(s.followers)) {
		if circle := visit(job); circle != nil {
			return circle
		}
	}
	return nil
}

// schedule gives a schedule trigger of a job that is enabled; nil where there is
// none.
func (s *Serving) schedule(key TriggerKey) *schema.ScheduleTrigger {
	t, _ := s.trigger(key).(*schema.ScheduleTrigger)
	return t
}

// event gives an event trigger likewise.
func (s *Serving) event(key TriggerKey) *schema.EventTrigger {
	t, _ := s.trigger(key).(*schema.EventTrigger)
	return t
}

// after gives an after trigger likewise.
func (s *Serving) after(key TriggerKey) *schema.AfterTrigger {
	t, _ := s.trigger(key).(*schema.AfterTrigger)
	return t
}

func (s *Serving) trigger(key TriggerKey) schema.Trigger {
	j := s.Jobs[key.Job]
	if j == nil || !j.Enabled || key.Index >= len(j.Triggers) {
		return nil
	}
	return j.Triggers[key.Index]
}

// rescheduled gives the schedules that are not the same, or not there, in an
// earlier configuration, and nil for those that are gone. The earlier one may be
// nil.
func (s *Serving) rescheduled(old *Serving) iter.Seq2[TriggerKey, *schema.ScheduleTrigger] {
	return func(yield func(TriggerKey, *schema.ScheduleTrigger) bool) {
		if old != nil {
			for address, j := range old.Jobs {
				for i := range j.Triggers {
					key := TriggerKey{address, i}
					if s.schedule(key) == nil && !yield(key, nil) {
						return
					}
				}
			}
		}
		for address, j := range s.Jobs {
			for i := range j.Triggers {
				key := TriggerKey{address, i}
				t := s.schedule(key)
				if t == nil {
					continue
				}
				if old != nil {
					if was := old.schedule(key); was != nil && sameDueTimes(was, t) {
						continue
					}
				}
				if !yield(key, t) {
					return
				}
			}
		}
	}
}

// sameDueTimes tells whether two triggers of one job are due at the same times.
func sameDueTimes(a, b *schema.ScheduleTrigger) bool {
	return a.Cron == b.Cron && a.Jitter == b.Jitter && a.Zone.String() == b.Zone.String()
}

// names are the events that a PBX is to send: those that triggers listen to,
// and those that confirm user events.
func (s *Serving) names(pbx string) []string {
	names := map[string]bool{}
	for name := range s.listeners[pbx] {
		names[name] = true
	}
	for _, j := range s.Jobs {
		if j.PBX.Address == pbx && j.Type == schema.UserEvent {
			names["UserEvent"] = true
			names["OriginateResponse"] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// needed are the PBXs that jobs send to or triggers listen to.
func (s *Serving) needed() map[string]bool {
	needed := map[string]bool{}
	for _, j := range s.Jobs {
		needed[j.PBX.Address] = true
	}
	for pbx := range s.listeners {
		needed[pbx] = true
	}
	return needed
}

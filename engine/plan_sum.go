package engine

import (
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/schema"
)

// Counts sums a plan up.
type Counts struct {
	Add    int `json:"add"`
	Change int `json:"change"`
	Remove int `json:"remove"`
	Fire   int `json:"fire"`   // runs that start or go on
	Phones int `json:"phones"` // distinct targets of those, user events not counted
	PBXs   int `json:"pbxs"`   // distinct PBXs of those
}

// Counts sums the plan up.
func (p *Plan) Counts() Counts {
	var c Counts
	through := map[string][]*JobPlan{} // by the PBX that they send through
	for _, jp := range p.Jobs {
		switch jp.Op {
		case Add:
			c.Add++
		case Change:
			c.Change++
		case Remove:
			c.Remove++
		}
		runs := len(jp.Resume)
		if jp.Fire != nil {
			runs++
		}
		if c.Fire += runs; runs > 0 {
			through[jp.Job.PBX.Address] = append(through[jp.Job.PBX.Address], jp)
		}
	}
	c.PBXs = len(through)
	for _, jobs := range through {
		c.Phones += phonesOf(jobs)
	}
	return c
}

// phonesOf counts the distinct targets of what is sent through one PBX.
func phonesOf(jobs []*JobPlan) int {
	if first := jobs[0]; len(jobs) == 1 && first.Fire != nil && len(first.Resume) == 0 && first.Job.Type == schema.SIPNotify {
		return len(first.Fire.Deliveries) // a firing has no target twice
	}
	phones := map[string]bool{}
	for _, jp := range jobs {
		if jp.Job.Type != schema.SIPNotify {
			continue
		}
		if jp.Fire != nil {
			for _, d := range jp.Fire.Deliveries {
				phones[d.Target] = true
			}
		}
		for _, r := range jp.Resume {
			for _, d := range r.Deliveries {
				phones[d.Target] = true
			}
		}
	}
	return len(phones)
}

// PBXs are those that an apply of the plan sends to, in the order of the jobs.
func (p *Plan) PBXs() []*schema.PBX {
	var pbxs []*schema.PBX
	known := map[*schema.PBX]bool{}
	for _, jp := range p.Jobs {
		if (jp.Fire != nil || len(jp.Resume) > 0) && !known[jp.Job.PBX] {
			known[jp.Job.PBX] = true
			pbxs = append(pbxs, jp.Job.PBX)
		}
	}
	return pbxs
}

// Needs are the names of the AMI actions that an apply of the plan sends, by
// the address of the PBX.
func (p *Plan) Needs() map[string][]string {
	needs := map[string][]string{}
	add := func(jp *JobPlan, target string) {
		action := "PJSIPNotify"
		switch {
		case jp.Job.Type == schema.UserEvent:
			action = "UserEvent"
			if e, _ := jp.Job.Event(); e != nil && !e.Channel.IsEmpty() {
				action = "Originate"
			}
		case strings.HasPrefix(target, string(schema.TechSIP)+"/"):
			action = "SIPnotify"
		}
		if pbx := jp.Job.PBX.Address; !slices.Contains(needs[pbx], action) {
			needs[pbx] = append(needs[pbx], action)
		}
	}
	for _, jp := range p.Jobs {
		if jp.Fire != nil {
			for _, d := range jp.Fire.Deliveries {
				add(jp, d.Target)
			}
		}
		for _, r := range jp.Resume {
			for _, d := range r.Deliveries {
				add(jp, d.Target)
			}
		}
	}
	return needs
}

// Empty tells whether an apply would change nothing and send nothing.
func (p *Plan) Empty() bool {
	for _, jp := range p.Jobs {
		if !jp.empty() {
			return false
		}
	}
	return true
}

func (jp *JobPlan) empty() bool {
	return jp.Op == NoOp && jp.Fire == nil && len(jp.Resume)+len(jp.Cancel)+len(jp.Recorded) == 0
}

// Digest is the same for two plans that would do the same.
func (p *Plan) Digest() string {
	var parts []string
	for _, m := range p.Moved {
		parts = append(parts, "moved", m.From, m.To)
	}
	for _, jp := range p.Jobs {
		if jp.empty() {
			continue
		}
		parts = append(parts, "job", jp.Address, string(jp.Op), jp.applied.Digest)
		if jp.Fire != nil {
			for _, d := range jp.Fire.Deliveries {
				parts = append(parts, "fire", d.Target, d.Message, d.Revision)
			}
			for _, s := range jp.Fire.Skips {
				parts = append(parts, "skip", s.Target)
			}
		}
		for _, r := range jp.Resume {
			for _, d := range r.Deliveries {
				parts = append(parts, "resume", r.Run.ID, d.Target, d.Message, d.Revision)
			}
		}
		for _, c := range jp.Cancel {
			for _, d := range c.Deliveries {
				parts = append(parts, "cancel", c.Run.ID, d.Target)
			}
		}
		for _, r := range jp.Recorded {
			parts = append(parts, "record", r.Target, r.Revision)
		}
	}
	return digest(parts...)
}

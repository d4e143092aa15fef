package main

import (
	"encoding/json"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// planJSON is plan -json: the whole plan, nothing left out but sensitive
// values. docs/cli.md describes it.
type planJSON struct {
	FormatVersion string           `json:"format_version"`
	Type          string           `json:"type"` // "plan"
	Version       string           `json:"notifyrun_version"`
	Created       time.Time        `json:"created"`
	Lineage       string           `json:"lineage,omitempty"`
	Serial        uint64           `json:"serial"`
	Jobs          []jobJSON        `json:"jobs"`
	Summary       engine.Counts    `json:"summary"`
	Diagnostics   []diagnosticJSON `json:"diagnostics"`
}

type jobJSON struct {
	Address    string        `json:"address"`
	Op         engine.Op     `json:"op"`
	Type       string        `json:"type,omitempty"`
	PBX        string        `json:"pbx,omitempty"`
	Attributes []engine.Attr `json:"attributes,omitempty"`
	Changes    []changeJSON  `json:"changes,omitempty"`
	Fire       *fireJSON     `json:"fire,omitempty"`
	Resume     []resumeJSON  `json:"resume,omitempty"`
	Cancel     []cancelJSON  `json:"cancel,omitempty"`
	Held       []string      `json:"held,omitempty"`
	Paused     *pauseJSON    `json:"paused,omitempty"`
	Waiting    []string      `json:"waiting,omitempty"`
	Recorded   []string      `json:"recorded,omitempty"`
	Due        []dueJSON     `json:"due,omitempty"`
	Waits      []waitJSON    `json:"waits,omitempty"`
}

// waitJSON is what an event or after trigger waits for.
type waitJSON struct {
	Event string   `json:"event,omitempty"`
	PBX   string   `json:"pbx,omitempty"`
	Where string   `json:"where,omitempty"`
	After []string `json:"after,omitempty"`
	On    string   `json:"on,omitempty"`
	Delay string   `json:"delay,omitempty"`
}

func newWaitsJSON(j *schema.Job) []waitJSON {
	if j == nil || !j.Enabled {
		return nil
	}
	var waits []waitJSON
	for _, t := range j.Triggers {
		switch t := t.(type) {
		case *schema.EventTrigger:
			waits = append(waits, waitJSON{Event: t.Name, PBX: t.PBX.Address, Where: t.Where})
		case *schema.AfterTrigger:
			waits = append(waits, waitJSON{After: t.Jobs, On: string(t.On), Delay: t.Delay.String()})
		}
	}
	return waits
}

type changeJSON struct {
	Name string  `json:"name"`
	Old  *string `json:"old"`
	New  *string `json:"new"`
}

type fireJSON struct {
	Cause      engine.Cause               `json:"cause"`
	Deliveries []deliveryJSON             `json:"deliveries"`
	Messages   map[string]json.RawMessage `json:"messages"` // by the digest that deliveries name
}

type deliveryJSON struct {
	Target   string `json:"target"`
	Message  string `json:"message"`
	Revision string `json:"revision,omitempty"`
}

type resumeJSON struct {
	Run     string   `json:"run"`
	Targets []string `json:"targets"`
}

type cancelJSON struct {
	Run     string   `json:"run"`
	Targets []string `json:"targets"`
	Reason  string   `json:"reason,omitempty"`
}

// dueJSON is one due time; schedule -json prints one a line.
type dueJSON struct {
	Job   string `json:"job"`
	Due   string `json:"due"` // RFC 3339 with the zone's offset
	Zone  string `json:"zone"`
	Fires string `json:"fires,omitempty"` // due and the job's share of the jitter, where it has one
	Moved bool   `json:"moved,omitempty"` // a clock change moved it

	Paused bool `json:"paused,omitempty"` // the job is
}

func newDueJSON(job string, d engine.Due) dueJSON {
	j := dueJSON{Job: job, Due: d.At.Format(time.RFC3339), Zone: d.At.Location().String(), Moved: d.Moved()}
	if !d.Fires.Equal(d.At) {
		j.Fires = d.Fires.Format(time.RFC3339Nano)
	}
	return j
}

func newPlanJSON(p *engine.Plan, warnings []diagnosticJSON) planJSON {
	out := planJSON{
		FormatVersion: formatVersion, Type: "plan", Version: version,
		Created: p.Now.UTC(), Lineage: p.State.Lineage, Serial: p.State.Serial,
		Jobs: []jobJSON{}, Summary: p.Counts(), Diagnostics: warnings,
	}
	for _, jp := range p.Jobs {
		out.Jobs = append(out.Jobs, newJobJSON(jp))
	}
	return out
}

func newJobJSON(jp *engine.JobPlan) jobJSON {
	j := jobJSON{Address: jp.Address, Op: jp.Op, Attributes: jp.Attrs, Held: jp.Held, Paused: newPauseJSON(jp.Paused), Waiting: jp.Waiting}
	if jp.Job != nil {
		j.Type, j.PBX = string(jp.Job.Type), jp.Job.PBX.Address
	}
	for _, c := range jp.Changes {
		j.Changes = append(j.Changes, changeJSON(c))
	}
	if jp.Fire != nil {
		f := &fireJSON{Cause: jp.Fire.Cause, Messages: map[string]json.RawMessage{}}
		for _, d := range jp.Fire.Deliveries {
			f.Deliveries = append(f.Deliveries, deliveryJSON{d.Target, d.Message, d.Revision})
		}
		for _, m := range jp.Messages() {
			f.Messages[m.Digest] = m.Text
		}
		j.Fire = f
	}
	for _, r := range jp.Resume {
		j.Resume = append(j.Resume, resumeJSON{r.Run.ID, deliveryTargets(r.Deliveries)})
	}
	for _, c := range jp.Cancel {
		j.Cancel = append(j.Cancel, cancelJSON{c.Run.ID, deliveryTargets(c.Deliveries), c.Reason})
	}
	for _, r := range jp.Recorded {
		j.Recorded = append(j.Recorded, r.Target)
	}
	for _, d := range jp.Due {
		due := newDueJSON(jp.Address, d)
		due.Paused = jp.Paused != nil
		j.Due = append(j.Due, due)
	}
	j.Waits = newWaitsJSON(jp.Job)
	return j
}

func deliveryTargets(all []engine.DeliveryState) []string {
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Target
	}
	return names
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// planJSON is plan -json: the whole plan, nothing left out but sensitive
// values. docs/cli.md describes it.
type planJSON struct {
	FormatVersion string                `json:"format_version"`
	Type          string                `json:"type"` // "plan"
	Version       string                `json:"notifyrun_version"`
	Created       time.Time             `json:"created"`
	Lineage       string                `json:"lineage,omitempty"`
	Serial        uint64                `json:"serial"`
	Data          []dataJSON            `json:"data,omitempty"`
	Outputs       map[string]outputJSON `json:"outputs,omitempty"`
	Jobs          []jobJSON             `json:"jobs"` // written one by one
	Summary       engine.Counts         `json:"summary"`
	Through       []throughJSON         `json:"through"`
	Diagnostics   []diagnosticJSON      `json:"diagnostics"`
}

type jobJSON struct {
	Address    string        `json:"address"`
	MovedFrom  string        `json:"moved_from,omitempty"`
	Op         engine.Op     `json:"op"`
	Type       string        `json:"type,omitempty"`
	PBX        string        `json:"pbx,omitempty"`
	Attributes []engine.Attr `json:"attributes,omitempty"`
	Changes    []changeJSON  `json:"changes,omitempty"`
	Fire       *fireJSON     `json:"fire,omitempty"`
	Resume     []resumeJSON  `json:"resume,omitempty"`
	Cancel     []cancelJSON  `json:"cancel,omitempty"`
	Now        []string      `json:"now,omitempty"`
	New        []string      `json:"new,omitempty"`
	Gone       []string      `json:"gone,omitempty"`
	NoContact  []string      `json:"no_contact,omitempty"`
	Held       []string      `json:"held,omitempty"`
	Paused     *pauseJSON    `json:"paused,omitempty"`
	Waiting    []string      `json:"waiting,omitempty"`
	Window     *windowJSON   `json:"window,omitempty"`
	WaitsFor   []string      `json:"waits_for,omitempty"`
	Recorded   []string      `json:"recorded,omitempty"`
	Due        []dueJSON     `json:"due,omitempty"`
	Waits      []waitJSON    `json:"waits,omitempty"`
	Skipped    []skipJSON    `json:"skipped,omitempty"`
	Presets    []presetJSON  `json:"presets,omitempty"`
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

// throughJSON is what is sent through one PBX.
type throughJSON struct {
	PBX        string  `json:"pbx"`
	Deliveries int     `json:"deliveries"`
	RateLimit  float64 `json:"rate_limit"` // a second; 0: none
	Seconds    float64 `json:"seconds"`    // that it takes at that rate
}

// fireJSON is written delivery by delivery, and message by message.
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
	Run        string         `json:"run"`
	Targets    []string       `json:"targets"`
	Deliveries []deliveryJSON `json:"deliveries"`
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

	Paused bool      `json:"paused,omitempty"` // the job is
	Held   *heldJSON `json:"held,omitempty"`   // its window is closed then
}

func newDueJSON(job string, d engine.Due) dueJSON {
	j := dueJSON{Job: job, Due: d.At.Format(time.RFC3339), Zone: d.At.Location().String(), Moved: d.Moved()}
	if !d.Fires.Equal(d.At) {
		j.Fires = d.Fires.Format(time.RFC3339Nano)
	}
	return j
}

// writePlanJSON writes a plan as one line. It does so piece by piece: a firing for
// 100,000 phones, each with a message of its own, is 50 MB of JSON.
func writePlanJSON(w io.Writer, p *engine.Plan, data []dataJSON, warnings []diagnosticJSON) error {
	out := planJSON{
		FormatVersion: formatVersion, Type: "plan", Version: version,
		Created: p.Now.UTC(), Lineage: p.State.Lineage, Serial: p.State.Serial, Data: data, Outputs: newOutputsJSON(p.Config.Outputs),
		Jobs: []jobJSON{}, Summary: p.Counts(), Through: []throughJSON{}, Diagnostics: warnings,
	}
	for _, l := range loads(p) {
		t := throughJSON{PBX: l.pbx.Address, Deliveries: l.notify + l.events, RateLimit: float64(l.pbx.RateLimit)}
		if t.RateLimit > 0 {
			t.Seconds = float64(t.Deliveries) / t.RateLimit
		}
		out.Through = append(out.Through, t)
	}
	j := newJSONPieces(w)
	behind := j.before(out, `"jobs":[`)
	for i, jp := range p.Jobs {
		j.comma(i)
		job := newJobJSON(jp)
		if job.Fire == nil {
			j.value(job)
			continue
		}
		rest := j.before(job, `"deliveries":[`)
		for i, d := range jp.Fire.Deliveries {
			j.comma(i)
			j.value(deliveryJSON{d.Target, d.Message, d.Revision})
		}
		const messages = `],"messages":{`
		j.text(messages)
		i := 0
		for m := range jp.EachMessage() {
			j.comma(i)
			j.value(m.Digest)
			j.text(":")
			j.w.Write(m.Text)
			i++
		}
		j.text(strings.TrimPrefix(rest, messages))
	}
	j.text(behind + "\n")
	return j.w.Flush()
}

// jsonPieces writes JSON whose lists are too long to be in memory.
type jsonPieces struct {
	w   *bufio.Writer
	buf *bytes.Buffer
	enc *json.Encoder
}

func newJSONPieces(w io.Writer) jsonPieces {
	buf := &bytes.Buffer{}
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	return jsonPieces{bufio.NewWriterSize(w, 64<<10), buf, enc}
}

func (j jsonPieces) text(s string) { j.w.WriteString(s) } // an error stays, and Flush returns it

func (j jsonPieces) comma(i int) {
	if i > 0 {
		j.w.WriteByte(',')
	}
}

// encode gives the JSON of a value that can have one, without a line end.
func (j jsonPieces) encode(v any) []byte {
	j.buf.Reset()
	if err := j.enc.Encode(v); err != nil { // strings and numbers: cannot happen
		panic(err)
	}
	return bytes.TrimSuffix(j.buf.Bytes(), []byte{'\n'})
}

func (j jsonPieces) value(v any) { j.w.Write(j.encode(v)) }

// before writes a value up to its first list that begins so, and gives the rest,
// from where its elements are to be on. No text in it can be taken for that: in
// texts, quotes are escaped.
func (j jsonPieces) before(v any, list string) (rest string) {
	text := j.encode(v)
	i := bytes.Index(text, []byte(list)) + len(list)
	j.w.Write(text[:i])
	return string(text[i:])
}

// newJobJSON gives what there is of a job but its deliveries and messages.
func newJobJSON(jp *engine.JobPlan) jobJSON {
	j := jobJSON{Address: jp.Address, MovedFrom: jp.MovedFrom, Op: jp.Op, Attributes: jp.Attrs, Now: phonesNow(jp), New: jp.New, Gone: jp.Gone, NoContact: jp.NoContact, Held: jp.Held, Paused: newPauseJSON(jp.Paused), Waiting: jp.Waiting, Window: newWindowJSON(jp.Window), WaitsFor: jp.After}
	if jp.Job != nil {
		j.Type, j.PBX = string(jp.Job.Type), jp.Job.PBX.Address
	}
	for _, c := range jp.Changes {
		j.Changes = append(j.Changes, changeJSON(c))
	}
	if jp.Fire != nil {
		j.Fire = &fireJSON{Cause: jp.Fire.Cause, Deliveries: []deliveryJSON{}, Messages: map[string]json.RawMessage{}}
	}
	for _, r := range jp.Resume {
		left := resumeJSON{Run: r.Run.ID, Targets: deliveryTargets(r.Deliveries)}
		for _, d := range r.Deliveries {
			left.Deliveries = append(left.Deliveries, deliveryJSON{d.Target, d.Message, d.Revision})
		}
		j.Resume = append(j.Resume, left)
	}
	for _, c := range jp.Cancel {
		j.Cancel = append(j.Cancel, cancelJSON{c.Run.ID, deliveryTargets(c.Deliveries), c.Reason})
	}
	for _, r := range jp.Recorded {
		j.Recorded = append(j.Recorded, r.Target)
	}
	for _, d := range jp.Due {
		due := newDueJSON(jp.Address, d)
		due.Paused, due.Held = jp.Paused != nil, newHeldJSON(engine.HeldBack(jp.Job, d.Fires))
		j.Due = append(j.Due, due)
	}
	j.Waits = newWaitsJSON(jp.Job)
	j.Skipped, j.Presets = newPhonesJSON(jp)
	return j
}

func deliveryTargets(all []engine.DeliveryState) []string {
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Target
	}
	return names
}

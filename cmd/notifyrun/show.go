package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

var showCommand = &command{
	name: "show", args: "RUN|ADDRESS [PATH]",
	short: "show one run with its deliveries, or one job with its state",
	long: `Of a run, named by its id or the beginning of it: every delivery, its outcome,
Asterisk's answer, and the message as it was sent. Of a job, named by its
address: what is declared, what was applied, whether it is paused, how many
phones have had the present revision, which ones are held back, when it is due
next and what else it waits for, and its last runs and what did not fire.`,
	run: (*app).show,
}

func (a *app) show(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	what, path, err := a.parseOne(args, "a run, as in: notifyrun show 01JDM3, or the address of a job: notifyrun show sip_notify.reboot")
	if err != nil {
		return err
	}
	if isSavedPlan(what) {
		return fmt.Errorf("show %s: a saved plan is shown by notifyrun plan -out, which makes it, with -json for machines; and again by notifyrun apply, which does it", what)
	}
	if strings.Contains(what, ".") {
		return a.showJob(ctx, what, path, v)
	}
	led, _, err := a.stateOf(ctx, path, v)
	if err != nil {
		return err
	}
	defer led.Close()
	r, err := readRun(ctx, led, strings.ToUpper(what))
	if err != nil {
		return err
	}
	if a.json {
		return writeJSON(a.stdout, r.json())
	}
	return a.runView(r)
}

// shownRun is all that is known of one run.
type shownRun struct {
	engine.RunSummary
	deliveries []*shownDelivery
	order      []string                   // digests of the messages, as they first appear
	messages   map[string]json.RawMessage // by digest
}

// shownDelivery is one delivery with its last attempt.
type shownDelivery struct {
	target   string
	outcome  engine.Outcome
	attempts int
	answer   string
	message  string // digest
	started  time.Time
	finished time.Time
}

// readRun gathers a run from its attempts and, while it is open, from what has
// not been attempted yet.
func readRun(ctx context.Context, led engine.Ledger, id string) (*shownRun, error) {
	runs, err := led.Runs(ctx, engine.RunQuery{ID: id})
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("show %s: there is no such run", id)
	}
	r := &shownRun{RunSummary: runs[0], messages: map[string]json.RawMessage{}}
	if r.deliveries, err = readDeliveries(ctx, led, runs[0]); err != nil {
		return nil, err
	}
	for _, d := range r.deliveries {
		if _, known := r.messages[d.message]; known || d.message == "" {
			continue
		}
		text, err := led.Message(ctx, d.message)
		if err != nil {
			return nil, err
		}
		r.messages[d.message] = text
		r.order = append(r.order, d.message)
	}
	return r, nil
}

// readDeliveries reads what became of each delivery of a run.
func readDeliveries(ctx context.Context, led engine.Ledger, run engine.RunSummary) ([]*shownDelivery, error) {
	var all []*shownDelivery
	byTarget := map[string]*shownDelivery{}
	of := func(target, message string) *shownDelivery {
		d := byTarget[target]
		if d == nil {
			d = &shownDelivery{target: target, message: message}
			byTarget[target] = d
			all = append(all, d)
		}
		return d
	}
	for e, err := range led.History(ctx, engine.HistoryQuery{Run: run.ID}) {
		if err != nil {
			return nil, err
		}
		d := of(e.Target, e.Message)
		d.outcome, d.answer, d.started, d.finished = e.Outcome, e.Text, e.Started, e.Finished
		d.attempts = max(d.attempts, e.Attempt)
	}
	if !run.Ended.IsZero() {
		return all, nil
	}
	state, err := led.State(ctx)
	if err != nil {
		return nil, err
	}
	for _, open := range state.Open {
		if open.ID != run.ID {
			continue
		}
		for _, d := range open.Deliveries {
			s := of(d.Target, d.Message)
			s.outcome = d.Outcome // pending again after an attempt that was not sent
		}
	}
	return all, nil
}

// shownRunJSON is show -json of a run.
type shownRunJSON struct {
	FormatVersion string `json:"format_version"`
	Type          string `json:"type"` // "run"
	runJSON
	Deliveries []shownDeliveryJSON        `json:"deliveries"`
	Messages   map[string]json.RawMessage `json:"messages"` // by the digest that deliveries name
}

type shownDeliveryJSON struct {
	Target   string         `json:"target"`
	Outcome  engine.Outcome `json:"outcome"`
	Attempts int            `json:"attempts"`
	Answer   string         `json:"answer"`
	Message  string         `json:"message"` // digest
	Started  *string        `json:"started"` // of the last attempt
	Finished *string        `json:"finished"`
}

func (r *shownRun) json() shownRunJSON {
	out := shownRunJSON{
		FormatVersion: formatVersion, Type: "run", runJSON: newRunJSON(r.RunSummary),
		Deliveries: []shownDeliveryJSON{}, Messages: r.messages,
	}
	for _, d := range r.deliveries {
		out.Deliveries = append(out.Deliveries, shownDeliveryJSON{
			d.target, d.outcome, d.attempts, d.answer, d.message, timeJSON(d.started), timeJSON(d.finished),
		})
	}
	return out
}

// runView writes a run for people.
func (a *app) runView(r *shownRun) error {
	v := a.screen(a.stdout)
	v.printf("%s %s\n", v.style.bold("Run"), v.style.bold(r.ID))
	row := func(name, text string) { v.printf("  %-10s%s\n", name, printable(text)) }
	row("job", r.Job)
	row("pbx", r.PBX)
	row("cause", cause(r.Cause))
	row("started", r.Created.Local().Format("2006-01-02 15:04:05 -07:00"))
	if r.Ended.IsZero() {
		row("ended", "not yet; it is open")
		if held := engine.HeldRun(r.RunSummary, time.Now()); held != nil {
			row("held", "by "+heldBy(held))
		}
		if len(r.Waits) > 0 {
			row("waits", strings.TrimPrefix(waitsText(r.Waits), "waits "))
		}
	} else {
		row("ended", r.Ended.Local().Format("2006-01-02 15:04:05 -07:00")+", after "+took(r.Created, r.Ended))
	}
	row("outcome", outcomeList(r.Outcomes))
	r.viewMessages(v)
	v.printf("\n")
	t := a.newTable(a.stdout, column{title: "TARGET"}, column{title: "OUTCOME", whole: true, paint: paintOutcome},
		column{title: "TRIES", right: true, whole: true}, column{title: "TIME", whole: true}, column{title: "ANSWER"})
	for _, d := range r.deliveries {
		at := ""
		if !d.started.IsZero() {
			at = d.started.Local().Format(time.TimeOnly)
		}
		lines := strings.Split(answer(d.answer), "\n")
		t.add(d.target, string(d.outcome), fmt.Sprint(d.attempts), at, lines[0])
		for _, line := range lines[1:] {
			t.add("", "", "", "", line)
		}
	}
	return t.flush(a.stdout)
}

// viewMessages shows what was sent, in the form of a plan.
func (r *shownRun) viewMessages(v screen) {
	const shown = 3
	for i, digest := range r.order {
		if i == shown {
			v.printf("\n    and %s; notifyrun show -json %s has them all\n", count(len(r.order)-shown, "more message"), r.ID)
			break
		}
		var targets []string
		for _, d := range r.deliveries {
			if d.message == digest {
				targets = append(targets, d.target)
			}
		}
		sent, err := readSent(r.messages[digest])
		if err != nil {
			v.printf("\n      (the message cannot be read: %v)\n", err)
			continue
		}
		sent.Target = names(targets, itself)
		v.printf("\n")
		v.sent(sent)
	}
}

// readSent reads a message as history keeps it: what was sensitive is the text
// that stands for it.
func readSent(text json.RawMessage) (engine.Sent, error) {
	var stored struct {
		Action  string
		Headers []struct{ Name, Value string }
		Content []string
		Option  string
		CallID  *string `json:"call_id"`
		Channel *string
	}
	if err := json.Unmarshal(text, &stored); err != nil {
		return engine.Sent{}, err
	}
	sent := engine.Sent{Action: stored.Action, Option: stored.Option}
	for _, h := range stored.Headers {
		sent.Headers = append(sent.Headers, engine.SentHeader{Name: h.Name, Value: schema.Plain(h.Value)})
	}
	for _, line := range stored.Content {
		sent.Content = append(sent.Content, schema.Plain(line))
	}
	if stored.CallID != nil {
		id := schema.Plain(*stored.CallID)
		sent.CallID = &id
	}
	if stored.Channel != nil {
		channel := schema.Plain(*stored.Channel)
		sent.Channel = &channel
	}
	return sent, nil
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// driver serves one lane: it claims what the lane decides, sends it, and
// records what comes of it. All but the answer callbacks runs in the one
// goroutine of run.
type driver struct {
	runner    *Runner
	committer *committer
	pbx       *schema.PBX
	sender    Sender
	lane      *lane
	log       *slog.Logger
	reports   map[string]*RunReport
	targets   map[*Work]map[string]schema.Target

	batch     Batch
	lookAgain time.Time
	down      bool  // the connection is lost; a reconnect is under way
	lost      error // the PBX did not come back
	ledgerErr error

	mu      sync.Mutex
	answers []answer
	back    *reconnected
	signal  chan struct{} // holds one token while answers or back wait to be taken
}

type answer struct {
	it  *item
	msg *amiclient.Message
	err error
	at  time.Time
}

// reconnected is how an attempt to reach a lost PBX again ended.
type reconnected struct{ err error }

func newDriver(r *Runner, c *committer, pbx *schema.PBX, works []*Work) *driver {
	d := &driver{
		runner: r, committer: c, pbx: pbx, sender: r.Senders[pbx.Address],
		lane:    newLane(pbx.MaxInFlight, pbx.RateLimit, len(works)),
		log:     r.Log.With("pbx", pbx.Address),
		reports: map[string]*RunReport{},
		targets: map[*Work]map[string]schema.Target{},
		signal:  make(chan struct{}, 1),
	}
	for _, w := range works {
		d.reports[w.ID] = &RunReport{RunHeader: w.RunHeader, Outcomes: map[Outcome]int{}, Left: len(w.Deliveries)}
		byName := make(map[string]schema.Target, len(w.Job.Targets))
		for _, t := range w.Job.Targets {
			byName[t.String()] = t
		}
		d.targets[w] = byName
		items := make([]item, len(w.Deliveries))
		for i, s := range w.Deliveries {
			items[i] = item{work: w, seq: s.Seq, target: s.Target, before: s.Attempts}
			if t := byName[s.Target]; t.Tech == schema.TechPJSIP {
				items[i].endpoint = t.Name
			}
			d.lane.add(&items[i])
		}
	}
	return d
}

// run serves the lane until nothing is left to send, the context ends or the
// ledger fails; then it waits for the answers still due. What it sends and
// looks up happens under detached, which outlives the first Ctrl-C.
func (d *driver) run(ctx, detached context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		d.take(ctx, now)
		var send []*item
		var wake time.Time
		if ctx.Err() == nil && !d.down && d.ledgerErr == nil && d.lost == nil {
			d.look(ctx, now)
		}
		if ctx.Err() == nil && !d.down && d.ledgerErr == nil && d.lost == nil {
			var skip []*item
			send, skip, wake = d.lane.step(now)
			for _, it := range skip {
				d.end(it, 0, Skipped, "no contact is registered: Asterisk would say Success and send nothing", now)
			}
		}
		send = d.prepare(send, now)
		if err := d.commit(send, now); err != nil {
			d.ledgerErr = err
			for _, it := range send { // claimed, perhaps; certainly not sent
				d.lane.ended(it, now)
			}
			send = nil
		}
		for _, it := range send {
			id := ActionID(it.work.ID, it.seq, it.n())
			err := d.sender.Go(detached, id, it.action, func(msg *amiclient.Message, err error) {
				d.answered(answer{it, msg, err, time.Now()})
			})
			if err != nil {
				d.answered(answer{it, nil, notQueued(err), time.Now()})
			}
		}
		stopping := ctx.Err() != nil || d.ledgerErr != nil || d.lost != nil
		if len(d.lane.inFlight) == 0 && !d.waiting() && (stopping || d.lane.idle()) {
			return d.ledgerErr
		}
		if stopping || wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(wake.Sub(now), 0))
		}
		done := ctx.Done()
		if stopping {
			done = nil
		}
		select {
		case <-d.signal:
		case <-timer.C:
		case <-done:
		}
	}
}

// notQueued marks an error of Sender.Go, which means that the action was never
// queued, as one that Asterisk cannot have seen.
func notQueued(err error) error {
	var conn *amiclient.ConnError
	var field *amiclient.FieldError
	if errors.As(err, &conn) || errors.As(err, &field) {
		return err
	}
	return &amiclient.ConnError{Op: "send action", Err: err}
}

func (d *driver) answered(a answer) {
	d.mu.Lock()
	d.answers = append(d.answers, a)
	d.mu.Unlock()
	d.wakeUp()
}

func (d *driver) wakeUp() {
	select {
	case d.signal <- struct{}{}:
	default:
	}
}

// waiting tells whether there is more to take, or a reconnect under way that
// will report.
func (d *driver) waiting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.answers) > 0 || d.down
}

// take turns the answers that have come in into outcomes.
func (d *driver) take(ctx context.Context, now time.Time) {
	d.mu.Lock()
	answers, back := d.answers, d.back
	d.answers, d.back = nil, nil
	d.mu.Unlock()
	if back != nil {
		d.down = false
		if ctx.Err() != nil {
			d.lane.drop()
		} else if back.err != nil {
			d.lost = back.err
			d.log.Error("PBX is lost; what is left stays pending", "error", back.err)
			d.lane.drop()
		} else {
			d.log.Info("PBX is back")
			d.lookAgain = time.Time{}
		}
	}
	for _, a := range answers {
		v := classify(a.msg, a.err)
		if v.lost {
			d.reconnect(ctx, v.err)
		}
		d.lane.ended(a.it, now)
		d.resolve(a, v, now)
	}
}

// resolve ends a delivery or queues it again.
func (d *driver) resolve(a answer, v verdict, now time.Time) {
	it := a.it
	job := it.work.Job
	again := it.tries < job.Retry.Attempts
	switch {
	case v.outcome == NotSent && again, v.outcome == Unknown && again && job.OnUnknown == schema.Resend:
		d.record(it, it.n(), v.outcome, v.text, a.at)
		d.lane.retry(it, now.Add(backoff(job.Retry.Backoff, it.tries)))
	case v.outcome == NotSent && !v.lost:
		d.end(it, it.n(), Rejected, v.text, a.at)
	case v.outcome == NotSent:
		d.record(it, it.n(), NotSent, v.text, a.at) // it stays pending: the next apply resumes it
	default:
		d.end(it, it.n(), v.outcome, v.text, a.at)
	}
}

// backoff doubles the job's pause with each try, up to five minutes.
func backoff(first time.Duration, tries int) time.Duration {
	return min(first<<min(tries-1, 16), 5*time.Minute)
}

// end records a final outcome.
func (d *driver) end(it *item, n int, o Outcome, text string, at time.Time) {
	d.record(it, n, o, text, at)
	d.runner.count(o)
	run := d.reports[it.work.ID]
	cause := text
	if it.endpoint != "" {
		cause = strings.Replace(text, " "+it.endpoint+`"`, ` …"`, 1)
	}
	if run.end(o, it.target, cause); run.Left == 0 {
		d.batch.Ended = append(d.batch.Ended, it.work.ID)
	}
}

func (d *driver) record(it *item, n int, o Outcome, text string, at time.Time) {
	started := it.started
	if started.IsZero() {
		started = at
	}
	d.batch.Attempts = append(d.batch.Attempts, Attempt{
		Run: it.work.ID, Seq: it.seq, N: n, Outcome: o, Text: text, Started: started, Finished: at,
	})
	if d.log.Enabled(context.Background(), slog.LevelInfo) {
		d.log.Info("delivery", "job", it.work.Job.Address, "run", it.work.ID, "target", it.target,
			"attempt", n, "action_id", ActionID(it.work.ID, it.seq, n), "outcome", string(o), "message", text)
	}
}

// prepare makes the actions of the deliveries about to be claimed. One that
// cannot be made, although the plan made it, is rejected.
func (d *driver) prepare(send []*item, now time.Time) []*item {
	ready := send[:0]
	for _, it := range send {
		action, err := d.action(it)
		if err != nil {
			d.lane.ended(it, now)
			d.end(it, 0, Rejected, err.Error(), now)
			continue
		}
		it.action = action
		ready = append(ready, it)
	}
	return ready
}

func (d *driver) action(it *item) (amiclient.Action, error) {
	job := it.work.Job
	if job.Type == schema.UserEvent {
		e, diags := job.Event()
		if diags.HasErrors() {
			return amiclient.Action{}, fmt.Errorf("evaluate user event: %s", diags[0].Detail)
		}
		return eventAction(e), nil
	}
	t, ok := d.targets[it.work][it.target]
	if !ok {
		return amiclient.Action{}, fmt.Errorf("evaluate message: %s is not a target of %s", it.target, job.Address)
	}
	m, diags := job.Message(t)
	if diags.HasErrors() {
		return amiclient.Action{}, fmt.Errorf("evaluate message: %s", diags[0].Detail)
	}
	return notifyAction(t, m), nil
}

// commit writes the ends since the last commit and the claims of what is about
// to be sent. Only when it returns nil may their bytes leave.
func (d *driver) commit(send []*item, now time.Time) error {
	d.batch.Claims = claims(send, now)
	d.batch.Time = now
	if len(d.batch.Attempts)+len(d.batch.Claims)+len(d.batch.Ended) == 0 {
		return nil
	}
	err := d.committer.commit(d.batch)
	if err == nil {
		d.batch = Batch{}
	}
	return err
}

// claims folds deliveries with consecutive positions in one run into ranges.
func claims(send []*item, now time.Time) []Claim {
	var all []Claim
	for _, it := range send {
		if n := len(all); n > 0 {
			c := &all[n-1]
			if c.Run == it.work.ID && c.Last+1 == it.seq && c.N == it.n() {
				c.Last++
				continue
			}
		}
		all = append(all, Claim{Run: it.work.ID, First: it.seq, Last: it.seq, N: it.n(), At: now})
	}
	return all
}

// reconnect tries to reach a lost PBX again until Patience is over or ctx
// ends. The lane sends nothing meanwhile.
func (d *driver) reconnect(ctx context.Context, cause error) {
	if d.down || d.lost != nil {
		return
	}
	d.down = true
	if ctx.Err() == nil {
		d.log.Warn("connection to PBX lost", "error", cause)
	}
	go func() {
		err := d.reach(ctx, cause)
		d.mu.Lock()
		d.back = &reconnected{err}
		d.mu.Unlock()
		d.wakeUp()
	}()
}

// reach returns nil when the PBX answers a Ping, or the last reason why not.
func (d *driver) reach(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(ctx, d.runner.Patience)
	defer cancel()
	for wait := 100 * time.Millisecond; !fatal(err); wait = min(2*wait, 5*time.Second) {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		_, now := d.sender.Do(ctx, amiclient.Action{Name: "Ping"})
		if now == nil {
			return nil
		}
		if ctx.Err() == nil {
			err = now
		}
	}
	return err
}

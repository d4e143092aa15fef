package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// driver serves one lane: it claims what the lane decides, sends what is
// claimed, and records what comes of it. While one batch is being written the
// sends go on with what was claimed before, so that neither Asterisk nor the
// disk waits for the other. All but the callbacks runs in the one goroutine of
// run.
type driver struct {
	runner    *Runner
	committer *committer
	pbx       *schema.PBX
	sender    Sender
	lane      *lane
	log       *slog.Logger
	reports   map[string]*RunReport
	targets   map[*Work]map[string]schema.Target
	active    map[string]int     // works that are not done, by job
	queued    map[string][]*Work // those that wait for others of their job

	// serve makes it go on when nothing is left, for works to come. Then a
	// ledger that fails and a PBX that is lost hold it up and do not end it, and
	// ended is told of each run once its end is on record.
	serve bool
	ended func(*RunReport)
	gone  func(error) // told that a PBX is lost for good
	up    func() bool // whether there is a connection; nil: nobody knows

	// depend are the works of all lanes that wait for others; nil: there is none.
	depend *dependents

	listens  atomic.Bool             // events of the PBX come to hear
	expected map[string]*expectation // user events on their way, by ActionID
	stopped  time.Time               // since when they are waited for no longer than it must be

	batch      Batch   // to be written next
	writing    Batch   // being written; see committing
	claiming   []*item // whose claims are being written
	claimed    []*item // whose claims are on disk: they may be sent
	onWire     int     // sent and not answered
	committing bool
	failed     int       // commits in a row that failed
	tryAgain   time.Time // when the ledger is tried again, after a failure
	forget     time.Time // when what was seen of contacts holds no longer
	blindly    bool      // it was said that contacts cannot be looked up
	unsure     bool      // likewise the default outbound endpoint
	down       bool      // the connection is lost; a reconnect is under way
	lost       error     // the PBX did not come back
	ledgerErr  error

	// What others may ask for at any time.
	depth, flying, held atomic.Int64

	mu     sync.Mutex
	events []event
	signal chan struct{} // holds one token while events wait to be taken
}

// event is what others report to the driver's goroutine: an answer, the end of
// a commit or of a reconnect, works to come, or works to cancel.
type event struct {
	answer    *answer
	committed bool
	reached   bool
	err       error // of the commit or the reconnect
	works     []*Work
	cancel    *cancellation
	echo      *echo
	drop      *drop
	over      bool // no lane waits for another any more
}

// drop cancels a work that was never begun.
type drop struct {
	work   *Work
	reason string
}

// cancellation ends what is pending of the works of a job, but for one of them.
type cancellation struct{ job, except, reason string }

type answer struct {
	it  *item
	msg *amiclient.Message
	err error
	at  time.Time
}

// claimAhead is how many times max_in_flight may be claimed and unanswered at
// most: the other half is ready to be sent the moment that answers come. It is
// also how much a crash can leave unknown. A rate limit holds back the claims
// themselves, so that with one there is hardly ever more claimed than sent.
const claimAhead = 2

// newDriver makes the driver of a lane that begins with works, of the so many runs
// that it is to serve.
func newDriver(r *Runner, c *committer, pbx *schema.PBX, sender Sender, works []*Work, runs int) *driver {
	d := &driver{
		runner: r, committer: c, pbx: pbx, sender: sender,
		lane:     newLane(claimAhead*pbx.MaxInFlight, pbx.RateLimit, runs),
		log:      r.Log.With("pbx", pbx.Address),
		reports:  map[string]*RunReport{},
		targets:  map[*Work]map[string]schema.Target{},
		active:   map[string]int{},
		queued:   map[string][]*Work{},
		expected: map[string]*expectation{},
		signal:   make(chan struct{}, 1),
	}
	for _, w := range works {
		d.add(w)
	}
	return d
}

// run serves the lane until nothing is left to send, ctx ends or the ledger
// fails; then it waits for the answers still due. They come under detached,
// which outlives the first Ctrl-C. Where serve is set only ctx ends it.
func (d *driver) run(ctx, detached context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		stopping := ctx.Err() != nil // seen by all of this turn: an end that comes within it wakes the next
		d.take(ctx, detached, now)
		if d.up != nil && d.may(ctx) && (d.lane.waiting() > d.lane.nHeld || len(d.claimed) > 0) && !d.up() {
			d.reconnect(ctx, errNotConnected)
		}
		var wake time.Time
		if d.may(ctx) {
			d.forgetContacts(now)
			d.recall(now)
			d.send(detached, now)
			if !d.committing {
				wake = d.claim(ctx, now)
			}
		} else if d.stopping(ctx) {
			d.giveBack(now)
		} else if d.ledgerErr != nil {
			wake = d.resume(now)
		}
		if heard := d.unheard(now, d.stopping(ctx)); !heard.IsZero() && (wake.IsZero() || heard.Before(wake)) {
			wake = heard
		}
		if again := d.commit(ctx, detached, now); !again.IsZero() && (wake.IsZero() || again.Before(wake)) {
			wake = again
		}
		d.depth.Store(int64(d.lane.waiting()))
		d.held.Store(int64(d.lane.nHeld))
		d.flying.Store(int64(d.onWire))
		if d.settled() && (d.stopping(ctx) || d.lane.idle() && !d.serve && d.holds(now) && (d.depend == nil || d.depend.rest(d))) {
			return d.ledgerErr
		}
		if d.depend != nil && !d.lane.idle() {
			d.depend.busy(d)
		}
		if wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(time.Until(wake), 0))
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

// stopping tells whether nothing more is to be sent.
func (d *driver) stopping(ctx context.Context) bool {
	return ctx.Err() != nil || !d.serve && (d.ledgerErr != nil || d.lost != nil)
}

// may tells whether more may be claimed and sent now.
func (d *driver) may(ctx context.Context) bool {
	return ctx.Err() == nil && d.ledgerErr == nil && d.lost == nil && !d.down
}

// settled tells whether nothing is on its way: no answer, no event, no write,
// no reconnect.
func (d *driver) settled() bool {
	if d.onWire > 0 || len(d.claimed)+len(d.expected) > 0 || d.committing || d.down {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.events) == 0 && (d.failed > commitTries || d.batch.empty())
}

// claim takes from the lane what is to be sent next, and ends what is not to
// be sent at all.
func (d *driver) claim(ctx context.Context, now time.Time) (wake time.Time) {
	send, skip, wake := d.lane.step(now)
	if len(d.lane.unseen) > 0 && d.look(ctx) {
		more, none, later := d.lane.step(now)
		send, skip, wake = append(send, more...), append(skip, none...), later
	}
	for _, it := range skip {
		if d.inDialog(it) {
			it.heard = heard{} // it goes to the other side of the call, wherever that is
			d.lane.add(it)
			wake = now
			continue
		}
		d.end(it, 0, Skipped, d.nobody(it), now)
	}
	d.claiming = d.prepare(send, now)
	d.batch.Claims = claims(d.claiming, now)
	return wake
}

// send puts on the wire what is claimed, as far as max_in_flight allows.
func (d *driver) send(detached context.Context, now time.Time) {
	n := min(len(d.claimed), d.pbx.MaxInFlight-d.onWire)
	for i, it := range d.claimed[:n] {
		d.onWire++
		it.started = now
		id := ActionID(it.work.ID, it.seq, it.n())
		d.expect(id, it)
		err := d.sender.Go(detached, id, it.action, func(msg *amiclient.Message, err error) {
			d.report(event{answer: &answer{it, msg, err, time.Now()}})
		})
		if err != nil {
			d.report(event{answer: &answer{it, nil, notQueued(err), now}})
			n = i + 1
			break // the others would wait for the connection one by one
		}
	}
	d.claimed = d.claimed[n:]
}

// recall takes back what is claimed and whose window has closed since.
func (d *driver) recall(now time.Time) {
	d.claimed = slices.DeleteFunc(d.claimed, func(it *item) bool {
		if it.gate == nil {
			return false
		}
		if open, _ := it.gate.at(now); open {
			return false
		}
		it.started = now
		d.lane.ended(it, now)
		d.record(it, it.n(), NotSent, it.gate.window.Address+" closed before it was sent", now)
		it.before, it.tries = it.before+1, it.tries-1 // no try
		d.lane.retry(it, now)
		return true
	})
}

// holds notes in the reports what closed windows hold, and tells whether that is
// left for later: whether nothing is held, or nothing opens within the patience
// of the runner.
func (d *driver) holds(now time.Time) bool {
	if d.lane.nHeld == 0 {
		return true
	}
	if d.runner.Patience == 0 || d.lane.opens.Sub(now) <= d.runner.Patience {
		return false
	}
	for g, items := range d.lane.held {
		_, until := g.at(now)
		for _, it := range items {
			d.reports[it.work.ID].Held = &Held{Window: g.window.Address, Until: until}
		}
	}
	return true
}

// giveBack ends the claims of what will not be sent after all.
func (d *driver) giveBack(now time.Time) {
	for _, it := range d.claimed {
		it.started = now
		d.lane.ended(it, now)
		d.record(it, it.n(), NotSent, "notifyrun stopped before it was sent", now)
	}
	d.claimed = nil
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

// heard tells whether something was reported that is not taken yet.
func (d *driver) heard() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.events) > 0
}

// report hands an event to the driver's goroutine.
func (d *driver) report(e event) {
	d.mu.Lock()
	d.events = append(d.events, e)
	d.mu.Unlock()
	select {
	case d.signal <- struct{}{}:
	default:
	}
}

// take turns what the callbacks have reported into outcomes.
func (d *driver) take(ctx, detached context.Context, now time.Time) {
	d.mu.Lock()
	events := d.events
	d.events = nil
	d.mu.Unlock()
	for _, e := range events {
		switch {
		case e.committed:
			d.committed(detached, e.err, now)
		case e.reached:
			d.reconnected(ctx, e.err, now)
		case e.works != nil:
			for _, w := range e.works {
				d.add(w)
			}
		case e.cancel != nil:
			d.cancel(*e.cancel, now)
		case e.drop != nil:
			d.drop(*e.drop, now)
		case e.over:
		case e.echo != nil:
			d.echoed(*e.echo, now)
		default:
			d.onWire--
			v := classify(e.answer.msg, e.answer.err)
			if v.lost {
				d.reconnect(ctx, v.err)
			}
			d.lane.ended(e.answer.it, now)
			if !d.answeredEvent(*e.answer, v) {
				d.resolve(*e.answer, v, now)
			}
		}
	}
}

// resolve ends a delivery or queues it again.
func (d *driver) resolve(a answer, v verdict, now time.Time) {
	it := a.it
	job := it.work.Job
	again := it.tries < job.Retry.Attempts
	switch {
	case it.work.over != "" && v.outcome == NotSent:
		d.record(it, it.n(), NotSent, v.text, a.at)
		d.end(it, 0, Canceled, it.work.over, a.at)
	case it.work.over != "":
		d.end(it, it.n(), v.outcome, v.text, a.at)
	case v.outcome == NotSent && v.lost && d.serve: // no try, as long as the PBX is away
		d.record(it, it.n(), NotSent, v.text, a.at)
		it.before, it.tries = it.before+1, it.tries-1
		d.lane.retry(it, now)
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
	took := time.Duration(0)
	if n > 0 {
		took = at.Sub(it.started)
	}
	d.runner.observer().Delivered(it.work.RunHeader.Job, d.pbx.Address, o, took)
	run := d.reports[it.work.ID]
	if run.end(o, it.target, text); run.Left == 0 {
		d.batch.Ended = append(d.batch.Ended, it.work.ID)
		d.done(it.work)
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

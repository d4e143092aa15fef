package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// Link is what a daemon has of one PBX: a connection to send on, and another
// for events, which hold text of strangers. It keeps both up by itself.
type Link interface {
	Sender
	// Listen receives the events of these names, on every connection to come.
	Listen(ctx context.Context, names []string) (EventSource, error)
	// Connected tells which of the two is up, as far as is known.
	Connected() (sending, events bool)
	// Refused tells why the PBX refuses us for good on one of them, also where
	// nothing is to be sent; nil: it does not, as far as is known.
	Refused() error
	Close() error
}

// EventSource gives events one by one; *amiclient.Subscription is one.
type EventSource interface {
	// Next waits for the next event. A *amiclient.MissedError says that some are
	// missing here; any other error is the end.
	Next(ctx context.Context) (*amiclient.Message, error)
	Close()
}

// Daemon keeps the schedules and triggers of what was applied, and drives the
// runs: what is open, what it fires itself, and what others publish beside it.
//
// All that it decides is on record before anything of it is sent, and decided
// anew from the record after a crash. One goroutine, that of Run, decides; each
// PBX has a lane of its own, so that none waits for another.
type Daemon struct {
	Ledger DaemonLedger
	// Load evaluates the configurations of an Applied, by serial. It is called
	// from one goroutine at a time, and anew for the same Applied after Reload.
	Load func(context.Context, *Applied) (map[uint64]*schema.Config, error)
	// Refresh reads again what jobs depend on, and evaluates them with that: it gives
	// them by address, without those that are no more. With an error, it has those
	// that could be evaluated all the same. It is called from several goroutines.
	// nil: jobs fire as they were applied.
	Refresh func(context.Context, Refreshment) (map[string]*schema.Job, error)
	// Connect makes the link to a PBX. It does not wait for the PBX.
	Connect  func(*schema.PBX) (Link, error)
	Log      *slog.Logger
	Observer Observer      // nil: none
	Drain    time.Duration // how long answers that are due are waited for at the end

	// Reload asks, by each value, to evaluate again and to take new secrets.
	Reload <-chan struct{}
	// Self is what the state is told of this process.
	Self DaemonStatus

	// slow is how many times more rarely than usual it looks at the clock and at
	// what others have changed: for tests that live through a month. 0: once.
	slow time.Duration

	status atomic.Pointer[Status]
	alive  atomic.Int64 // Unix nanoseconds of the last turn
}

// Refreshment is what a daemon asks to be read again.
type Refreshment struct {
	Applied *Applied
	Serial  uint64    // of the configuration in it that the jobs go by
	Jobs    []string  // their addresses
	Data    []string  // the addresses of the data sources that all of them depend on
	Since   time.Time // what was read before is too old
}

// Status is how a daemon is.
type Status struct {
	Serial  uint64 // that it goes by; 0: nothing was applied yet
	Ready   bool   // it goes by a configuration, and the state can be written
	Problem string // why it cannot follow the newest configuration, or write the state
	Jobs    int
	Due     int // schedule triggers that will be due
	Lanes   []LaneStatus
	Reloads uint64 // that were done, well or not
}

// LaneStatus is how the part of a daemon is that serves one PBX.
type LaneStatus struct {
	PBX             string
	Sending, Events bool // connected
	Listens         bool // events are asked for
	Waiting         int  // deliveries
	Held            int  // those of them whose window is closed
	InFlight        int
}

// loop is the state of a running daemon. Only the goroutine of run touches it,
// but for the inbox.
type loop struct {
	*Daemon
	runner    *Runner
	committer *committer
	observer  Observer

	serving  *Serving // nil: nothing was ever applied
	seen     uint64   // serial of the newest configuration, also of one that cannot be evaluated
	problem  string
	reloads  uint64
	pauses   map[string]Pause
	open     map[string]map[string]bool // ids of open runs, by job
	awaited  map[string]map[string]bool // PBXs with runs that wait for this one, by its id
	lately   map[string]bool            // ids of runs that have ended while lanes were restarting
	moved    map[string]string          // the present addresses of jobs, by those of before
	eased    map[TriggerKey]eased
	table    Timetable
	lanes    map[string]*servedLane
	retiring map[string]chan struct{} // lanes that were given up, by PBX: closed once they have ended
	version  Version

	arrivals    []arrival            // that fire
	awaiting    map[string]*dataWait // jobs whose data are to be read, by address
	reading     map[string]*dataWait // … are being read
	ready       []*reread            // … have been read, for the next decision
	current     map[string]*reread   // … have been read, for open runs that are to go on
	readings    context.Context      // of what is being read
	endReadings context.CancelFunc
	debounce    debouncer
	misses      map[missKey]*Missed // gathered, until they are recorded
	missDue     time.Time
	silent      map[TriggerKey]MissedReason // why triggers do not fire, as was logged
	failures    map[string]string           // errors that were logged, by what fails
	owed        bool                        // debts are to be looked at
	owedWake    time.Time                   // or at this time
	listened    map[string]time.Time
	noted       time.Time            // when listened was recorded last
	caught      map[string]time.Time // when jobs last caught up with the events of a PBX, or will
	severed     map[string]bool      // PBXs whose events have no connection, or one that has not said its first word yet

	hold    time.Time // nothing is recorded before: the ledger has failed
	failing bool
	looked  time.Time // when was looked last, for jumps of the clock
	told    time.Time // when others were last told how the daemon is

	mu     sync.Mutex
	inbox  []func(now time.Time)
	signal chan struct{}

	retention  atomic.Int64 // of the configuration that it goes by, a time.Duration
	working    sync.WaitGroup
	ending     bool
	answers    context.Context // of what is sent; outlives the signal to stop
	endAnswers context.CancelFunc
}

type missKey struct {
	TriggerKey
	pbx    string
	reason MissedReason
	detail string // of what was refused, so that each reason is on record
}

// lookEvery is how long the loop rests at least between two looks at the
// timetable: many firings share the price of a wake-up. lookAtLeast is how
// often it looks in any case, since clocks are set and machines are suspended.
const (
	lookEvery   = 8 * time.Millisecond
	lookAtLeast = 2 * time.Second
	missEvery   = time.Second // missed events are gathered for so long
	noteEvery   = 10 * time.Second
	heardLate   = 20 * time.Second // a connection may be dead, or hold events back, for so long before that shows
	tellEvery   = 250 * time.Millisecond
	maxDepth    = 5 // events of our own that lead to a run, one after the other
)

// Run serves until ctx ends. Then nothing more fires or is sent, the answers
// that are due are waited for as long as Drain says, and what is known is
// recorded. The caller must hold the lock of the ledger, and have recovered what
// a crash left in flight. The error is that of the ledger at the start or the
// end.
func (d *Daemon) Run(ctx context.Context) error {
	l := &loop{
		Daemon: d, observer: d.Observer,
		open: map[string]map[string]bool{}, awaited: map[string]map[string]bool{}, lately: map[string]bool{}, moved: map[string]string{}, eased: map[TriggerKey]eased{}, lanes: map[string]*servedLane{}, retiring: map[string]chan struct{}{},
		awaiting: map[string]*dataWait{}, reading: map[string]*dataWait{}, current: map[string]*reread{},
		misses: map[missKey]*Missed{}, silent: map[TriggerKey]MissedReason{}, failures: map[string]string{}, listened: map[string]time.Time{}, severed: map[string]bool{}, caught: map[string]time.Time{},
		signal: make(chan struct{}, 1),
	}
	if l.observer == nil {
		l.observer = unobserved{}
	}
	l.readings, l.endReadings = context.WithCancel(context.Background())
	defer func() { l.endReadings() }()
	l.runner = &Runner{Ledger: d.Ledger, Log: d.Log, Observer: l.observer}
	l.committer = newCommitter(d.Ledger, l.observer, 1024)
	l.answers, l.endAnswers = context.WithCancel(context.WithoutCancel(ctx))
	defer l.endAnswers()
	var committing sync.WaitGroup
	committing.Go(func() { l.committer.run(context.WithoutCancel(ctx)) })

	following, stopFollowing := context.WithCancel(ctx)
	err := l.begin(ctx)
	if err == nil {
		l.working.Go(func() { l.follow(following) })
		l.working.Go(func() { l.retain(following) })
		l.run(ctx)
	}
	stopFollowing()
	l.stop()
	if err == nil {
		l.report(context.Background(), time.Now())
	}
	close(l.committer.queue)
	committing.Wait()
	return err
}

// Now returns how the daemon is. It may be called at any time.
func (d *Daemon) Now() Status {
	if s := d.status.Load(); s != nil {
		return *s
	}
	return Status{Problem: "starting"}
}

// Alive returns when the daemon has last looked at the clock, which it does
// every two seconds at least.
func (d *Daemon) Alive() time.Time { return time.Unix(0, d.alive.Load()) }

// post has f run in the loop's goroutine.
func (l *loop) post(f func(now time.Time)) {
	l.mu.Lock()
	l.inbox = append(l.inbox, f)
	l.mu.Unlock()
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

// take runs what was posted.
func (l *loop) take(now time.Time) {
	for {
		l.mu.Lock()
		inbox := l.inbox
		l.inbox = nil
		l.mu.Unlock()
		if len(inbox) == 0 {
			return
		}
		for _, f := range inbox {
			f(now)
		}
	}
}

func (l *loop) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		l.alive.Store(now.UnixNano())
		l.clock(now)
		l.take(now)
		l.fire(ctx, now)
		if now.Sub(l.told) >= tellEvery || l.told.After(now) {
			l.told = now
			l.refusals()
			l.publishStatus()
		}
		timer.Reset(l.rest(now))
		select {
		case <-timer.C:
		case <-l.signal:
		case <-ctx.Done():
		}
	}
}

// clock says so when the clock was set, as seen beside the one that never is.
func (l *loop) clock(now time.Time) {
	if !l.looked.IsZero() {
		l.elapsed(now.Round(0).Sub(l.looked.Round(0)), now.Sub(l.looked))
	}
	l.looked = now
}

// elapsed compares how much time has passed by the clock on the wall, and really.
func (l *loop) elapsed(wall, real time.Duration) {
	if jump := (wall - real).Round(time.Millisecond); jump.Abs() > time.Second {
		l.Log.Warn("the clock was set; due times follow it, and none fires twice", "by", jump.String())
	}
}

// rest is how long there is nothing to do.
func (l *loop) rest(now time.Time) time.Duration {
	wake := now.Add(max(1, l.slow) * lookAtLeast)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(wake) {
			wake = t
		}
	}
	if l.serving != nil {
		earlier(l.table.Wake())
	}
	earlier(l.debounce.wake())
	earlier(l.owedWake)
	if len(l.misses) > 0 {
		earlier(l.missDue)
	}
	if l.owed || len(l.arrivals) > 0 || len(l.ready) > 0 {
		earlier(now)
	}
	for job, w := range l.awaiting {
		if l.reading[job] == nil {
			earlier(latest(w.notBefore, now))
		}
	}
	if wake.Before(l.hold) {
		wake = l.hold
	}
	return max(wake.Sub(now), lookEvery)
}

// publishStatus lets others see how the daemon is.
func (l *loop) publishStatus() {
	s := Status{Problem: l.problem, Due: l.table.Len(), Reloads: l.reloads}
	if l.serving != nil {
		s.Serial, s.Jobs = l.serving.Serial, len(l.serving.Jobs)
	}
	if l.failing {
		s.Problem = "the state cannot be written"
	}
	s.Ready = l.serving != nil && !l.failing
	for _, address := range slices.Sorted(maps.Keys(l.lanes)) {
		s.Lanes = append(s.Lanes, l.lanes[address].status())
	}
	l.status.Store(&s)
}

// stop ends the lanes and records what is known.
func (l *loop) stop() {
	now := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), l.Drain)
	defer cancel()
	l.take(now)
	// What was put off until it is quiet is not lost: its runs are open, and go
	// on at the next start.
	for {
		a, t, ok := l.debounce.quiet(now, true)
		if !ok {
			break
		}
		l.takeVerdict(a, t, now)
	}
	l.endAwaiting(now)
	l.record(context.Background(), now, true)
	l.endLanes(ctx)
	l.working.Wait()
	l.take(time.Now())
}

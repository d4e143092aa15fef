package engine

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// ErrStale is what Ledger.Publish returns when the state has moved since it was read.
var ErrStale = errors.New("the state has changed since it was read; run the command again")

// Ledger is the durable record of runs, deliveries and attempts, and of what
// was last applied. One process writes; any number read beside it. Whatever a
// method has written is on disk (fsync) when it returns nil, and all of it or
// nothing is there when it returns an error or the machine stops half-way.
type Ledger interface {
	// State reads what a plan compares the configuration with: what was
	// applied, what each phone has had, and the open runs.
	State(ctx context.Context) (*State, error)

	// Recover ends what a crashed writer left in flight: each delivery that
	// was claimed and has no recorded end becomes Unknown with the given
	// reason. It returns how many there were.
	Recover(ctx context.Context, now time.Time, reason string) (int, error)

	// Publish makes a new applied state and its runs, in one transaction. It
	// returns ErrStale if the serial is no longer p.Base. It may be called
	// beside the process that drives the runs, but then without p.Canceled and
	// p.Ended: those are that process's to write.
	Publish(ctx context.Context, p Publication) error

	// Commit records the ends of attempts, claims deliveries that are about
	// to be sent, and ends runs, in one transaction and in this order.
	Commit(ctx context.Context, b Batch) error

	// Runs lists runs, newest first.
	Runs(ctx context.Context, q RunQuery) ([]RunSummary, error)

	// History yields attempts in the order in which they started. Deliveries
	// that were never attempted but ended (skipped, canceled) are attempt 0.
	History(ctx context.Context, q HistoryQuery) iter.Seq2[HistoryEntry, error]

	// Message returns the stored form of a message by its digest, sensitive
	// values redacted. It returns nil if there is none.
	Message(ctx context.Context, digest string) (json.RawMessage, error)

	Close() error
}

// DaemonLedger is what of the record a daemon needs beside the runs.
type DaemonLedger interface {
	Ledger

	// Fire records in one transaction what a daemon has decided at one time. The
	// serial stays. It returns ErrStale, and nothing is written, if the applied
	// configuration is no longer that of serial f.Base.
	Fire(ctx context.Context, f Firings) error

	// Version tells what may have been changed by others. It is cheap enough to
	// be asked for every half second.
	Version(ctx context.Context) (Version, error)

	// Applied returns the configurations that the applied jobs go by.
	Applied(ctx context.Context) (*Applied, error)

	// Settled returns up to when the due times of each schedule are settled.
	Settled(ctx context.Context) (map[TriggerKey]time.Time, error)

	// Owed returns the after triggers that wait for a run to end, or for a delay
	// after its end, in the order in which the runs ended, open ones last.
	Owed(ctx context.Context) ([]Owed, error)

	// Listened returns until when the events of each PBX are known to have been
	// received, by the address of the PBX.
	Listened(ctx context.Context) (map[string]time.Time, error)

	// Pause keeps a job from firing and its runs from going on, until Unpause.
	// A second one replaces the reason. They may be called by any process.
	Pause(ctx context.Context, p Pause) error
	// Unpause returns false if the job was not paused.
	Unpause(ctx context.Context, job string) (bool, error)
	// Pauses returns what is paused, by the address of the job.
	Pauses(ctx context.Context) (map[string]Pause, error)

	// Missed yields firings that did not take place, newest first.
	Missed(ctx context.Context, q MissedQuery) iter.Seq2[Missed, error]

	// Prunable tells what Prune would delete.
	Prunable(ctx context.Context, before time.Time) (Prunable, error)
	// Prune deletes the history from before a time, but for open runs, the newest
	// run, and what each target last had. It does so in short transactions, so that
	// others write meanwhile, and may be stopped at any point. It returns what it
	// has deleted, also with an error, and tells it to progress, if that is not
	// nil, after each transaction.
	Prune(ctx context.Context, before time.Time, progress func(Pruned)) (Pruned, error)

	// Report notes how the daemon is, for others to see; Reported returns what
	// was noted last, nil if never.
	Report(ctx context.Context, s DaemonStatus) error
	Reported(ctx context.Context) (*DaemonStatus, error)
}

// State is what was last applied and what has been delivered since.
type State struct {
	Lineage   string // names this state for ever; made with it
	Serial    uint64 // counts publications; 0: nothing was ever applied
	Newest    uint64 // the one of them that brought the applied configuration; 0: none
	AppliedAt time.Time
	Jobs      map[string]AppliedJob           // by address
	Delivered map[string]map[string]Delivered // by job address and target: the revision it last had, open runs included
	Open      []OpenRun                       // runs with deliveries not yet final, oldest first
	Pauses    map[string]Pause                // what is held, by job address
	Moved     []Moved                         // all that was ever moved, in its order

	// Served tells that a daemon drives the open runs, so that a plan leaves them
	// to it. It is not on record: who holds the lock knows.
	Served bool
	// LastRead is the configuration as it is with what its data sources said when it
	// was last applied: for a firing beside a daemon, which goes by what was applied.
	// nil: it has no data sources. It is not on record.
	LastRead *schema.Config
}

// AppliedJob is a job as it was last applied.
type AppliedJob struct {
	Address string
	Digest  string          // of Spec and of everything in it that must not be shown
	Spec    json.RawMessage // what can be shown, as the plan compares it; opaque to the ledger
}

// Delivered is the last revision that a target had from a job's change
// trigger, with the outcome Accepted, Unknown or InFlight.
type Delivered struct {
	Revision string
	Outcome  Outcome
	Run      string // run id; empty where initial = "record" took it as delivered
}

// OpenRun is a run that has not ended, with all its deliveries.
type OpenRun struct {
	RunHeader
	Serial     uint64          // of the publication that made it, or that was the last when it fired
	Deliveries []DeliveryState // in order of Seq
	Waits      []Waited        // for these; those that have succeeded are left out
}

// Waited is a run for whose success another waits.
type Waited struct {
	Run   string `json:"run"`
	Job   string `json:"job"`   // address
	Ended bool   `json:"ended"` // and not with success
}

// RunHeader is what is known of a run from its beginning.
type RunHeader struct {
	ID      string // ULID
	Job     string // address
	PBX     string // address
	Cause   Cause
	Created time.Time
}

// Cause is why a run exists.
type Cause struct {
	Kind    string        `json:"kind"`              // "change", "fire", "schedule", "event" or "after"
	Detail  string        `json:"detail,omitempty"`  // for people, never sensitive
	Trigger int           `json:"trigger,omitempty"` // its index among the job's triggers; of a schedule, event or after
	Depth   int           `json:"depth,omitempty"`   // how many events of our own led to this run; after triggers hand it on
	Fired   *schema.Fired `json:"fired,omitempty"`   // what trigger.* is to the job; nil: nothing
}

// DeliveryState is one delivery of a run and how far it is known to have got.
type DeliveryState struct {
	Delivery
	Outcome  Outcome
	Attempts int // sent or tried so far
}

// Delivery is one target within a run.
type Delivery struct {
	Seq      int // position within the run, from 0 without gaps
	Target   string
	Message  string // digest; names a StoredMessage of the run, empty if there is none to send
	Revision string // of the change trigger; empty if the job has none
	Skip     string // why it ends without being sent; before that end it is not on record, as the job tells it anew
}

// StoredMessage is a message as history keeps it, sensitive values redacted.
type StoredMessage struct {
	Digest string
	Text   json.RawMessage
}

// NewRun is a run to be recorded with all its deliveries before any is sent.
type NewRun struct {
	RunHeader
	Followers  []TriggerKey // after triggers that are owed its end
	Waits      []string     // ids of runs that must have ended with success before anything of it is sent: open ones, or of the same publication
	Messages   []StoredMessage
	Deliveries []Delivery
}

// Publication is everything that one apply, or one fire, changes at once.
type Publication struct {
	Base     uint64 // the serial that this was planned against
	Time     time.Time
	Snapshot []byte       // the applied configuration; nil leaves the present one (fire)
	Selected []string     // addresses of the jobs that go by Snapshot from now on, those of Jobs among them; nil: all. The others keep theirs
	Moved    []Moved      // done before all else
	Jobs     []AppliedJob // added and changed ones; the others stay
	Removed  []string     // addresses; their Delivered rows go too, their history stays
	Settled  []Settled    // of schedules that are new or are due at other times now: nothing was missed before
	Recorded []Recorded   // taken as delivered without sending
	Canceled []Attempt    // deliveries of open runs that no longer apply; N is 0
	Ended    []string     // ids of open runs that have ended by that
	Runs     []NewRun
}

// Recorded takes a target as having had a revision.
type Recorded struct{ Job, Target, Revision string }

// Firings are what a daemon has decided at one time.
type Firings struct {
	Base     uint64 // Applied.Serial that this was decided by
	Time     time.Time
	Runs     []NewRun
	Settled  []Settled
	Missed   []Missed
	Paid     []Debt               // of after triggers, which have fired or will not
	Listened map[string]time.Time // by PBX address
}

// Settled says up to when the due times of a schedule are settled.
type Settled struct {
	TriggerKey
	Until time.Time
}

// Debt is an after trigger that a run owes a look at its end.
type Debt struct {
	Run      string
	Follower TriggerKey
}

// Owed is a debt with what is known of the run.
type Owed struct {
	Debt
	Job      string          // of the run
	Depth    int             // of the run's cause
	Ended    time.Time       // zero: open
	Outcomes map[Outcome]int // of an ended one
}

// Missed are firings of a trigger that did not take place, or events that may
// not have been received.
type Missed struct {
	TriggerKey
	PBX    string // of events that may not have been received: then Job is empty
	Reason MissedReason
	Count  int64     // how many; 0: not known
	First  time.Time // of the due times or events
	Last   time.Time
	Detail string // for people; may hold text from outside
	At     time.Time
}

// MissedReason is why a trigger did not fire.
type MissedReason string

const (
	MissedLate         MissedReason = "late"         // nobody was there in time
	MissedOverlap      MissedReason = "overlap"      // the previous run was open
	MissedPaused       MissedReason = "paused"       // the job is paused
	MissedRefused      MissedReason = "refused"      // what the event says cannot be sent
	MissedThrottled    MissedReason = "throttled"    // too many events
	MissedDepth        MissedReason = "depth"        // the chain of runs is too long
	MissedDisconnected MissedReason = "disconnected" // no connection for events
	MissedOverrun      MissedReason = "overrun"      // events came faster than they could be taken

	MissedUnread MissedReason = "data unreadable" // what the job depends on could not be read again
	MissedGone   MissedReason = "gone"            // what was read has no such job any more
)

// MissedQuery selects what was missed; zero fields select all.
type MissedQuery struct {
	Job   string
	Since time.Time // by At
	Limit int
}

// Pruned counts what a Prune has deleted.
type Pruned struct {
	Runs       int64
	Deliveries int64
	Attempts   int64
	Messages   int64
	Missed     int64
}

// Prunable counts what a Prune would delete. It is zero if there is nothing.
type Prunable struct {
	Runs       int64
	Deliveries int64 // also those that a Prune that was stopped has left
	Messages   int64 // only those that such a one has left
	Missed     int64
	Oldest     time.Time // when the run began that began first; zero: there is none
	Newest     time.Time // or last
}

// Pause is a job that is held.
type Pause struct {
	Job    string    `json:"job"`
	Reason string    `json:"reason"`
	By     string    `json:"by"` // who, for people
	Since  time.Time `json:"since"`
}

// Version changes when anybody but the daemon changes the state.
type Version struct {
	Serial  uint64 // counts publications
	Control uint64 // counts pauses and the like
}

// Applied are the configurations that jobs go by: one, unless an apply with
// -target has left some of them at an earlier one.
type Applied struct {
	Serial    uint64            // of the newest one; 0: nothing was ever applied
	Snapshots map[uint64][]byte // by the serial that brought it
	Jobs      map[string]uint64 // which of them a job goes by, by its address
	Moved     []Moved           // all that was ever moved, in its order
}

// DaemonStatus is how a daemon is, as others see it.
type DaemonStatus struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
	Stopped time.Time `json:"stopped,omitzero"`
	Serial  uint64    `json:"serial"`            // of the publication that it follows
	Seen    uint64    `json:"seen"`              // the newest publication of a configuration that it has looked at
	Problem string    `json:"problem,omitempty"` // why it cannot follow that one
}

// Batch is what the runner commits at once.
type Batch struct {
	Attempts []Attempt // ended since the last batch; N is 0 for a delivery that ends without being sent
	Claims   []Claim   // in flight from the moment that Commit returns
	Ended    []string  // ids of runs whose deliveries are all final, Attempts included
	Time     time.Time
}

func (b Batch) empty() bool { return len(b.Attempts)+len(b.Claims)+len(b.Ended) == 0 }

// Attempt is the end of one AMI action sent for a delivery, or, with N 0, the
// end of a delivery without one.
type Attempt struct {
	Run      string
	Seq      int
	N        int // from 1
	Outcome  Outcome
	Text     string // Asterisk's own words, or the reason
	Started  time.Time
	Finished time.Time
}

// Claim puts the deliveries First to Last of a run in flight, as attempt N of
// each. Until an Attempt ends it, a claim means that bytes may have left.
type Claim struct {
	Run         string
	First, Last int
	N           int
	At          time.Time
}

// RunQuery selects runs; zero fields select all.
type RunQuery struct {
	ID    string   // a run id or a unique prefix of one
	IDs   []string // run ids in full; nil: any
	Job   string   // an address
	Limit int
}

// RunSummary is a run and the sum of its deliveries.
type RunSummary struct {
	RunHeader
	Serial   uint64    // of the publication that made it
	Ended    time.Time // zero: open
	Total    int
	Outcomes map[Outcome]int
	Spec     json.RawMessage // of an open run: its job as it was last applied; nil: it is not
	Waits    []Waited        // of an open run, as OpenRun.Waits
}

// HistoryQuery selects attempts; zero fields select all.
type HistoryQuery struct {
	Run     string // a run id
	Job     string
	Target  string
	Outcome Outcome
	Since   time.Time
	Limit   int // the newest so many, still in order of their start
}

// HistoryEntry is one attempt as history shows it.
type HistoryEntry struct {
	Run, Job, PBX, Target string
	Cause                 Cause  // its kind and detail alone
	Attempt               int    // from 1; 0: ended without being sent
	ActionID              string // empty for attempt 0
	Outcome               Outcome
	Text                  string
	Message               string // digest of what was sent
	Started               time.Time
	Finished              time.Time // zero while in flight
}

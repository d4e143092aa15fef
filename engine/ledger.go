package engine

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
)

// ErrStale is what Ledger.Publish returns when the state has moved since it was read.
var ErrStale = errors.New("the state has changed since it was read")

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
	// returns ErrStale if the serial is no longer p.Base.
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

// State is what was last applied and what has been delivered since.
type State struct {
	Lineage   string // names this state for ever; made with it
	Serial    uint64 // counts publications; 0: nothing was ever applied
	AppliedAt time.Time
	Jobs      map[string]AppliedJob           // by address
	Delivered map[string]map[string]Delivered // by job address and target: the revision it last had, open runs included
	Open      []OpenRun                       // runs with deliveries not yet final, oldest first
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
	Deliveries []DeliveryState // in order of Seq
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
	Kind   string `json:"kind"`             // "change", "fire", later "schedule", "event", "after"
	Detail string `json:"detail,omitempty"` // for people, never sensitive
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
	Message  string // digest; names a StoredMessage of the run
	Revision string // of the change trigger; empty if the job has none
}

// StoredMessage is a message as history keeps it, sensitive values redacted.
type StoredMessage struct {
	Digest string
	Text   json.RawMessage
}

// NewRun is a run to be recorded with all its deliveries before any is sent.
type NewRun struct {
	RunHeader
	Messages   []StoredMessage
	Deliveries []Delivery
}

// Publication is everything that one apply, or one fire, changes at once.
type Publication struct {
	Base     uint64 // the serial that this was planned against
	Time     time.Time
	Snapshot []byte       // the applied configuration; nil leaves the present one (fire)
	Jobs     []AppliedJob // added and changed ones; the others stay
	Removed  []string     // addresses; their Delivered rows go too, their history stays
	Recorded []Recorded   // taken as delivered without sending
	Canceled []Attempt    // deliveries of open runs that no longer apply; N is 0
	Ended    []string     // ids of open runs that have ended by that
	Runs     []NewRun
}

// Recorded takes a target as having had a revision.
type Recorded struct{ Job, Target, Revision string }

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
	ID    string // a run id or a unique prefix of one
	Job   string // an address
	Limit int
}

// RunSummary is a run and the sum of its deliveries.
type RunSummary struct {
	RunHeader
	Serial   uint64    // of the publication that made it
	Ended    time.Time // zero: open
	Total    int
	Outcomes map[Outcome]int
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
	Cause                 Cause
	Attempt               int    // from 1; 0: ended without being sent
	ActionID              string // empty for attempt 0
	Outcome               Outcome
	Text                  string
	Message               string // digest of what was sent
	Started               time.Time
	Finished              time.Time // zero while in flight
}

package schema

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/robfig/cron/v3"
	"github.com/zclconf/go-cty/cty"
)

// Config is one evaluated configuration: everything that is known before
// anything fires. Load makes it; nothing changes it afterwards, so it may be
// read by several goroutines.
type Config struct {
	Settings Settings
	PBXs     []*PBX    // in the order of their declaration
	Windows  []*Window // likewise
	Jobs     []*Job    // in the order of their declaration, instances of one block in the order of their keys
	Moves    []Move    // in the order in which they are to be done

	Outputs []*Output // of the root module

	// Data are all data sources whose arguments are known, those before others that
	// they depend on. Unread are those of them that Values.Data does not have: while
	// there are any, what depends on them is not known, jobs may be missing, and
	// reading them may bring about further ones.
	Data, Unread []*DataRequest

	// Snapshot is all that Load read: enough to evaluate this configuration
	// again elsewhere, but for the sensitive values.
	Snapshot *Snapshot

	scope   *Scope
	modules []*module // for References
}

// Settings is the notifyrun block.
type Settings struct {
	RequiredVersion string        // a version constraint such as ">= 0.1"; empty if not given
	StatePath       string        // of state "sqlite"; as written, relative to the configuration; empty if not given
	Retention       time.Duration // how long ended runs are kept; 0: for ever
}

// PBX is one Asterisk, reached over AMI, or simulated.
type PBX struct {
	Address     string // in the configuration: pbx.hq or pbx.site["north"]
	Dial        string // host:port; empty for a simulated one
	Username    string
	Secret      Text
	Auth        string // "md5" (challenge, the default) or "plain"
	TLS         *TLS   // nil: plain TCP
	MaxInFlight int    // AMI actions awaiting their response; 64 unless given
	RateLimit   Rate   // all jobs together; 50/s unless given
	Timeout     time.Duration
	Simulator   *Simulator // nil: a real server
	DeclRange   hcl.Range
}

// TLS is the tls block of a pbx.
type TLS struct {
	CAFile     string // PEM; relative to the configuration; empty: the system's roots
	CA         []byte // the content of CAFile
	ServerName string // empty: the host of the address
}

// Simulator asks for a simulated Asterisk in this process instead of a real
// server: for the quickstart, for tests and for rehearsals.
type Simulator struct {
	Phones  int // virtual phones, PJSIP/1001 and up
	Version int // 16, which has chan_sip too, or 22 (the default)
}

// Rate is a number of actions per second; zero means unlimited.
type Rate float64

// JobType tells what a job sends.
type JobType string

const (
	SIPNotify JobType = "sip_notify"
	UserEvent JobType = "user_event"
)

// Job is one instance of a user_event or sip_notify block.
type Job struct {
	Address   string // sip_notify.reboot, sip_notify.reboot["hq"], user_event.site[0]
	Type      JobType
	Name      string // the block's label
	PBX       *PBX
	Window    *Window // outside of which nothing of it is sent; nil: it may be at any time
	Enabled   bool
	OnUnknown OnUnknown
	Retry     Retry
	Triggers  []Trigger
	DependsOn []string // the addresses of the jobs that are to send before, where one apply fires both; sorted
	Data      []string // the addresses of the data sources on which it depends, sorted: they are read again when it fires
	DeclRange hcl.Range

	// Targets of a sip_notify, in the order of the configuration, without
	// duplicates. TargetsKnown is false where they are known only at firing.
	// A user_event has none.
	Targets      []Target
	TargetsKnown bool
	UnknownPhone UnknownPhone

	eval *jobEval // what is evaluated per target or at firing; see Message, Event and Revision
}

// UnknownPhone says what becomes of a phone for which preset_for has nothing.
type UnknownPhone string

const (
	UnknownFails   UnknownPhone = "error" // nothing is sent to any phone, since the job is a mistake (the default)
	UnknownSkipped UnknownPhone = "skip"  // the others are sent to
)

// OnUnknown says what becomes of a delivery whose fate is not known.
type OnUnknown string

const (
	Hold   OnUnknown = "hold"   // leave it: a reboot is not repeated by itself (the default)
	Resend OnUnknown = "resend" // send again: right for lamps
)

// Retry says how often a delivery that Asterisk cannot have acted upon is tried.
type Retry struct {
	Attempts int           // at least 1; 3 unless given
	Backoff  time.Duration // before the next attempt; 1s unless given
}

// Trigger is why a job becomes due: a *ChangeTrigger, a *ScheduleTrigger, an
// *EventTrigger or an *AfterTrigger.
type Trigger interface{ trigger() }

// ChangeTrigger fires a job once for each new value of its `on`, per phone.
// Without `on` the value is the message itself.
type ChangeTrigger struct {
	Record    bool // initial = "record": the first value counts as delivered
	OfMessage bool // no `on`: the revision is the digest of the message
	DeclRange hcl.Range
}

// ScheduleTrigger fires a job at its due times.
type ScheduleTrigger struct {
	Cron      string        // as written
	Schedule  cron.Schedule // Cron, parsed; a *cron.SpecSchedule or a cron.ConstantDelaySchedule
	Zone      *time.Location
	Jitter    time.Duration // upper bound; the job's own share is derived from its address
	Missed    Missed
	Grace     time.Duration // late by less than this is on time; 1m unless given
	Overlap   Overlap
	DeclRange hcl.Range
}

func (*ChangeTrigger) trigger()   {}
func (*ScheduleTrigger) trigger() {}
func (*EventTrigger) trigger()    {}
func (*AfterTrigger) trigger()    {}

// Missed says what becomes of due times that passed while nothing ran.
type Missed string

const (
	MissedSkip Missed = "skip" // the default: no reboot at noon because the machine was down at night
	MissedOnce Missed = "once"
)

// Overlap says what becomes of a due time while the previous run is open.
type Overlap string

const (
	OverlapSkip           Overlap = "skip"  // the default
	OverlapQueue          Overlap = "queue" // one run waits at most
	OverlapCancelPrevious Overlap = "cancel_previous"
)

// Target is whom a NOTIFY is for, in Asterisk's own dial notation.
type Target struct {
	Tech    TargetTech
	Name    string // endpoint or peer name, or the whole URI
	Contact string // of an endpoint of PJSIP, the URI of the one contact that is meant; empty: all of them

	fields cty.Value // the object that the configuration gave, for target.*; an object with only `target` for a string
	text   string    // what String gives; empty: not made yet
}

// TargetTech tells which Asterisk channel driver serves a target.
type TargetTech string

const (
	TechPJSIP TargetTech = "PJSIP" // PJSIP/1001: every contact of an endpoint
	TechSIP   TargetTech = "SIP"   // SIP/1001: a chan_sip peer
	TechURI   TargetTech = "URI"   // sip:1001@192.0.2.7, sent by PJSIP's default outbound endpoint
)

// String gives the dial notation: PJSIP/1001, PJSIP/1001/sip:1001@192.0.2.7,
// SIP/1001 or the URI itself.
func (t Target) String() string {
	switch {
	case t.text != "":
		return t.text
	case t.Tech == TechURI:
		return t.Name
	case t.Contact != "":
		return string(t.Tech) + "/" + t.Name + "/" + t.Contact
	}
	return string(t.Tech) + "/" + t.Name
}

// Message is what a NOTIFY says, evaluated for one target.
type Message struct {
	Event       Text
	Headers     []Header
	ContentType Text
	Content     *Text // nil: no body; lines end with \n or \r\n, and go out with CR LF
	Option      Text  // a section that the server has, instead of all of the above
	CallID      Text  // SIPnotify: inside the existing dialog of this Call-ID
	Channel     Text  // PJSIPNotify: inside the dialog of this channel

	// HeadersUnknown says that the list of headers itself, not only a value
	// in it, is known only when the job fires. Headers is empty then.
	HeadersUnknown bool

	// Presets of the catalogue that it was made of. Where there are several, it is
	// one of them: which one is not known.
	Presets []PresetUse
}

// Event is what a user_event says.
type Event struct {
	Name    Text
	Body    []Header
	Channel Text // such as Local/…, on which the dialplan raises it; empty: an AMI action does

	// BodyUnknown says that the list of headers itself is known only when the
	// job fires. Body is empty then.
	BodyUnknown bool
}

// Header is one header of a NOTIFY or of a user event.
type Header struct {
	Name  string
	Value Text
}

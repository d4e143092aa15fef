package amiclient

import (
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// An AOR (address of record) is the place where the contacts of an endpoint are
// kept: those of pjsip.conf and those that phones register.
type AOR struct {
	*Message      // the event AorDetail, with every option
	Name          string
	Contacts      []ContactURI // all, registered or static
	TotalContacts int
	Registered    int // how many of them phones registered
	MaxContacts   int // how many may register; 0: none
	Mailboxes     []string
	OutboundProxy string

	MinimumExpiration, MaximumExpiration, DefaultExpiration time.Duration // of registrations

	QualifyFrequency time.Duration // how often the contacts are asked; 0: never
	QualifyTimeout   time.Duration

	RemoveExisting    bool // a registration beyond MaxContacts replaces an older one
	RemoveUnavailable bool // an unreachable one first; in newer versions
}

func newAOR(m *Message) AOR {
	return AOR{
		Message: m, Name: m.Get("ObjectName"), Contacts: appendContacts(nil, m.Get("Contacts")), TotalContacts: value.Number(m.Get("TotalContacts")),
		Registered: value.Number(m.Get("ContactsRegistered")), MaxContacts: value.Number(m.Get("MaxContacts")), Mailboxes: names(m.Get("Mailboxes")),
		OutboundProxy:     m.Get("OutboundProxy"),
		MinimumExpiration: value.Duration(m.Get("MinimumExpiration"), time.Second),
		MaximumExpiration: value.Duration(m.Get("MaximumExpiration"), time.Second),
		DefaultExpiration: value.Duration(m.Get("DefaultExpiration"), time.Second),
		QualifyFrequency:  value.Duration(m.Get("QualifyFrequency"), time.Second), QualifyTimeout: seconds(m.Get("QualifyTimeout")),
		RemoveExisting: truth(m.Get("RemoveExisting")), RemoveUnavailable: truth(m.Get("RemoveUnavailable")),
	}
}

// An Identify says by which addresses requests are known to be an endpoint's.
type Identify struct {
	*Message // the event IdentifyDetail, with every option
	Name     string
	Endpoint string
	Match    []string // address/netmask, such as "192.0.2.64/255.255.255.192"
}

func newIdentify(m *Message) Identify {
	return Identify{Message: m, Name: m.Get("ObjectName"), Endpoint: m.Get("Endpoint"), Match: names(m.Get("Match"))}
}

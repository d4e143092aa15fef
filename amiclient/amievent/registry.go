package amievent

import "github.com/notifyrun/notifyrun/amiclient"

// A RegistryState is the result of a registration.
type RegistryState string

// The states (main/stasis_system.c).
const (
	RegistryRegistered   RegistryState = "Registered"
	RegistryUnregistered RegistryState = "Unregistered"
	RegistryRejected     RegistryState = "Rejected"
	RegistryFailed       RegistryState = "Failed"
)

// Registry tells that Asterisk itself registered elsewhere, or failed to
// (main/stasis_system.c: system_registry_to_ami). Class system. Of phones that
// register at Asterisk, ContactStatus and PeerStatus tell.
type Registry struct {
	Envelope
	ChannelType string // "PJSIP", "SIP", "IAX2"
	Username    string // with PJSIP the client URI
	Domain      string // with PJSIP the server URI
	Status      RegistryState
	Cause       string // why, if the driver says it
}

func newRegistry(m *amiclient.Message) *Registry {
	return &Registry{
		Envelope:    Envelope{m},
		ChannelType: m.Get("ChannelType"),
		Username:    m.Get("Username"),
		Domain:      m.Get("Domain"),
		Status:      RegistryState(m.Get("Status")),
		Cause:       m.Get("Cause"),
	}
}

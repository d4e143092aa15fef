package amiclient

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// An Endpoint is what PJSIPShowEndpoints tells of an endpoint.
type Endpoint struct {
	*Message       // the event EndpointList
	Name           string
	Transport      string // the name of the one it is bound to; "" for most
	AORs           []string
	Auths          []string // names of its inbound authentication; of the secrets the list has nothing
	OutboundAuths  []string
	Contacts       []ContactURI
	DeviceState    string // in the words of the console: "Not in use", "In use", "Unavailable" …
	ActiveChannels int    // 0 also from servers that leave it empty: before 20.15 and 22.5
}

// A ContactURI is a contact as lists of contacts name it.
type ContactURI struct{ AOR, URI string }

func (c ContactURI) String() string { return c.AOR + "/" + c.URI }

// newEndpoint goes over the message once: a list may have a hundred thousand.
func newEndpoint(m *Message) Endpoint {
	e := Endpoint{Message: m}
	for name, text := range m.All() {
		switch name {
		case "ObjectName":
			e.Name = text
		case "Transport":
			e.Transport = text
		case "Aor":
			e.AORs = names(text)
		case "Auths":
			e.Auths = names(text)
		case "OutboundAuths":
			e.OutboundAuths = names(text)
		case "Contacts": // one header for each AOR that exists
			e.Contacts = appendContacts(e.Contacts, text)
		case "DeviceState":
			e.DeviceState = text
		case "ActiveChannels":
			e.ActiveChannels = value.Number(text)
		}
	}
	return e
}

// appendContacts reads the contacts of one AOR, "aor/uri,aor/uri,", of which a URI
// may hold a comma: another contact begins only where AOR and scheme stand again.
// Asterisk takes sip and sips URIs only (res/res_pjsip/location.c:
// permanent_uri_handler).
func appendContacts(contacts []ContactURI, value string) []ContactURI {
	value = strings.TrimSuffix(value, ",")
	slash := 0
	for !hasSIPScheme(value[slash:]) {
		i := strings.IndexByte(value[slash:], '/')
		if i < 0 {
			return contacts
		}
		slash += i + 1
	}
	begin := value[:slash] // the AOR's name and a slash
	if len(begin) < 2 || strings.Contains(begin, ",") {
		return contacts
	}
	if contacts == nil {
		contacts = make([]ContactURI, 0, 1+strings.Count(value, ","))
	}
	for uri, end := value[slash:], 0; ; {
		i := strings.IndexByte(uri[end:], ',')
		if i < 0 {
			return append(contacts, ContactURI{begin[:slash-1], uri})
		}
		end += i
		if next, ok := strings.CutPrefix(uri[end+1:], begin); ok && hasSIPScheme(next) {
			contacts = append(contacts, ContactURI{begin[:slash-1], uri[:end]})
			uri, end = next, 0
			continue
		}
		end++
	}
}

func hasSIPScheme(uri string) bool { return hasPrefixFold(uri, "sip:") || hasPrefixFold(uri, "sips:") }

// PJSIPShowEndpoints lists all endpoints of PJSIP with their contacts, static
// ones too (res/res_pjsip/pjsip_configuration.c: ami_show_endpoints). Asterisk 12
// or later; class system.
type PJSIPShowEndpoints struct{}

// Action returns the action in AMI's form.
func (PJSIPShowEndpoints) Action() Action { return Action{Name: "PJSIPShowEndpoints"} }

// List does the action. No endpoints are an empty list.
func (a PJSIPShowEndpoints) List(ctx context.Context, on Doer) iter.Seq2[Endpoint, error] {
	return listOf(ctx, on, a.Action(), "EndpointList", "No endpoints found", newEndpoint)
}

// An EndpointDetail is all that Asterisk tells of one endpoint. Of what the
// endpoint names, only what exists is there.
type EndpointDetail struct {
	*Message       // the event EndpointDetail, with every option of the endpoint
	Name           string
	Context        string
	CallerID       string // `"Name" <number>`; "" if it has none
	Mailboxes      []string
	DeviceState    string // in the words of the console: "Not in use", "In use", "Unavailable" …
	ActiveChannels int    // 0 also from servers that leave it empty: before 20.15 and 22.5

	AORs       []AOR
	Contacts   []Contact // of all AORs
	Auths      []Auth    // inbound ones, then outbound ones
	Transport  *Transport
	Identifies []Identify
}

// PJSIPShowEndpoint tells all about one endpoint of PJSIP
// (res/res_pjsip/pjsip_configuration.c: ami_show_endpoint). Asterisk 12 or later,
// contacts since 13; class system. The answer holds the endpoint's passwords in
// clear.
type PJSIPShowEndpoint struct{ Endpoint string }

// Action returns the action in AMI's form.
func (a PJSIPShowEndpoint) Action() Action {
	action := Action{Name: "PJSIPShowEndpoint"}
	action.add("Endpoint", a.Endpoint)
	return action
}

// Do does the action. If there is no such endpoint the error is
// ErrUnknownEndpoint. An endpoint whose transport is not in pjsip.conf is an error
// too, "Unable to retrieve transport": Asterisk then leaves the rest out.
func (a PJSIPShowEndpoint) Do(ctx context.Context, on Doer) (EndpointDetail, error) {
	var d EndpointDetail
	bytes := 0
	for m, err := range on.List(ctx, a.Action()) {
		if err != nil {
			return EndpointDetail{}, err
		}
		if bytes += m.size(); bytes > maxReceivedMessage {
			return EndpointDetail{}, unusableError(fmt.Sprintf("PJSIPShowEndpoint: the answer has more than %d bytes", maxReceivedMessage))
		}
		switch m.Event() {
		case "EndpointDetail":
			d.Message, d.Name, d.Context, d.CallerID, d.Mailboxes = m, m.Get("ObjectName"), m.Get("Context"), known(m.Get("Callerid")), names(m.Get("Mailboxes"))
			d.DeviceState, d.ActiveChannels = m.Get("DeviceState"), value.Number(m.Get("ActiveChannels"))
		case "AorDetail":
			d.AORs = append(d.AORs, newAOR(m))
		case "ContactStatusDetail":
			d.Contacts = append(d.Contacts, newContact(m))
		case "AuthDetail":
			d.Auths = append(d.Auths, newAuth(m))
		case "TransportDetail":
			d.Transport = newTransport(m)
		case "IdentifyDetail":
			d.Identifies = append(d.Identifies, newIdentify(m))
		}
	}
	if d.Message == nil {
		return EndpointDetail{}, fmt.Errorf("PJSIPShowEndpoint: %w: Success without an endpoint", ErrProtocol)
	}
	return d, nil
}

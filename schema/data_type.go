package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// DataType is a kind of data source: what can be read of a PBX, and as what it
// stands in the configuration.
type DataType struct {
	Name       string // pjsip_contacts: the first label of the block
	Doc        string // a sentence
	Arguments  []DataArgument
	Attributes []DataAttribute

	empty func() any // the rows of nothing, of the type that Data.Rows has
}

// DataArgument is an optional argument of a data block, beside pbx.
type DataArgument struct {
	Name string
	Type cty.Type
	Doc  string
}

// DataAttribute is an attribute of what was read, or of one of its rows.
type DataAttribute struct {
	Name string
	Type cty.Type // of what has rows, a list of objects
	Doc  string
	Rows []DataAttribute // the attributes of the objects in the list; nil: it is no such list
}

// DataRequest asks for what a data block is to have.
type DataRequest struct {
	Address   string // data.pjsip_contacts.hq or data.pjsip_contacts.site["north"]
	Type      string
	PBX       *PBX
	Args      map[string]cty.Value // those that were given, of the types that DataTypes says, known and not null
	DeclRange hcl.Range
}

// Question tells requests of one address apart: those that ask another PBX, or for
// something else, have another one.
func (r *DataRequest) Question() string {
	args := make(map[string]ctyjson.SimpleJSONValue, len(r.Args))
	for name, v := range r.Args {
		args[name] = ctyjson.SimpleJSONValue{Value: v}
	}
	b, err := json.Marshal([]any{r.Type, r.PBX.Address, args})
	if err != nil {
		panic("encode arguments: " + err.Error()) // they are known, and plain
	}
	return shortDigest(b)
}

// Data is what was read for a data block. Rows is a pointer to the struct of its
// type: *PJSIPContacts, *PJSIPEndpoints, *SIPPeers, *DeviceStates,
// *VoicemailUsers or *PBXInfo. It is plain data, and once made it is not changed.
type Data struct {
	Read time.Time `json:"read"`
	Rows any       `json:"rows"`
}

// PJSIPContacts is what data "pjsip_contacts" has.
type PJSIPContacts struct {
	Contacts []PJSIPContact `json:"contacts"`
}

// PJSIPContact is one contact of one endpoint of PJSIP. An AOR that several
// endpoints share has its contacts once for each.
type PJSIPContact struct {
	Endpoint     string   `json:"endpoint"`
	AOR          string   `json:"aor"`
	URI          string   `json:"uri"`
	UserAgent    string   `json:"user_agent,omitempty"`
	Status       *string  `json:"status,omitempty"`
	RTT          *float64 `json:"rtt,omitempty"`
	ViaAddress   string   `json:"via_address,omitempty"`
	RegExpire    *string  `json:"reg_expire,omitempty"`
	Static       bool     `json:"static,omitempty"`
	CallID       string   `json:"call_id,omitempty"`
	Path         string   `json:"path,omitempty"`
	ContactCount int      `json:"contact_count"`
}

// PJSIPEndpoints is what data "pjsip_endpoints" has.
type PJSIPEndpoints struct {
	Endpoints []PJSIPEndpoint `json:"endpoints"`
}

// PJSIPEndpoint is one endpoint of PJSIP.
type PJSIPEndpoint struct {
	Endpoint       string   `json:"endpoint"`
	AORs           []string `json:"aors"`
	Transport      string   `json:"transport,omitempty"`
	State          string   `json:"state,omitempty"`
	ActiveChannels *int     `json:"active_channels,omitempty"`
	Contacts       int      `json:"contacts"`
}

// SIPPeers is what data "sip_peers" has.
type SIPPeers struct {
	Peers []SIPPeer `json:"peers"`
}

// SIPPeer is one peer of chan_sip.
type SIPPeer struct {
	Peer      string   `json:"peer"`
	Target    string   `json:"target"`
	Address   *string  `json:"address,omitempty"`
	Port      *int     `json:"port,omitempty"`
	Dynamic   bool     `json:"dynamic,omitempty"`
	Status    string   `json:"status,omitempty"`
	RTT       *float64 `json:"rtt,omitempty"`
	UserAgent *string  `json:"user_agent,omitempty"`
}

// DeviceStates is what data "device_states" has.
type DeviceStates struct {
	Devices []DeviceState `json:"devices"`
}

// DeviceState is the state of one device.
type DeviceState struct {
	Device string `json:"device"`
	State  string `json:"state"`
}

// VoicemailUsers is what data "voicemail_users" has.
type VoicemailUsers struct {
	Users []VoicemailUser `json:"users"`
}

// VoicemailUser is one box of app_voicemail. Whose it is, Asterisk would tell, too;
// it does not come into a plan or a state.
type VoicemailUser struct {
	Context string `json:"context"`
	Mailbox string `json:"mailbox"`
	New     int    `json:"new"`
	Old     int    `json:"old"`
}

// PBXInfo is what data "pbx_info" has.
type PBXInfo struct {
	Version                 string   `json:"version"`
	AMIVersion              string   `json:"ami_version"`
	SystemName              string   `json:"system_name,omitempty"`
	Uptime                  *int     `json:"uptime,omitempty"`
	Started                 *string  `json:"started,omitempty"`
	Reloaded                *string  `json:"reloaded,omitempty"`
	Modules                 []string `json:"modules"` // nil: not known
	DefaultOutboundEndpoint *string  `json:"default_outbound_endpoint,omitempty"`
}

var dataTypes = []*DataType{
	{
		Name: "pjsip_contacts",
		Doc:  "Where the phones of PJSIP are: what they registered, and what pjsip.conf has as static contacts.",
		Arguments: []DataArgument{
			{"endpoints", cty.Set(cty.String), "Names of endpoints: only their contacts are read. A name that the server does not know has none."},
		},
		Attributes: []DataAttribute{rowsOf("contacts", "One object for each contact of each endpoint, by endpoint, AOR and URI.", []DataAttribute{
			{"endpoint", cty.String, "The name of the endpoint: it makes the object a target.", nil},
			{"aor", cty.String, "The name of the AOR that has the contact.", nil},
			{"uri", cty.String, "Its URI.", nil},
			{"user_agent", cty.String, "What the phone called itself when it registered last; empty for a static contact.", nil},
			{"status", cty.String, "Reachable, Unreachable, NonQualified (nobody asks it; Created before Asterisk 16) or Unknown (not asked yet); null if there are too many static contacts to look at each.", nil},
			{"rtt", cty.Number, "How long its answer to the last OPTIONS took, in milliseconds; null if there was none.", nil},
			{"via_address", cty.String, "The host:port from which it registered first; empty for a static contact.", nil},
			{"reg_expire", cty.String, "When its registration ends, as 2026-11-22T10:00:00Z; null for a static contact.", nil},
			{"static", cty.Bool, "Whether it stands in pjsip.conf instead of having registered.", nil},
			{"call_id", cty.String, "The Call-ID of its first registration.", nil},
			{"path", cty.String, "The Path of its registration.", nil},
			{"contact_count", cty.Number, "How many contacts its endpoint has: a NOTIFY to the endpoint goes to all of them.", nil},
		})},
		empty: func() any { return &PJSIPContacts{Contacts: []PJSIPContact{}} },
	},
	{
		Name: "pjsip_endpoints",
		Doc:  "The endpoints of PJSIP, registered or not.",
		Attributes: []DataAttribute{rowsOf("endpoints", "One object for each endpoint, by name.", []DataAttribute{
			{"endpoint", cty.String, "Its name: it makes the object a target.", nil},
			{"aors", cty.List(cty.String), "The names of its AORs.", nil},
			{"transport", cty.String, "The name of the transport it is bound to; mostly empty.", nil},
			{"state", cty.String, "Its device state: UNKNOWN, NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING, RINGINUSE or ONHOLD.", nil},
			{"active_channels", cty.Number, "How many channels it has; null from servers that do not say (before 20.15 and 22.5).", nil},
			{"contacts", cty.Number, "How many contacts it has. With none, nobody hears a NOTIFY to it.", nil},
		})},
		empty: func() any { return &PJSIPEndpoints{Endpoints: []PJSIPEndpoint{}} },
	},
	{
		Name: "sip_peers",
		Doc:  "The peers of chan_sip, which Asterisk has until version 20.",
		Arguments: []DataArgument{
			{"user_agents", cty.Bool, "Whether each registered peer is asked for its user agent, which takes one more action for each; true unless given."},
		},
		Attributes: []DataAttribute{rowsOf("peers", "One object for each peer, by name.", []DataAttribute{
			{"peer", cty.String, "Its name.", nil},
			{"target", cty.String, "SIP/ and its name: it makes the object a target.", nil},
			{"address", cty.String, "Its IP address; null if it is not registered.", nil},
			{"port", cty.Number, "Its port; null if it is not registered.", nil},
			{"dynamic", cty.Bool, "Whether it registers (host=dynamic).", nil},
			{"status", cty.String, "OK, LAGGED, UNREACHABLE, UNKNOWN (not asked yet) or Unmonitored (nobody asks it).", nil},
			{"rtt", cty.Number, "How long its answer to the last OPTIONS took, in milliseconds; null if there was none.", nil},
			{"user_agent", cty.String, "What it called itself when it registered; empty if it did not, null if user_agents is false.", nil},
		})},
		empty: func() any { return &SIPPeers{Peers: []SIPPeer{}} },
	},
	{
		Name: "device_states",
		Doc:  "The states of devices, as far as one was ever announced.",
		Arguments: []DataArgument{
			{"prefix", cty.String, "Only devices whose names begin so, such as \"PJSIP/\"."},
		},
		Attributes: []DataAttribute{rowsOf("devices", "One object for each device, by name.", []DataAttribute{
			{"device", cty.String, "Its name, such as PJSIP/1001.", nil},
			{"state", cty.String, "UNKNOWN, NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING, RINGINUSE or ONHOLD.", nil},
		})},
		empty: func() any { return &DeviceStates{Devices: []DeviceState{}} },
	},
	{
		Name: "voicemail_users",
		Doc:  "The boxes of app_voicemail with their messages. Whose they are is not read.",
		Arguments: []DataArgument{
			{"context", cty.String, "Only boxes of this voicemail context."},
		},
		Attributes: []DataAttribute{rowsOf("users", "One object for each box, by context and number.", []DataAttribute{
			{"context", cty.String, "The voicemail context, such as default.", nil},
			{"mailbox", cty.String, "The number of the box.", nil},
			{"new", cty.Number, "How many messages are new.", nil},
			{"old", cty.Number, "How many messages are old.", nil},
		})},
		empty: func() any { return &VoicemailUsers{Users: []VoicemailUser{}} },
	},
	{
		Name: "pbx_info",
		Doc:  "What the server says about itself.",
		Attributes: []DataAttribute{
			{"version", cty.String, "The version of Asterisk, such as 22.10.1.", nil},
			{"ami_version", cty.String, "The version of its manager interface, such as 11.0.0.", nil},
			{"system_name", cty.String, "systemname of asterisk.conf; mostly empty.", nil},
			{"uptime", cty.Number, "For how many seconds it runs; null without the right to ask.", nil},
			{"started", cty.String, "When it was started, as 2026-11-22T10:00:00Z; null without the right to ask.", nil},
			{"reloaded", cty.String, "When it last read its configuration anew, or else started; null without the right to ask.", nil},
			{"modules", cty.Set(cty.String), "The names of the modules that run, without .so; null without the right to ask.", nil},
			{"default_outbound_endpoint", cty.String, "The endpoint by which NOTIFYs to URIs go; empty if there is none, null without the right to ask.", nil},
		},
		empty: func() any { return new(PBXInfo) },
	},
}

// DataTypes returns all kinds of data sources. Nobody changes them.
func DataTypes() []*DataType { return dataTypes }

// DataTypeOf returns the kind of that name, or nil.
func DataTypeOf(name string) *DataType {
	i := slices.IndexFunc(dataTypes, func(t *DataType) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return dataTypes[i]
}

// Type is the type of what a data block of this kind stands for: an object.
func (t *DataType) Type() cty.Type { return objectOf(t.Attributes) }

// Argument returns the argument of that name, or nil.
func (t *DataType) Argument(name string) *DataArgument {
	i := slices.IndexFunc(t.Arguments, func(a DataArgument) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Arguments[i]
}

func objectOf(attributes []DataAttribute) cty.Type {
	types := make(map[string]cty.Type, len(attributes))
	for _, a := range attributes {
		types[a.Name] = a.Type
	}
	return cty.Object(types)
}

func rowsOf(name, doc string, rows []DataAttribute) DataAttribute {
	return DataAttribute{name, cty.List(objectOf(rows)), doc, rows}
}

// UnmarshalData reads what json.Marshal has written of a Data of that type.
func UnmarshalData(typ string, b []byte) (*Data, error) {
	t := DataTypeOf(typ)
	if t == nil {
		return nil, fmt.Errorf("decode data: unknown type %q", typ)
	}
	d := &Data{Rows: t.empty()}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("decode data of %s: %w", typ, err)
	}
	if d.Rows == nil { // null
		return nil, fmt.Errorf("decode data of %s: there are no rows", typ)
	}
	return d, nil
}

// value is what the data block stands for in expressions: the object of its type.
func (d *Data) value() cty.Value {
	switch rows := d.Rows.(type) {
	case *PJSIPContacts:
		return listed("contacts", rows.Contacts, PJSIPContact.fields, "pjsip_contacts")
	case *PJSIPEndpoints:
		return listed("endpoints", rows.Endpoints, PJSIPEndpoint.fields, "pjsip_endpoints")
	case *SIPPeers:
		return listed("peers", rows.Peers, SIPPeer.fields, "sip_peers")
	case *DeviceStates:
		return listed("devices", rows.Devices, DeviceState.fields, "device_states")
	case *VoicemailUsers:
		return listed("users", rows.Users, VoicemailUser.fields, "voicemail_users")
	case *PBXInfo:
		return cty.ObjectVal(rows.fields())
	}
	panic(fmt.Sprintf("convert data: rows of type %T", d.Rows))
}

// listed makes the object of a type that is one list of rows. It goes without
// reflection, which takes several times as long: there may be many rows.
func listed[R any](name string, rows []R, fields func(R) map[string]cty.Value, typ string) cty.Value {
	if len(rows) == 0 {
		return cty.ObjectVal(map[string]cty.Value{name: cty.ListValEmpty(DataTypeOf(typ).Type().AttributeType(name).ElementType())})
	}
	values := make([]cty.Value, len(rows))
	for i, r := range rows {
		values[i] = cty.ObjectVal(fields(r))
	}
	return cty.ObjectVal(map[string]cty.Value{name: cty.ListVal(values)})
}

func (c PJSIPContact) fields() map[string]cty.Value {
	return map[string]cty.Value{
		"endpoint": cty.StringVal(c.Endpoint), "aor": cty.StringVal(c.AOR), "uri": cty.StringVal(c.URI), "user_agent": cty.StringVal(c.UserAgent),
		"status": textOrNull(c.Status), "rtt": numberOrNull(c.RTT), "via_address": cty.StringVal(c.ViaAddress), "reg_expire": textOrNull(c.RegExpire),
		"static": cty.BoolVal(c.Static), "call_id": cty.StringVal(c.CallID), "path": cty.StringVal(c.Path), "contact_count": cty.NumberIntVal(int64(c.ContactCount)),
	}
}

func (e PJSIPEndpoint) fields() map[string]cty.Value {
	aors := cty.ListValEmpty(cty.String)
	if len(e.AORs) > 0 {
		aors = cty.ListVal(texts(e.AORs))
	}
	return map[string]cty.Value{
		"endpoint": cty.StringVal(e.Endpoint), "aors": aors, "transport": cty.StringVal(e.Transport), "state": cty.StringVal(e.State),
		"active_channels": wholeOrNull(e.ActiveChannels), "contacts": cty.NumberIntVal(int64(e.Contacts)),
	}
}

func (p SIPPeer) fields() map[string]cty.Value {
	return map[string]cty.Value{
		"peer": cty.StringVal(p.Peer), "target": cty.StringVal(p.Target), "address": textOrNull(p.Address), "port": wholeOrNull(p.Port),
		"dynamic": cty.BoolVal(p.Dynamic), "status": cty.StringVal(p.Status), "rtt": numberOrNull(p.RTT), "user_agent": textOrNull(p.UserAgent),
	}
}

func (d DeviceState) fields() map[string]cty.Value {
	return map[string]cty.Value{"device": cty.StringVal(d.Device), "state": cty.StringVal(d.State)}
}

func (u VoicemailUser) fields() map[string]cty.Value {
	return map[string]cty.Value{
		"context": cty.StringVal(u.Context), "mailbox": cty.StringVal(u.Mailbox), "new": cty.NumberIntVal(int64(u.New)), "old": cty.NumberIntVal(int64(u.Old)),
	}
}

func (i *PBXInfo) fields() map[string]cty.Value {
	modules := cty.NullVal(cty.Set(cty.String))
	switch {
	case len(i.Modules) > 0:
		modules = cty.SetVal(texts(i.Modules))
	case i.Modules != nil:
		modules = cty.SetValEmpty(cty.String)
	}
	return map[string]cty.Value{
		"version": cty.StringVal(i.Version), "ami_version": cty.StringVal(i.AMIVersion), "system_name": cty.StringVal(i.SystemName),
		"uptime": wholeOrNull(i.Uptime), "started": textOrNull(i.Started), "reloaded": textOrNull(i.Reloaded), "modules": modules,
		"default_outbound_endpoint": textOrNull(i.DefaultOutboundEndpoint),
	}
}

func texts(list []string) []cty.Value {
	values := make([]cty.Value, len(list))
	for i, s := range list {
		values[i] = cty.StringVal(s)
	}
	return values
}

func textOrNull(s *string) cty.Value {
	if s == nil {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(*s)
}

func numberOrNull(f *float64) cty.Value {
	if f == nil {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberFloatVal(*f)
}

func wholeOrNull(n *int) cty.Value {
	if n == nil {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(int64(*n))
}

package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// notifyAction makes the AMI action that carries m to t. A body goes out one
// line a Content variable: Asterisk joins them with CR LF
// (channels/chan_sip.c: manager_sipnotify, res/res_pjsip_notify.c: build_ami_notify).
func notifyAction(t schema.Target, m *schema.Message) amiclient.Action {
	vars := make([]amiclient.Variable, 0, 4+len(m.Headers))
	if !m.Event.IsEmpty() {
		vars = append(vars, amiclient.Variable{Name: "Event", Value: m.Event.Reveal()})
	}
	for _, h := range m.Headers {
		vars = append(vars, amiclient.Variable{Name: h.Name, Value: h.Value.Reveal()})
	}
	if !m.ContentType.IsEmpty() {
		vars = append(vars, amiclient.Variable{Name: "Content-Type", Value: m.ContentType.Reveal()})
	}
	if m.Content != nil {
		for line := range strings.SplitSeq(m.Content.Reveal(), "\n") {
			vars = append(vars, amiclient.Variable{Name: "Content", Value: strings.TrimSuffix(line, "\r")})
		}
	}
	if t.Tech == schema.TechSIP {
		return amiclient.SIPNotify{Channel: t.String(), CallID: m.CallID.Reveal(), Variables: vars}.Action()
	}
	n := amiclient.PJSIPNotify{Option: m.Option.Reveal(), Channel: m.Channel.Reveal(), Variables: vars}
	switch {
	case n.Channel != "": // the dialog of the channel decides where it goes
	case t.Tech == schema.TechURI:
		n.URI = t.Name
	case t.Contact != "":
		n.URI = t.Contact
	default:
		n.Endpoint = t.Name
	}
	return n.Action()
}

// eventAction makes the AMI action that raises e: by the action UserEvent, or by
// the dialplan on a channel that has this id then.
func eventAction(e *schema.Event, id string) amiclient.Action {
	headers := make([]amiclient.Header, len(e.Body))
	for i, h := range e.Body {
		headers[i] = amiclient.Header{Name: h.Name, Value: h.Value.Reveal()}
	}
	if !e.Channel.IsEmpty() {
		return amiclient.DialplanUserEvent{Channel: e.Channel.Reveal(), Name: e.Name.Reveal(), Headers: headers, ID: id}.Action()
	}
	return amiclient.UserEvent{Name: e.Name.Reveal(), Headers: headers}.Action()
}

// Sent is what one action says, as it may be shown and kept: the action's
// name, whom it is for, and the headers and the body that the other side gets.
// Sensitive values are redacted when it is printed or marshalled.
type Sent struct {
	Action  string        `json:"action"`
	Target  string        `json:"-"`
	Headers []SentHeader  `json:"headers,omitempty"`
	Content []schema.Text `json:"content,omitempty"` // lines
	Option  string        `json:"option,omitempty"`
	CallID  *schema.Text  `json:"call_id,omitempty"`
	Channel *schema.Text  `json:"channel,omitempty"`
}

// SentHeader is one header of a Sent.
type SentHeader struct {
	Name  string      `json:"name"`
	Value schema.Text `json:"value"`
}

func sentNotify(t schema.Target, m *schema.Message) Sent {
	s := Sent{Action: "PJSIPNotify", Target: t.String(), Option: m.Option.String()}
	if t.Tech == schema.TechSIP {
		s.Action = "SIPnotify"
	}
	if !m.Event.IsEmpty() {
		s.Headers = append(s.Headers, SentHeader{"Event", m.Event})
	}
	for _, h := range m.Headers {
		s.Headers = append(s.Headers, SentHeader{h.Name, h.Value})
	}
	if !m.ContentType.IsEmpty() {
		s.Headers = append(s.Headers, SentHeader{"Content-Type", m.ContentType})
	}
	if m.Content != nil {
		if m.Content.IsSensitive() {
			s.Content = []schema.Text{*m.Content}
		} else {
			for line := range strings.SplitSeq(m.Content.Reveal(), "\n") {
				s.Content = append(s.Content, schema.Plain(strings.TrimSuffix(line, "\r")))
			}
		}
	}
	if !m.CallID.IsEmpty() {
		s.CallID = &m.CallID
	}
	if !m.Channel.IsEmpty() {
		s.Channel = &m.Channel
	}
	return s
}

func sentEvent(j *schema.Job, e *schema.Event) Sent {
	s := Sent{Action: "UserEvent", Target: j.PBX.Address, Headers: []SentHeader{{"UserEvent", e.Name}}}
	for _, h := range e.Body {
		s.Headers = append(s.Headers, SentHeader(h))
	}
	if !e.Channel.IsEmpty() {
		s.Action, s.Channel = "Originate", &e.Channel
	}
	return s
}

func (s Sent) stored(digest string) StoredMessage {
	text, err := json.Marshal(s)
	if err != nil { // only strings: cannot happen
		panic(err)
	}
	return StoredMessage{Digest: digest, Text: text}
}

// digest is the hex form of the first 128 bits of SHA-256 over parts, each
// preceded by its length so that no two lists of parts can be confused.
func digest(parts ...string) string {
	const atOnce = 512
	var space [atOnce]byte
	some := space[:0]
	var h hash.Hash // of what has no room in space
	for _, p := range parts {
		if len(some) > 0 && len(some)+8+len(p) > atOnce {
			if h == nil {
				h = sha256.New()
			}
			h.Write(some)
			some = some[:0]
		}
		some = binary.LittleEndian.AppendUint64(some, uint64(len(p)))
		some = append(some, p...)
	}
	if h == nil {
		all := sha256.Sum256(some)
		return hex.EncodeToString(all[:16])
	}
	h.Write(some)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

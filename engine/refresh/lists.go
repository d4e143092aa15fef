package refresh

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// stateWords are the states of devices as lists of endpoints write them
// (main/devicestate.c: devstatestr).
var stateWords = map[string]amiclient.DeviceState{
	"Unknown": amiclient.DeviceUnknown, "Not in use": amiclient.DeviceNotInUse, "In use": amiclient.DeviceInUse, "Busy": amiclient.DeviceBusy,
	"Invalid": amiclient.DeviceInvalid, "Unavailable": amiclient.DeviceUnavailable, "Ringing": amiclient.DeviceRinging,
	"Ring+Inuse": amiclient.DeviceRingInUse, "On Hold": amiclient.DeviceOnHold,
}

func (r *reader) endpoints(ctx context.Context) (*schema.PJSIPEndpoints, error) {
	rows := []schema.PJSIPEndpoint{}
	for e, err := range (amiclient.PJSIPShowEndpoints{}).List(ctx, r.on) {
		if err != nil {
			return nil, err
		}
		if err := r.row(0); err != nil {
			return nil, err
		}
		row := schema.PJSIPEndpoint{Endpoint: text(e.Name), AORs: []string{}, Transport: r.word(e.Transport), Contacts: len(e.Contacts)}
		for _, aor := range e.AORs {
			row.AORs = append(row.AORs, text(aor))
		}
		if state, known := stateWords[e.DeviceState]; known {
			row.State = string(state)
		} else {
			row.State = r.word(e.DeviceState)
		}
		if e.Get("ActiveChannels") != "" {
			channels := e.ActiveChannels // a pointer into e would keep all of the message
			row.ActiveChannels = &channels
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b schema.PJSIPEndpoint) int { return cmp.Compare(a.Endpoint, b.Endpoint) })
	return &schema.PJSIPEndpoints{Endpoints: rows}, nil
}

// userAgents tells whether each peer is to be asked for its user agent.
func userAgents(request schema.DataRequest) bool {
	v, given := request.Args["user_agents"]
	return !given || v.True()
}

// peers reads the peers of chan_sip. Only one that has registered has a user agent.
func (r *reader) peers(ctx context.Context) (*schema.SIPPeers, error) {
	rows := []schema.SIPPeer{}
	var ask []int
	var names []string // of those to ask, as the server has them
	with := userAgents(r.request)
	for p, err := range (amiclient.SIPPeers{}).List(ctx, r.on) {
		if err != nil {
			return nil, err
		}
		if err := r.row(0); err != nil {
			return nil, err
		}
		name := text(p.Name)
		row := schema.SIPPeer{Peer: name, Target: "SIP/" + name, Dynamic: p.Dynamic, Status: r.word(string(p.Status)), RTT: milliseconds(p.RoundTrip)}
		if p.Address.IsValid() {
			address, port := p.Address.Addr().String(), int(p.Address.Port())
			row.Address, row.Port = &address, &port
		}
		if with {
			row.UserAgent = new(string)
			if p.Dynamic && p.Address.IsValid() {
				ask, names = append(ask, len(rows)), append(names, strings.Clone(p.Name))
			}
		}
		rows = append(rows, row)
	}
	agents := make([]string, len(ask))
	r.begin()
	err := r.each(ctx, len(ask), func(ctx context.Context, i int) error {
		d, err := amiclient.SIPShowPeer{Peer: names[i]}.Do(ctx, r.on)
		if errors.Is(err, amiclient.ErrUnknownEndpoint) { // it has gone in between
			err = nil
		}
		agents[i] = text(d.UserAgent)
		return cmp.Or(err, r.row(len(ask)))
	})
	if err != nil {
		return nil, err
	}
	for i, agent := range agents {
		agent = r.word(agent)
		rows[ask[i]].UserAgent = &agent
	}
	slices.SortFunc(rows, func(a, b schema.SIPPeer) int { return cmp.Compare(a.Peer, b.Peer) })
	return &schema.SIPPeers{Peers: rows}, nil
}

func (r *reader) devices(ctx context.Context) (*schema.DeviceStates, error) {
	prefix := ""
	if v, given := r.request.Args["prefix"]; given {
		prefix = v.AsString()
	}
	rows := []schema.DeviceState{}
	for d, err := range bounded((amiclient.DeviceStateList{}).List(ctx, r.on)) {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(d.Device, prefix) {
			continue
		}
		if err := r.row(0); err != nil {
			return nil, err
		}
		rows = append(rows, schema.DeviceState{Device: text(d.Device), State: r.word(string(d.State))})
	}
	slices.SortFunc(rows, func(a, b schema.DeviceState) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.State, b.State))
	})
	return &schema.DeviceStates{Devices: rows}, nil
}

func (r *reader) voicemail(ctx context.Context) (*schema.VoicemailUsers, error) {
	only, limited := r.request.Args["context"]
	rows := []schema.VoicemailUser{}
	for u, err := range bounded((amiclient.VoicemailUsersList{}).List(ctx, r.on)) {
		if err != nil {
			return nil, err
		}
		if limited && u.Context != only.AsString() {
			continue
		}
		if err := r.row(0); err != nil {
			return nil, err
		}
		rows = append(rows, schema.VoicemailUser{Context: r.word(u.Context), Mailbox: text(u.Mailbox), New: u.New, Old: u.Old})
	}
	slices.SortFunc(rows, func(a, b schema.VoicemailUser) int {
		return cmp.Or(cmp.Compare(a.Context, b.Context), cmp.Compare(a.Mailbox, b.Mailbox))
	})
	return &schema.VoicemailUsers{Users: rows}, nil
}

// info reads what the server says about itself. What it would tell only to users
// with more rights is not known then.
func (r *reader) info(ctx context.Context) (*schema.PBXInfo, error) {
	settings, err := amiclient.CoreSettings{}.Do(ctx, r.on)
	if err != nil {
		return nil, err
	}
	info := &schema.PBXInfo{Version: text(settings.AsteriskVersion), AMIVersion: text(settings.AMIVersion), SystemName: text(settings.SystemName)}
	switch up, err := amiclient.AskUptime(ctx, r.on); {
	case err == nil:
		seconds := int(max(up.Now.Sub(up.Started), 0).Seconds())
		info.Uptime, info.Started, info.Reloaded = &seconds, instant(up.Started), instant(up.Reloaded)
	case !amiclient.Untold(err):
		return nil, err
	}
	switch modules, err := amiclient.Modules(ctx, r.on); {
	case err == nil:
		for _, name := range modules {
			info.Modules = append(info.Modules, text(name))
		}
		slices.Sort(info.Modules)
		info.Modules = slices.Compact(info.Modules)
	case !amiclient.Untold(err):
		return nil, err
	}
	switch endpoint, err := amiclient.DefaultOutboundEndpoint(ctx, r.on); {
	case err == nil:
		endpoint = text(endpoint)
		info.DefaultOutboundEndpoint = &endpoint
	case !amiclient.Untold(err):
		return nil, err
	}
	return info, nil
}

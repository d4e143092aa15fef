package amisim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Call is a channel that is up.
type Call struct {
	Channel string // its name, such as "PJSIP/1001-00000000", for PJSIPNotify and CoreShowChannels
	CallID  string // of its SIP dialog with a phone, for SIPnotify; "" for a Local channel
}

// channel is a channel that is up, guarded by Server.mu. What it is made with does not change; its application does.
type channel struct {
	name, uniqueid, linkedid string
	context, exten           string
	priority                 int
	caller, account          string
	callerName               string
	application, data        string // that it runs
	since                    time.Time
	dialog                   *dialog  // with a phone, nil for a Local channel
	half                     *channel // the other one of a Local channel
}

// dialog is the SIP dialog of a call to a phone.
type dialog struct {
	driver, phone, uri string
	callID, tag        string
	cseq               int
	body               string // chan_sip keeps the body of a NOTIFY and adds the next one's to it
}

// snapshot are the headers that tell of a channel in events (main/manager_channels.c:
// ast_manager_build_channel_state_string). What nobody set is "<unknown>".
func (ch *channel) snapshot() []Header {
	number, name := orDefault(ch.caller, "<unknown>"), orDefault(ch.callerName, "<unknown>")
	return []Header{
		{"Channel", ch.name}, {"ChannelState", "6"}, {"ChannelStateDesc", "Up"}, {"CallerIDNum", number}, {"CallerIDName", name},
		{"ConnectedLineNum", number}, {"ConnectedLineName", name}, {"Language", "en"}, {"AccountCode", ch.account}, {"Context", ch.context},
		{"Exten", ch.exten}, {"Priority", strconv.Itoa(ch.priority)}, {"Uniqueid", ch.uniqueid}, {"Linkedid", ch.linkedid},
	}
}

// newChannel makes a channel of a driver; the caller holds mu and adds it to the channels when it is up.
func (s *Server) newChannel(name, context, exten string) *channel {
	id := fmt.Sprintf("%d.%d", s.started.Unix(), s.uniqueids)
	s.uniqueids++
	return &channel{name: name, uniqueid: id, linkedid: id, context: context, exten: exten, priority: 1, since: time.Now()}
}

// number returns the next number for the name of a channel of this driver.
func (s *Server) number(driver string) string {
	n := s.named[driver]
	s.named[driver]++
	return fmt.Sprintf("%08x", n)
}

// Call puts a call up on a phone, "1001" or "PJSIP/1001", by chan_sip "SIP/1001": the phone has answered, and its device
// is INUSE. HangUp ends it. It fails if there is no such phone, or it is not registered, or there is no such driver.
func (s *Server) Call(target string) (Call, error) {
	driver, name, found := strings.Cut(target, "/")
	if !found {
		driver, name = "PJSIP", target
	}
	ch, err := s.ring(strings.ToUpper(driver), name)
	if err != nil {
		return Call{}, fmt.Errorf("call %s: %w", target, err)
	}
	s.mu.Lock()
	ch.application = "Echo"
	s.mu.Unlock()
	s.up(ch)
	return ch.call(), nil
}

// ring makes a channel to a phone, which answers at once.
func (s *Server) ring(driver, name string) (*channel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.phones[name]
	switch {
	case driver != "PJSIP" && (driver != "SIP" || !s.config.Version.ChanSIP):
		return nil, errors.New("there is no such channel driver")
	case p == nil:
		return nil, errors.New("there is no such phone")
	case len(p.contacts) == 0 || p.away || p.deaf:
		return nil, errors.New("the phone is not registered, or does not answer")
	}
	exten, uri := "s", p.contacts[0].uri
	if driver == "SIP" {
		exten, uri = "", p.peerURI()
	}
	ch := s.newChannel(driver+"/"+name+"-"+s.number(driver), "default", exten)
	ch.dialog = &dialog{
		driver: driver, phone: name, uri: uri, callID: fmt.Sprintf("sim-call-%d@127.0.0.1", s.uniqueids), tag: fmt.Sprint(";tag=call", s.uniqueids), cseq: 102,
	}
	return ch, nil
}

// up adds channels that have been answered, and tells of them. Real servers tell more: of dialing, bridges and states in
// between.
func (s *Server) up(channels ...*channel) {
	s.mu.Lock()
	s.channels = append(s.channels, channels...)
	s.mu.Unlock()
	for _, ch := range channels {
		down := ch.snapshot()
		down[1].Value, down[2].Value = "0", "Down"
		s.emit("Newchannel", classCall, down)
		s.emit("Newstate", classCall, ch.snapshot())
		s.busy(ch.dialog, 1)
	}
}

// busy counts a call of a phone more or less, nothing for a Local channel, which has no dialog, and tells of the phone's
// state.
func (s *Server) busy(d *dialog, more int) {
	if d == nil {
		return
	}
	p := s.phone(d.phone)
	s.change(p, d.driver, func() []event {
		p.calls[line(d.driver)] += more
		return []event{p.deviceState(d.driver)}
	})
}

// line is the index of a driver in phone.calls.
func line(driver string) int {
	if driver == "SIP" {
		return 1
	}
	return 0
}

// Calls returns the channels that are up, the newest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []Call
	for _, ch := range slices.Backward(s.channels) {
		calls = append(calls, ch.call())
	}
	return calls
}

func (ch *channel) call() Call {
	if ch.dialog == nil {
		return Call{Channel: ch.name}
	}
	return Call{ch.name, ch.dialog.callID}
}

// HangUp ends a channel, and the other half of a Local one. Unknown names do nothing.
func (s *Server) HangUp(name string) {
	s.mu.Lock()
	ch := s.channel(name)
	if ch == nil {
		s.mu.Unlock()
		return
	}
	ending := []*channel{ch}
	if ch.half != nil {
		ending = append(ending, ch.half)
	}
	s.channels = slices.DeleteFunc(s.channels, func(c *channel) bool { return slices.Contains(ending, c) })
	snapshots := make([][]Header, len(ending))
	for i, ch := range ending {
		snapshots[i] = ch.snapshot()
	}
	s.mu.Unlock()
	for i, ch := range ending {
		cause := []Header{{"Cause", "0"}, {"Cause-txt", "Unknown"}}
		if ch.dialog != nil && ch.dialog.driver == "SIP" {
			cause = []Header{{"Cause", "16"}, {"Cause-txt", "Normal Clearing"}}
		}
		s.emit("Hangup", classCall, append(snapshots[i], cause...))
		s.busy(ch.dialog, -1)
	}
}

// channel finds a channel by its name, in any case; the caller holds mu.
func (s *Server) channel(name string) *channel {
	for _, ch := range s.channels {
		if strings.EqualFold(ch.name, name) {
			return ch
		}
	}
	return nil
}

// taken tells whether a channel has this Uniqueid.
func (s *Server) taken(uniqueid string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.channels, func(ch *channel) bool { return ch.uniqueid == uniqueid })
}

// called finds the channel of chan_sip with this Call-ID; the caller holds mu.
func (s *Server) called(callID string) *channel {
	for _, ch := range s.channels {
		if ch.dialog != nil && ch.dialog.driver == "SIP" && ch.dialog.callID == callID {
			return ch
		}
	}
	return nil
}

// main/manager.c: action_coreshowchannels.
func (c *session) runCoreShowChannels(r *request) {
	c.startList(r, "Channels will follow")
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	for _, ch := range slices.Backward(c.server.channels) {
		d := int(time.Since(ch.since).Seconds())
		c.item(r, "CoreShowChannel", append(ch.snapshot(), Header{"Application", ch.application}, Header{"ApplicationData", ch.data},
			Header{"Duration", fmt.Sprintf("%02d:%02d:%02d", d/3600, d/60%60, d%60)}, Header{"BridgeId", ""}))
	}
	c.endList(r, "CoreShowChannelsComplete", len(c.server.channels))
}

package amisim

import (
	"slices"
	"strconv"
	"strings"
)

// maxUniqueid is the longest ChannelId that Originate takes (AST_MAX_PUBLIC_UNIQUEID).
const maxUniqueid = 149

// call is what an Originate asks for.
type call struct {
	id, channel       string // ActionID, and whom to call
	application, data string // to run once it is answered, or …
	context, exten    string // … the extension to go on in
	callerID, account string
	uniqueid, other   string // that the channel is to have, and the other half of a Local one
	async             bool
}

// main/manager.c: action_originate. Local channels to one of Config.Extensions and phones answer, all else fails, at once.
func (c *session) runOriginate(r *request) {
	o := call{
		id: r.get("ActionID"), channel: r.get("Channel"), application: r.get("Application"), data: r.get("Data"), context: r.get("Context"),
		exten: r.get("Exten"), callerID: r.get("CallerID"), account: r.get("Account"), uniqueid: r.get("ChannelId"), other: r.get("OtherChannelId"), async: isTrue(r.get("Async")),
	}
	if trouble := c.refuses(&o, r.get("Priority"), r.get("Timeout")); trouble != "" {
		c.fail(r, trouble)
		return
	}
	s := c.server
	channels := s.dial(&o)
	if channels == nil && !o.async {
		c.fail(r, "Originate failed")
		return
	}
	c.ack(r, "Originate successfully queued")
	c.after = append(c.after, func() { s.connect(&o, channels) })
}

// refuses tells why an Originate is not even tried, "" if it is.
func (c *session) refuses(o *call, priority, timeout string) string {
	config := &c.server.config
	toExten := o.exten != "" && o.context != "" && priority != ""
	_, there := config.Extensions[o.exten+"@"+o.context]
	switch {
	case o.channel == "":
		return "Channel not specified"
	case priority != "" && !startsNumber(priority):
		return "Invalid priority"
	case timeout != "" && !startsNumber(timeout):
		return "Invalid timeout"
	case !strings.Contains(o.channel, "/"):
		return "Invalid channel"
	case len(o.uniqueid) > maxUniqueid || len(o.other) > maxUniqueid:
		return "Uniqueid length exceeds maximum of " + strconv.Itoa(maxUniqueid) + "\n"
	case o.application != "" && c.writes&classSystem == 0 && config.Version.screens(o.application, o.data):
		if config.Version.ScreensOriginate {
			return "Originate Access Forbidden: app or data blacklisted"
		}
		return "Originate Access Forbidden: Application"
	case o.application == "" && toExten && !there:
		return "Extension does not exist."
	case o.application == "" && !toExten && !o.async:
		return "Originate with 'Exten' requires 'Context' and 'Priority'"
	}
	return ""
}

// screens tells whether a version keeps an application and its data from users without write=system, by letters anywhere
// in them; those of the data count with their case (main/manager.c: is_originate_app_permitted).
func (v Version) screens(application, data string) bool {
	application = strings.ToLower(application)
	if containsAny(application, "agi", "exec", "externalivr", "mixmonitor", "originate", "system") {
		return true
	}
	return v.ScreensOriginate && (containsAny(application, "dbdeltree", "reload") ||
		containsAny(data, "CURL", "DB", "EVAL", "FILE", "ODBC", "REALTIME", "SHELL"))
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}

// dial makes the channels of a call that is answered, nil if it fails: one to a phone, or the two halves of a Local one,
// the first of which is the caller's. It fails too if another channel has the Uniqueid that one is to have.
func (s *Server) dial(o *call) []*channel {
	if s.taken(o.uniqueid) || s.taken(o.other) {
		return nil
	}
	driver, rest, _ := strings.Cut(o.channel, "/")
	if !strings.EqualFold(driver, "Local") {
		ch, err := s.ring(strings.ToUpper(driver), rest)
		if err != nil {
			return nil
		}
		return s.dressed(o, ch)
	}
	target, _, _ := strings.Cut(rest, "/") // options
	exten, context, found := strings.Cut(target, "@")
	if !found {
		context = "default"
	}
	if o.uniqueid != "" && o.other == o.uniqueid {
		return nil
	}
	if _, there := s.config.Extensions[exten+"@"+context]; !there {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := "Local/" + exten + "@" + context + "-" + s.number("Local")
	one, two := s.newChannel(name+";1", context, exten), s.newChannel(name+";2", context, exten)
	one.half, two.half = two, one
	return s.dressed(o, one, two)
}

// dressed gives channels what an Originate says of them.
func (s *Server) dressed(o *call, channels ...*channel) []*channel {
	if o.uniqueid != "" {
		channels[0].uniqueid = o.uniqueid
		if len(channels) > 1 { // main/core_unreal.c: ast_unreal_new_channels
			channels[1].uniqueid = orDefault(o.other, o.uniqueid+";2")
		}
	}
	number, name := o.caller()
	for _, ch := range channels {
		ch.caller, ch.callerName, ch.account, ch.linkedid = number, name, o.account, channels[0].uniqueid
	}
	return channels
}

// caller cuts up the CallerID, such as "Bob" <123> (main/callerid.c: ast_callerid_parse).
func (o *call) caller() (number, name string) {
	before, after, found := strings.Cut(o.callerID, "<")
	switch {
	case found:
		return strings.TrimSuffix(strings.TrimSpace(after), ">"), strings.Trim(strings.TrimSpace(before), `"`)
	case strings.Trim(o.callerID, "+0123456789*#") == "":
		return o.callerID, ""
	}
	return "", o.callerID
}

// connect goes on with a call that is answered, or tells that it is not. What the application does, and that the call has
// succeeded, is told by two threads of a real server, in no fixed order: here every second time in the other one.
func (s *Server) connect(o *call, channels []*channel) {
	if channels == nil {
		s.originated(o, nil)
		return
	}
	s.up(channels...)
	for _, ch := range channels[1:] { // the other half of a Local channel
		s.extension(ch, ch.exten, ch.context)
	}
	ch := channels[0]
	run := func() {
		switch {
		case o.application != "":
			s.execute(ch, o.application, o.data, nil)
		case o.exten != "":
			s.extension(ch, o.exten, o.context)
		default:
			s.extension(ch, ch.exten, ch.context)
		}
	}
	s.mu.Lock()
	s.originates++
	late := s.originates%2 == 0
	s.mu.Unlock()
	if !late {
		run()
	}
	if o.async {
		s.originated(o, ch)
	}
	if late {
		run()
	}
}

// originated raises OriginateResponse. ch is nil for a call that failed.
func (s *Server) originated(o *call, ch *channel) {
	response, name, reason, uniqueid := "Failure", o.channel, "0", orDefault(o.uniqueid, "<unknown>")
	if ch != nil {
		response, name, reason, uniqueid = "Success", ch.name, "4", ch.uniqueid
	}
	var headers []Header
	if o.id != "" {
		headers = []Header{{"ActionID", o.id}}
	}
	headers = append(headers, Header{"Response", response}, Header{"Channel", name})
	if o.application != "" {
		headers = append(headers, Header{"Application", o.application}, Header{"Data", o.data})
	} else {
		headers = append(headers, Header{"Context", o.context}, Header{"Exten", o.exten})
	}
	number, callerName := o.caller()
	s.emit("OriginateResponse", classCall, append(headers, Header{"Reason", reason}, Header{"Uniqueid", uniqueid},
		Header{"CallerIDNum", orDefault(number, "<unknown>")}, Header{"CallerIDName", orDefault(callerName, "<unknown>")}))
}

// isTrue tells whether a text means yes (main/utils.c: ast_true).
func isTrue(text string) bool {
	return slices.Contains([]string{"yes", "true", "y", "t", "1", "on"}, strings.ToLower(text))
}

// startsNumber tells whether sscanf with %d finds a number.
func startsNumber(text string) bool {
	text = strings.TrimLeft(strings.TrimSpace(text), "+-")
	return text != "" && text[0] >= '0' && text[0] <= '9'
}

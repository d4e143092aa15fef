package amisim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// action is an entry of the server's list of actions: its line in ListCommands, who may run it (any of the classes; 0 is
// everybody), and what it does.
type action struct {
	name, summary string
	needs         class
	module        bool               // provided by a module: unknown while the server boots
	in            func(Version) bool // the versions that have it; nil: all
	run           func(*session, *request)
}

// actions are sorted by name without regard to case, as ListCommands shows them.
func actions() []action {
	return []action{
		{"Challenge", "Generate Challenge for MD5 Auth.", 0, false, nil, (*session).runChallenge},
		{"Command", "Execute Asterisk CLI Command.", classCommand, false, nil, (*session).runCommand},
		{"CoreSettings", "Show PBX core settings (version etc).", classSystem | classReporting, false, nil, (*session).runCoreSettings},
		{"CoreShowChannels", "List currently active channels.", classSystem | classReporting, false, nil, (*session).runCoreShowChannels},
		{"CoreStatus", "Show PBX core status variables.", classSystem | classReporting, false, nil, (*session).runCoreStatus},
		{"DeviceStateList", "List the current known device states.", classCall | classReporting, true, nil, (*session).runDeviceStateList},
		{"Events", "Control Event Flow.", 0, false, nil, (*session).runEvents},
		{"ExtensionStateList", "List the current known extension states.", classCall | classReporting, false, nil, (*session).runExtensionStateList},
		{"Filter", "Dynamically add filters for the current manager session.", classSystem, false, nil, (*session).runFilter},
		{"ListCommands", "List available manager commands.", 0, false, nil, (*session).runListCommands},
		{"Login", "Login Manager.", 0, false, nil, (*session).runLogin},
		{"Logoff", "Logoff Manager.", 0, false, nil, (*session).runLogoff},
		{"MailboxCount", "Check Mailbox Message Count.", classCall | classReporting, false, nil, (*session).runMailboxCount},
		{"MailboxStatus", "Check mailbox.", classCall | classReporting, false, nil, (*session).runMailboxStatus},
		{"ModuleCheck", "Check if module is loaded.", classSystem, false, nil, (*session).runModuleCheck},
		{"MWIDelete", "Delete selected mailboxes.", classCall, true, mwiExternal, (*session).runMWIDelete},
		{"MWIGet", "Get selected mailboxes with message counts.", classCall | classReporting, true, mwiExternal, (*session).runMWIGet},
		{"MWIUpdate", "Update the mailbox message counts.", classCall, true, mwiExternal, (*session).runMWIUpdate},
		{"Originate", "Originate a call.", classOriginate, false, nil, (*session).runOriginate},
		{"Ping", "Keepalive command.", 0, false, nil, (*session).runPing},
		{"PJSIPNotify", "Send a NOTIFY to either an endpoint, an arbitrary URI, or inside a SIP dialog.", classSystem, true, nil, (*session).runPJSIPNotify},
		{"PJSIPQualify", "Qualify a chan_pjsip endpoint.", classSystem | classReporting, true, nil, (*session).runPJSIPQualify},
		{"PJSIPShowContacts", "Lists PJSIP Contacts.", classSystem, true, nil, (*session).runPJSIPShowContacts},
		{"PJSIPShowEndpoint", "Detail listing of an endpoint and its objects.", classSystem, true, nil, (*session).runPJSIPShowEndpoint},
		{"PJSIPShowEndpoints", "Lists PJSIP endpoints.", classSystem, true, nil, (*session).runPJSIPShowEndpoints},
		{"PJSIPShowRegistrationInboundContactStatuses", "Lists ContactStatuses for PJSIP inbound registrations.", classSystem, true, nil, (*session).runPJSIPShowRegistrationInboundContactStatuses},
		{"Reload", "Send a reload event.", classSystem | classConfig, false, nil, (*session).runReload},
		{"SIPnotify", "Send a SIP notify.", classSystem, true, chanSIP, (*session).runSIPnotify},
		{"SIPpeers", "List SIP peers (text format).", classSystem | classReporting, true, chanSIP, (*session).runSIPpeers},
		{"SIPshowpeer", "show SIP peer (text format).", classSystem | classReporting, true, chanSIP, (*session).runSIPshowpeer},
		{"UserEvent", "Send an arbitrary event.", classUser, false, nil, (*session).runUserEvent},
		{"VoicemailRefresh", "Tell Asterisk to poll mailboxes for a change", classUser, true, appVoicemail, (*session).runVoicemailRefresh},
		{"VoicemailUsersList", "List All Voicemail User Information.", classCall | classReporting, true, appVoicemail, (*session).runVoicemailUsersList},
		{"VoicemailUserStatus", "Show the status of given voicemail user's info.", classCall | classReporting, true, appVoicemail, (*session).runVoicemailUserStatus},
	}
}

func chanSIP(v Version) bool      { return v.ChanSIP }
func appVoicemail(v Version) bool { return v.Voicemail == AppVoicemail }
func mwiExternal(v Version) bool  { return v.Voicemail == MWIExternal }

// byName returns the actions of a version by their names in lower case.
func (v Version) byName() map[string]action {
	m := make(map[string]action)
	for _, a := range actions() {
		if a.in == nil || a.in(v) {
			m[strings.ToLower(a.name)] = a
		}
	}
	return m
}

// find returns an action that the server knows at present.
func (s *Server) find(name string) (action, bool) {
	a, ok := s.actions[strings.ToLower(name)]
	if a.module {
		s.mu.Lock()
		defer s.mu.Unlock()
		return a, ok && !s.booting
	}
	return a, ok
}

// run runs one message (main/manager.c: process_message).
func (c *session) run(r *request) {
	name := r.action()
	if name == "" {
		c.fail(r, "Missing action in request")
		return
	}
	if c.server.isStopping() {
		c.fail(r, "Asterisk is shutting down")
		return
	}
	a, known := c.server.find(name)
	if c.account() == nil && a.name != "Login" && a.name != "Challenge" && a.name != "Logoff" {
		c.fail(r, "Permission denied")
		return
	}
	switch {
	case !known:
		c.fail(r, "Invalid/unknown command: "+name+". Use Action: ListCommands to show available commands.")
	case a.needs != 0 && a.needs&c.writes == 0:
		c.fail(r, "Permission denied")
	default:
		c.strike(a, r)
	}
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

func (c *session) runPing(r *request) {
	now := time.Now()
	c.respond(r, "Success")
	c.put("Ping", "Pong")
	c.put("Timestamp", fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1000))
	c.blank()
}

func (c *session) runListCommands(r *request) {
	c.respond(r, "Success")
	for _, a := range actions() {
		if _, known := c.server.find(a.name); known && (a.needs == 0 || a.needs&c.writes != 0) {
			c.put(a.name, a.summary+"  (Priv: "+a.needs.String()+")")
		}
	}
	c.blank()
}

// main/manager.c: action_coresettings, with its buffer of 150 bytes for the ActionID line.
func (c *session) runCoreSettings(r *request) {
	v := c.server.config.Version
	c.put("Response", "Success")
	c.cutActionID(r, 139)
	for _, h := range []Header{
		{"AMIversion", v.AMI}, {"AsteriskVersion", v.Asterisk}, {"SystemName", ""}, {"CoreMaxCalls", "0"},
		{"CoreMaxLoadAvg", "0.000000"}, {"CoreRunUser", ""}, {"CoreRunGroup", ""}, {"CoreMaxFilehandles", "0"},
		{"CoreRealTimeEnabled", "No"}, {"CoreCDRenabled", "Yes"}, {"CoreHTTPenabled", "No"},
	} {
		c.put(h.Name, h.Value)
	}
	if v.Major22 {
		c.put("SoundsSearchCustomDir", "No")
	}
	c.blank()
}

func (c *session) runCoreStatus(r *request) {
	c.server.mu.Lock()
	started, reloaded, current, processed := c.server.started, c.server.reloaded, len(c.server.channels), c.server.processed
	c.server.mu.Unlock()
	c.put("Response", "Success")
	c.cutActionID(r, 139)
	c.put("CoreStartupDate", started.Format(time.DateOnly))
	c.put("CoreStartupTime", started.Format(time.TimeOnly))
	c.put("CoreReloadDate", reloaded.Format(time.DateOnly))
	c.put("CoreReloadTime", reloaded.Format(time.TimeOnly))
	c.put("CoreCurrentCalls", strconv.Itoa(current)) // channels, whatever it is called
	if c.server.config.Version.Major22 {
		c.put("CoreProcessedCalls", strconv.Itoa(processed))
	}
	c.blank()
}

// startList begins a list answer, item one event of it, and endList its end; the events of a list are written in one
// piece with the answer.
func (c *session) startList(r *request, message string) {
	c.respond(r, "Success")
	c.put("EventList", "start")
	c.put("Message", message)
	c.blank()
}

func (c *session) item(r *request, event string, headers []Header) {
	c.put("Event", event)
	if id := r.get("ActionID"); id != "" {
		c.put("ActionID", id)
	}
	for _, h := range headers {
		c.put(h.Name, h.Value)
	}
	c.blank()
}

func (c *session) endList(r *request, event string, items int) {
	c.item(r, event, []Header{{"EventList", "Complete"}, {"ListItems", strconv.Itoa(items)}})
}

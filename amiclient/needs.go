package amiclient

import (
	"strconv"
	"strings"
)

// A need is what a server must have, and its user, for an action.
type need struct {
	class  string // any of these in manager.conf's write; "": every user may
	module string // brings the action; "": Asterisk itself
	since  string // the first version that has it, if that may be too new for a server in use
	gone   int    // the first major version without it; 0: none yet
	note   string // what else to know
}

// needs has what each action of this package needs, by its name in lower case
// (the classes of main/manager.c: ast_manager_register_core and of the modules).
var needs = map[string]need{
	"challenge":    {},
	"login":        {},
	"logoff":       {},
	"ping":         {},
	"events":       {},
	"listcommands": {},

	"filter":             {class: "system"},
	"modulecheck":        {class: "system"},
	"reload":             {class: "config or system"},
	"coresettings":       {class: "system or reporting"},
	"corestatus":         {class: "system or reporting"},
	"coreshowchannels":   {class: "system or reporting"},
	"command":            {class: "command"},
	"originate":          {class: "originate"},
	"userevent":          {class: "user"},
	"devicestatelist":    {class: "call or reporting", module: "res_manager_devicestate.so", since: "13"},
	"extensionstatelist": {class: "call or reporting", since: "13"},

	"pjsipnotify":         {class: "system", module: "res_pjsip_notify.so", note: "it loads only if pjsip_notify.conf exists"},
	"pjsipshowendpoint":   {class: "system", module: "res_pjsip.so"},
	"pjsipshowendpoints":  {class: "system", module: "res_pjsip.so"},
	"pjsipshowcontacts":   {class: "system", module: "res_pjsip.so", since: "16"},
	"pjsipshowaors":       {class: "system", module: "res_pjsip.so", since: "16"},
	"pjsipqualify":        {class: "system or reporting", module: "res_pjsip.so"},
	"pjsipshowauths":      {class: "system", module: "res_pjsip.so", since: "16"},
	"mailboxstatus":       {class: "call or reporting"},
	"mailboxcount":        {class: "call or reporting"},
	"voicemailuserslist":  {class: "call or reporting", module: "app_voicemail.so"},
	"voicemailuserstatus": {class: "call or reporting", module: "app_voicemail.so", since: "16"},
	"voicemailrefresh":    {class: "user", module: "app_voicemail.so", since: "12"},

	"pjsipshowregistrationinboundcontactstatuses": {class: "system", module: "res_pjsip_registrar.so", since: "13.17 or 14.6"},
	"pjsipshowregistrationsinbound":               {class: "system", module: "res_pjsip_registrar.so"},

	"mwiupdate": {class: "call", module: "res_mwi_external_ami.so", since: "12.1", note: notBuilt},
	"mwidelete": {class: "call", module: "res_mwi_external_ami.so", since: "12.1", note: notBuilt},
	"mwiget":    {class: "call or reporting", module: "res_mwi_external_ami.so", since: "12.1", note: notBuilt},

	"sipnotify":       {class: "system", module: "chan_sip.so", gone: 21, note: "use PJSIP targets"},
	"sippeers":        {class: "system or reporting", module: "chan_sip.so", gone: 21},
	"sipshowpeer":     {class: "system or reporting", module: "chan_sip.so", gone: 21},
	"sippeerstatus":   {class: "system", module: "chan_sip.so", gone: 21},
	"sipqualifypeer":  {class: "system or reporting", module: "chan_sip.so", gone: 21},
	"sipshowregistry": {class: "system or reporting", module: "chan_sip.so", gone: 21},
}

const notBuilt = "most packages leave it out, and it excludes app_voicemail.so"

// remarks tells which versions have the action, and what else to know.
func (n need) remarks() string {
	var remarks []string
	if n.gone != 0 {
		remarks = append(remarks, "removed in Asterisk "+strconv.Itoa(n.gone))
	}
	if n.since != "" {
		remarks = append(remarks, "Asterisk "+n.since+" or later")
	}
	if n.note != "" {
		remarks = append(remarks, n.note)
	}
	return strings.Join(remarks, "; ")
}

// asteriskMajor returns the major version of Asterisk that speaks this AMI
// version, or 0 if it is older than 14 or not known (include/asterisk/manager.h:
// AMI_VERSION, of which each major version since 14 has the next).
func asteriskMajor(ami string) int {
	major, _, _ := strings.Cut(ami, ".")
	if n, err := strconv.Atoi(major); err == nil && n >= 3 {
		return n + 11
	}
	return 0
}

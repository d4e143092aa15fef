package amiclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// What servers of several versions answer to the questions about their arguments.
const (
	wantsOption   = "PJSIPNotify requires either an Option or Variable(s).You must use only one of them."
	noChannel     = "Channel not found"
	wantsURI      = "PJSIPNotify requires either an endpoint name or a SIP URI."
	wantsEndpoint = "PJSIPNotify requires an endpoint name"
	noCallID      = "Call-ID not found"
	noAddress     = "Could not create address"
)

// expectPJSIPNotify reads the question about PJSIPNotify, which must say nothing
// and name no channel there can be.
func expectPJSIPNotify(t *testing.T, d *amitest.Dialogue) amitest.Action {
	probe := d.Expect("Action: PJSIPNotify")
	if len(probe.Lines) != 3 || !strings.HasPrefix(probe.Get("Channel"), "PJSIP/notifyrun-") {
		t.Errorf("the probe is %q", probe.Lines)
	}
	return probe
}

// expectSIPnotify reads the question about SIPnotify, which must say nothing and
// name no Call-ID, peer or host there can be.
func expectSIPnotify(t *testing.T, d *amitest.Dialogue) amitest.Action {
	probe := d.Expect("Action: SIPnotify")
	if channel := probe.Get("Channel"); len(probe.Lines) != 4 || len(channel) != 30 || strings.Trim(channel, "0123456789") != "" || !strings.HasPrefix(probe.Get("Call-ID"), "notifyrun-") {
		t.Errorf("the probe is %q", probe.Lines)
	}
	return probe
}

// errField stands for an error that is a *FieldError.
var errField = errors.New("field")

func isError(err, want error) bool {
	var field *amiclient.FieldError
	return errors.Is(err, want) || want == errField && errors.As(err, &field)
}

// An argument goes to no server that would take it for something else.
func TestConn_arguments(t *testing.T) {
	option := amiclient.PJSIPNotify{Endpoint: "1001", Option: "reboot"}.Action()
	callID := amiclient.SIPNotify{Channel: "1001", CallID: "abc@192.0.2.1", Variables: []amiclient.Variable{{Name: "Event", Value: "talk"}}}.Action()
	for _, test := range []struct {
		name   string
		action amiclient.Action
		answer string
		err    error
	}{
		{"Option known", option, wantsOption, nil},
		{"Option unknown", option, noChannel, errField},
		{"Option and Channel unknown", option, wantsURI, errField},
		{"Asterisk 12", option, wantsEndpoint, errField},
		{"Call-ID known", callID, noCallID, nil},
		{"Call-ID unknown", callID, noAddress, errField},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				expect := expectPJSIPNotify
				if test.action.Name == "SIPnotify" {
					expect = expectSIPnotify
				}
				d.Error(expect(t, d), test.answer)
				for range 2 {
					if test.err == nil {
						d.Answer(d.Expect("Action: "+test.action.Name, test.action.Headers[1].Name+": "+test.action.Headers[1].Value), "sent")
					}
				}
				d.ExpectClose()
			})
			for range 2 {
				if _, err := c.Do(t.Context(), test.action); !isError(err, test.err) {
					t.Errorf("error %v", err)
				}
			}
			c.Close()
		})
	}
	bubble(t, "nothing learnt", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Error(expectPJSIPNotify(t, d), "Unable to push NOTIFY task")
			d.Answer(expectPJSIPNotify(t, d), "NOTIFY sent")
			d.Error(expectPJSIPNotify(t, d), wantsOption)
			d.Answer(d.Expect("Action: PJSIPNotify", "Option: reboot"), "NOTIFY sent")
			d.Close()
		})
		var unsent *amiclient.ConnError
		for _, want := range []string{"Unable to push", `"NOTIFY sent" to a question`} {
			if _, err := c.Do(t.Context(), option); !errors.As(err, &unsent) || unsent.Written || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v", err)
			}
		}
		if _, err := c.Do(t.Context(), option); err != nil {
			t.Error(err)
		}
		<-c.Done()
		if _, err := c.Do(t.Context(), callID); !errors.As(err, &unsent) || unsent.Written {
			t.Errorf("on a broken connection: %v", err)
		}
	})
}

func TestConn_Capabilities(t *testing.T) {
	const commands = "Response: Success⏎ActionID: {id}⏎PJSIPNotify: Send a NOTIFY to an endpoint.  (Priv: system,all)⏎SIPnotify: x  (Priv: system,all)⏎" +
		"Command: x  (Priv: command,all)⏎UserEvent: Send an arbitrary event.  (Priv: user,all)⏎⏎"
	for _, test := range []struct {
		name, pjsip, sip, command string
		want                      amiclient.Capabilities
	}{
		{"22", wantsOption, noCallID, "Response: Success⏎ActionID: {id}⏎Message: Command output follows⏎Output: System uptime: 1 day⏎⏎",
			amiclient.Capabilities{NotifyOption: true, NotifyChannel: true, NotifyCallID: true, CommandOutput: true}},
		{"16", noChannel, noCallID, "Response: Error⏎ActionID: {id}⏎Message: Command output follows⏎Output: No such command⏎⏎",
			amiclient.Capabilities{NotifyChannel: true, NotifyCallID: true, CommandOutput: true}},
		{"13", wantsURI, noAddress, "Response: Follows⏎Privilege: Command⏎ActionID: {id}⏎System uptime: 1 day␊--END COMMAND--⏎⏎", amiclient.Capabilities{}},
		{"words never heard", "Kaputt", "Kaputt", "Response: Error⏎ActionID: {id}⏎Message: Kaputt⏎⏎", amiclient.Capabilities{}},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				for round := range 2 {
					d.Expect("Action: ListCommands")
					d.Send(commands)
					d.Expect("Action: CoreSettings")
					d.Send("Response: Success⏎ActionID: {id}⏎AMIversion: 11.0.0⏎AsteriskVersion: 22.10.1+dfsg⏎⏎")
					if round > 0 && test.pjsip != "Kaputt" {
						break // it is known
					}
					d.Error(expectPJSIPNotify(t, d), test.pjsip)
					d.Error(expectSIPnotify(t, d), test.sip)
					d.Expect("Action: Command", "Command: core show uptime")
					d.Send(test.command)
				}
				d.ExpectClose()
			})
			for range 2 {
				got, err := c.Capabilities(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got.AMIVersion != "11.0.0" || got.AsteriskVersion != "22.10.1+dfsg" || got.NotifyOption != test.want.NotifyOption || got.NotifyChannel != test.want.NotifyChannel ||
					got.NotifyCallID != test.want.NotifyCallID || got.CommandOutput != test.want.CommandOutput || len(got.Actions) != 4 ||
					got.Actions["userevent"] != "Send an arbitrary event." || !got.Has("pjsipnotify") || !got.Has("UserEvent") || got.Has("Originate") {
					t.Errorf("%+v", got)
				}
			}
			c.Close()
		})
	}
}

func TestCapabilities_Missing(t *testing.T) {
	on := func(ami, version string) *amiclient.Capabilities {
		return &amiclient.Capabilities{AMIVersion: ami, AsteriskVersion: version, Actions: map[string]string{"ping": "", "sipnotify": ""}}
	}
	for _, test := range []struct {
		on           *amiclient.Capabilities
		action, want string
	}{
		{on("11.0.0", "22.10.1"), "Ping", ""},
		{on("11.0.0", "22.10.1"), "SIPnotify", ""}, // of a distribution of its own
		{on("11.0.0", "22.10.1"), "SIPpeers", "SIPpeers: removed in Asterisk 21, and this server is 22.10.1"},
		{on("10.0.0", ""), "SIPshowpeer", "SIPshowpeer: removed in Asterisk 21, and this server is of AMI version 10.0.0"},
		{on("9.0.0", "20.1"), "SIPpeers", "SIPpeers: this server does not offer it to this user; the user needs write = system or reporting in manager.conf, and the server the module chan_sip.so (removed in Asterisk 21)"},
		{on("2.10.6", "13.1"), "SIPpeers", "SIPpeers: this server does not offer it to this user; the user needs write = system or reporting in manager.conf, and the server the module chan_sip.so (removed in Asterisk 21)"},
		{on("2.10.6", "13.1"), "PJSIPShowContacts", "PJSIPShowContacts: this server does not offer it to this user; the user needs write = system in manager.conf, and the server the module res_pjsip.so (Asterisk 16 or later)"},
		{on("11.0.0", "22.10.1"), "Originate", "Originate: this server does not offer it to this user; the user needs write = originate in manager.conf"},
		{on("11.0.0", "22.10.1"), "MWIUpdate", "MWIUpdate: this server does not offer it to this user; the user needs write = call in manager.conf, and the server the module res_mwi_external_ami.so (Asterisk 12.1 or later; most packages leave it out, and it excludes app_voicemail.so)"},
		{on("11.0.0", "22.10.1"), "QueueAdd", "QueueAdd: this server does not offer it to this user"},
	} {
		err := test.on.Missing(test.action)
		if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%s on AMI %s: %v", test.action, test.on.AMIVersion, err)
		}
	}
}

package amiclient_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// An Option goes to no server that would send a NOTIFY without Event for it.
func TestConn_option(t *testing.T) {
	option := amiclient.PJSIPNotify{Endpoint: "1001", Option: "reboot"}.Action()
	for _, test := range []struct {
		name, answer string
		sent         bool
	}{
		{"known", "PJSIPNotify requires either an Option or Variable(s).You must use only one of them.", true},
		{"unknown", "Unable to retrieve endpoint notifyrun-x", false},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				probe := d.Expect("Action: PJSIPNotify")
				if len(probe.Lines) != 3 || !strings.HasPrefix(probe.Get("Endpoint"), "notifyrun-") {
					t.Errorf("the probe is %q", probe.Lines)
				}
				d.Error(probe, test.answer)
				if test.sent {
					d.Answer(d.Expect("Action: PJSIPNotify", "Option: reboot"), "NOTIFY sent")
					d.Answer(d.Expect("Action: PJSIPNotify", "Option: reboot"), "NOTIFY sent")
				}
				d.ExpectClose()
			})
			for range 2 {
				_, err := c.Do(t.Context(), option)
				var field *amiclient.FieldError
				if (err == nil) != test.sent || !test.sent && !errors.As(err, &field) {
					t.Errorf("error %v", err)
				}
			}
			c.Close()
		})
	}
}

func TestConn_Capabilities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: ListCommands")
			d.Send("Response: Success⏎ActionID: {id}⏎PJSIPNotify: Send a NOTIFY to an endpoint. (Priv: system,all)⏎UserEvent: Send an arbitrary event. (Priv: user,all)⏎⏎")
			d.Expect("Action: CoreSettings")
			d.Send("Response: Success⏎ActionID: {id}⏎AMIversion: 11.0.0⏎AsteriskVersion: 22.10.1+dfsg⏎⏎")
			d.Error(d.Expect("Action: PJSIPNotify"), "PJSIPNotify requires either an Option or Variable(s).You must use only one of them.")
			d.ExpectClose()
		})
		got, err := c.Capabilities(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.AMIVersion != "11.0.0" || got.AsteriskVersion != "22.10.1+dfsg" || !got.NotifyOption || len(got.Actions) != 2 ||
			!got.Has("pjsipnotify") || !got.Has("UserEvent") || got.Has("SIPnotify") {
			t.Errorf("%+v", got)
		}
		c.Close()
	})
}

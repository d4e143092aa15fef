package amiclient_test

import (
	"errors"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestOriginate(t *testing.T) {
	const hold = "Local/hold@default/n"
	for _, test := range []struct {
		dialogue string
		call     amiclient.Originate
		err      error
	}{
		{"originate-22", amiclient.Originate{Channel: hold, Application: "UserEvent", Data: "Reboot,Phone: 101,Site:hq", Async: true}, nil},
		{"originate-16", amiclient.Originate{Channel: hold, Application: "UserEvent", Data: "Reboot"}, nil},
		{"originate-16", amiclient.Originate{Channel: hold, Context: "default", Exten: "say", Async: true}, nil},
		{"originate-errors-16", amiclient.Originate{Channel: "Local/nope@default/n", Application: "UserEvent", Data: "Reboot"}, amiclient.ErrCallFailed},
		{"originate-errors-22", amiclient.Originate{Channel: "Local/nope@default/n", Application: "UserEvent", Data: "Reboot"}, amiclient.ErrCallFailed},
		{"originate-screened-16", amiclient.Originate{Channel: hold, Application: "System", Data: "true", Async: true}, amiclient.ErrPermission},
		{"originate-screened-22", amiclient.Originate{Channel: hold, Application: "UserEvent", Data: "Reboot,A:PROFILE", Async: true}, amiclient.ErrPermission},
	} {
		bubble(t, test.dialogue, func(t *testing.T) {
			m, err := test.call.Do(t.Context(), replay(t, test.dialogue))
			if !errors.Is(err, test.err) || err == nil && (m.Get("ActionID") == "" || m.Get("Message") != "Originate successfully queued") {
				t.Errorf("%v, %v", m, err)
			}
		})
	}
}

func TestOriginate_Action(t *testing.T) {
	bubble(t, "every field", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			a := d.Expect("Action: Originate", "Channel: PJSIP/1001", "Exten: 100", "Context: phones", "Priority: 1", "Timeout: 1500", `CallerID: "A" <1>`, "Account: x",
				"Codecs: ulaw,alaw", "EarlyMedia: true", "ChannelId: a", "OtherChannelId: b", "Async: true", `Variable: V=a\,b`, "Variable: W=1")
			if len(a.Lines) != 16 {
				t.Errorf("%q", a.Lines)
			}
			d.Answer(a, "Originate successfully queued")
			d.Wait()
		})
		_, err := amiclient.Originate{
			Channel: "PJSIP/1001", Exten: "100", Context: "phones", Timeout: 1500 * time.Millisecond, CallerID: `"A" <1>`, Account: "x", Codecs: []string{"ulaw", "alaw"},
			EarlyMedia: true, ChannelID: "a", OtherChannelID: "b", Async: true, Variables: []amiclient.Variable{{Name: "V", Value: "a,b"}, {Name: "W", Value: "1"}},
		}.Do(t.Context(), c)
		if err != nil {
			t.Error(err)
		}
	})
}

func TestOriginate_refused(t *testing.T) {
	for name, call := range map[string]amiclient.Originate{
		"both":             {Channel: "PJSIP/1", Application: "Wait", Exten: "1", Context: "c"},
		"data for nothing": {Channel: "PJSIP/1", Data: "1", Exten: "1", Context: "c"},
		"no time":          {Channel: "PJSIP/1", Application: "Wait", Timeout: time.Microsecond},
		"negative time":    {Channel: "PJSIP/1", Application: "Wait", Timeout: -time.Second},
		"two lines":        {Channel: "PJSIP/1\r\nAction: Ping", Application: "Wait"},
		"no driver":        {Channel: "s@notify", Application: "Wait"},
		"odd driver":       {Channel: "Lo cal/s@notify", Application: "Wait"},
		"nameless driver":  {Channel: "/s@notify", Application: "Wait"},
		"nothing to dial":  {Channel: "Local/", Application: "Wait"},
		"a tab":            {Channel: "Local/s\t@notify", Application: "Wait"},
		"a C1 control":     {Channel: "Local/s\u0085@notify", Application: "Wait"},
	} {
		var field *amiclient.FieldError
		if err := call.Action().Check(); !errors.As(err, &field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

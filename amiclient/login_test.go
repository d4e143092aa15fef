package amiclient_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestLogin(t *testing.T) {
	const accepted = "Response: Success⏎ActionID: {id}⏎Message: Already authenticated⏎⏎"
	for _, test := range []struct {
		name   string
		login  amiclient.Login
		script amitest.Script
		err    error
	}{
		{"MD5", amiclient.Login{Username: "u", Secret: "s3cret"}, func(d *amitest.Dialogue) {
			d.Expect("Action: Challenge", "AuthType: MD5")
			d.Send("Response: Success⏎ActionID: {id}⏎Challenge: 183070246⏎⏎")
			if a := d.Expect("Action: Login", "Username: u", "AuthType: MD5", "Key: "+key("183070246", "s3cret")); len(a.Lines) != 5 {
				t.Errorf("login %q", a.Lines)
			}
			d.Send(accepted)
		}, nil},
		{"known challenge", amiclient.Login{Username: "u", Secret: "s3cret", Challenge: "7", Events: "off"}, func(d *amitest.Dialogue) {
			d.Expect("Action: Login", "Key: "+key("7", "s3cret"), "Events: off")
			d.Send(accepted)
		}, nil},
		{"plain", amiclient.Login{Username: "u", Secret: "s3cret", Plain: true}, func(d *amitest.Dialogue) {
			if a := d.Expect("Action: Login", "Username: u", "Secret: s3cret"); len(a.Lines) != 4 {
				t.Errorf("login %q", a.Lines)
			}
			d.Send(accepted)
		}, nil},
		{"no challenge in the answer", amiclient.Login{Username: "u", Secret: "s3cret"}, func(d *amitest.Dialogue) {
			d.Answer(d.Expect("Action: Challenge"), "")
		}, amiclient.ErrProtocol},
		{"refused", amiclient.Login{Username: "u", Secret: "s3cret", Plain: true}, func(d *amitest.Dialogue) {
			d.Error(d.Expect("Action: Login"), "Authentication failed")
		}, amiclient.ErrAuth},
	} {
		bubble(t, test.name, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) { test.script(d); d.ExpectClose() })
			if err := test.login.Do(t.Context(), c); !errors.Is(err, test.err) {
				t.Errorf("error %v", err)
			}
			c.Close()
		})
	}
}

func TestLogoff(t *testing.T) {
	bubble(t, "22", func(t *testing.T) {
		if err := (amiclient.Logoff{}).Do(t.Context(), replay(t, "login-22")); err != nil {
			t.Error(err)
		}
	})
}

// Neither a Login nor the Action made of it shows the secret, however printed.
func TestLogin_noSecret(t *testing.T) {
	const canary = "s3cr3tcanary"
	login := amiclient.Login{Username: "u", Secret: canary, Plain: true}
	action := login.Action()
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "login", login, "pointer", &login, "action", action, "pointer", &action)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "login", login, "pointer", &login, "action", action, "pointer", &action)
	type both struct {
		L amiclient.Login
		A amiclient.Action
	}
	for _, v := range []any{login, &login, action, &action, both{login, action}, []any{login, action}, map[string]any{"l": login, "a": action}} {
		log.WriteString(fmt.Sprint(v) + fmt.Sprintf("%v %+v %#v %s %q", v, v, v, v, v))
	}
	if strings.Contains(log.String(), canary) || !strings.Contains(log.String(), "Login") {
		t.Errorf("the secret shows in %s", log.String())
	}
	if got := fmt.Sprint(amiclient.Action{Name: "\x1b[31m"}); strings.Contains(got, "\x1b") {
		t.Errorf("an action prints as %q", got)
	}
}

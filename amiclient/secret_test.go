package amiclient_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
)

// However they are printed or logged, what holds a secret shows none, nor a
// control character.
func TestSecrets(t *testing.T) {
	const secret = "canary"
	cfg := amiclient.Config{Address: "pbx\x1b[31m:5038", Username: "u\x1b[31m", Secret: secret}
	login := amiclient.Login{Username: "u\x1b[31m", Secret: secret, Plain: true}
	for name, v := range map[string]any{
		"config": cfg, "config inside": struct{ C amiclient.Config }{cfg}, "client": amiclient.NewClient(cfg),
		"login": login, "login inside": struct{ L amiclient.Login }{login},
		"action": login.Action(), "action inside": struct{ A amiclient.Action }{login.Action()},
		"message": amiclient.NewMessage(amiclient.Header{Name: "Response", Value: "\x1b[31m"}, amiclient.Header{Name: "Secret", Value: secret}),
		"result":  amiclient.Contact{}, // of an action that failed
	} {
		var shown bytes.Buffer
		fmt.Fprintf(&shown, "%v %+v %#v %s", v, v, v, v)
		text, _ := json.Marshal(v) // it may refuse
		shown.Write(text)
		slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "v", v)
		if s := shown.String(); strings.Contains(s, secret) || strings.ContainsAny(s, "\x1b\r") || strings.Contains(s, "PANIC") {
			t.Errorf("%s is shown as %q", name, s)
		}
	}
}

package amitest

import (
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// FuzzHarm looks for a NOTIFY that passes the client's check and would crash a real Asterisk, or make it send its memory
// to a phone, or reaches the phone without its one Event. The judge is the simulator, which takes Variable headers apart
// by itself.
func FuzzHarm(f *testing.F) {
	for _, variable := range []string{
		"Content-type=text", "Content-type=text/plain", "cOnTENT-tYPE=te\\xt", `"Content-type"=text`, `Content\-type=text`, `Content-type"="text`,
		`X=1,Content-type=text`, `X="1,2",Content-type=text`, `X=(1,Content-type=text`, `X=1\,Content-type=text`, `X=[1],Content-type=text`,
		"Content-type=text/plain,Content-type=text", "Content-type=", "Content-type", "Content=a", "Content-type=text/plain,Content=a",
		"Content-type=text,Content=a/b", " Content-type=text", "Content-type =text", "X=)]\",Content-type=text", "Event=second", "",
		strings.Repeat("a=1,", 62) + "b=1,Content-type=text", strings.Repeat("a=1,", 63) + "Content-type=text",
	} {
		f.Add("Event=x", variable)
		f.Add(variable, "Event=x")
		f.Add("Event=x,Content=a", variable)
	}
	s, err := amisim.Start(amisim.Config{Version: amisim.Asterisk16, Keep: 1, Phones: []amisim.Phone{{Name: "1001"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	user := s.Users()[0]
	conn, err := amiclient.Dial(f.Context(), amiclient.Config{Address: s.Addr(), Username: user.Name, Secret: user.Secret})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { conn.Close() })
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, a := range []amiclient.Action{
			{Name: "PJSIPNotify", Headers: []amiclient.Header{{Name: "Endpoint", Value: "1001"}, {Name: "Variable", Value: first}, {Name: "Variable", Value: second}}},
			{Name: "SIPnotify", Headers: []amiclient.Header{{Name: "Variable", Value: first}, {Name: "Channel", Value: "1001"}, {Name: "variable", Value: second}}},
		} {
			if a.Check() != nil {
				continue
			}
			before := s.Count()
			if _, err := conn.Do(t.Context(), a); err != nil {
				t.Fatalf("%s: %v", a.Name, err)
			}
			if crashes := s.Crashes(); len(crashes) > 0 {
				t.Fatalf("%s: %+v", a.Name, crashes)
			}
			if s.Count() != before+1 {
				t.Fatalf("%s: %d NOTIFYs arrived, want 1", a.Name, s.Count()-before)
			}
			last := s.Notifies()[0]
			events := 0
			for _, h := range last.Headers() {
				if strings.EqualFold(h.Name, "Event") {
					events++
				}
			}
			if events != 1 {
				t.Fatalf("%s: the phone got %d Event headers: %q", a.Name, events, last.Headers())
			}
		}
	})
}

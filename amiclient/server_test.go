package amiclient_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// The answers of these tests are those of the real servers; what changes with
// each recording is compared with its text.
func TestPing(t *testing.T) {
	bubble(t, "22", func(t *testing.T) {
		pong, err := amiclient.Ping{}.Do(t.Context(), replay(t, "core-22"))
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%d.%06d", pong.Time.Unix(), pong.Time.Nanosecond()/1000); text != pong.Get("Timestamp") || pong.Time.IsZero() {
			t.Errorf("%s is not %s", text, pong.Get("Timestamp"))
		}
	})
	for _, timestamp := range []string{"", "x", "1.x", "1.-5", "99999999999999999999", "-"} {
		bubble(t, fmt.Sprintf("timestamp %q", timestamp), func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				d.Expect("Action: Ping")
				d.Send("Response: Success⏎ActionID: {id}⏎Ping: Pong⏎Timestamp: " + timestamp + "⏎⏎")
				d.Wait()
			})
			if pong, err := (amiclient.Ping{}).Do(t.Context(), c); err != nil || !pong.Time.IsZero() || pong.Get("Timestamp") != timestamp {
				t.Errorf("%v, %v", pong.Time, err)
			}
		})
	}
}

func TestCoreSettings(t *testing.T) {
	for name, version := range map[string]string{"core-16": "16.28.0~dfsg-0+deb11u4", "core-22": "22.10.1+dfsg+~cs6.17.60671434-1"} {
		bubble(t, name, func(t *testing.T) {
			s, err := amiclient.CoreSettings{}.Do(t.Context(), replay(t, name))
			if err != nil || s.AsteriskVersion != version || s.AMIVersion == "" || !s.CDR || s.HTTP || s.Realtime || s.MaxCalls != 0 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

func TestCoreStatus(t *testing.T) {
	for _, name := range []string{"channels-16", "channels-22"} {
		bubble(t, name, func(t *testing.T) {
			s, err := amiclient.CoreStatus{}.Do(t.Context(), replay(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if text := s.Started.Format("2006-01-02 15:04:05 MST"); text != s.Get("CoreStartupDate")+" "+s.Get("CoreStartupTime")+" UTC" || !s.Reloaded.Equal(s.Started) {
				t.Errorf("started %s, reloaded %s", text, s.Reloaded)
			}
			if s.Calls != 2 || (s.ProcessedCalls > 0) != (name == "channels-22") {
				t.Errorf("%+v", s)
			}
		})
	}
	bubble(t, "another clock", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: CoreStatus")
			d.Send("Response: Success⏎ActionID: {id}⏎CoreStartupDate: 2026-02-30⏎CoreStartupTime: 02:04:05⏎CoreReloadDate: 2026-11-22⏎CoreReloadTime: 02:04:05⏎CoreCurrentCalls: x⏎⏎")
			d.Wait()
		})
		s, err := amiclient.CoreStatus{}.Do(t.Context(), c)
		if err != nil || !s.Started.IsZero() || !s.Reloaded.Equal(time.Date(2026, 11, 22, 2, 4, 5, 0, time.UTC)) || s.Calls != 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestListCommands(t *testing.T) {
	for _, name := range []string{"listcommands-16", "listcommands-22"} {
		bubble(t, name, func(t *testing.T) {
			commands, err := amiclient.ListCommands{}.Do(t.Context(), replay(t, name))
			if err != nil || len(commands) < 70 {
				t.Fatalf("%d commands, %v", len(commands), err)
			}
			for want, classes := range map[string]string{"Ping": "[]", "UserEvent": "[user]", "CoreStatus": "[system reporting]"} {
				i := slices.IndexFunc(commands, func(c amiclient.ManagerCommand) bool { return c.Name == want })
				if i < 0 || fmt.Sprint(commands[i].Classes) != classes || commands[i].Summary == "" {
					t.Errorf("%s: %+v", want, commands[max(i, 0)])
				}
			}
		})
	}
}

func TestModuleCheck(t *testing.T) {
	bubble(t, "22", func(t *testing.T) {
		c := replay(t, "core-22")
		for module, want := range map[string]bool{"res_pjsip_notify": true, "nope": false} {
			if loaded, err := (amiclient.ModuleCheck{Module: module}).Do(t.Context(), c); loaded != want || err != nil {
				t.Errorf("%s: %v, %v", module, loaded, err)
			}
		}
		c.Close()
		var lost *amiclient.ConnError
		if loaded, err := (amiclient.ModuleCheck{Module: "nope"}).Do(t.Context(), c); loaded || !errors.As(err, &lost) {
			t.Errorf("closed: %v, %v", loaded, err)
		}
	})
}

func TestReload(t *testing.T) {
	for _, name := range []string{"reload-16", "reload-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			for module, want := range map[string]error{"res_pjsip_notify.so": nil, "manager": nil, "nope": amiclient.ErrUnknownModule} {
				if err := (amiclient.Reload{Module: module}).Do(t.Context(), c); !errors.Is(err, want) {
					t.Errorf("%s: %v", module, err)
				}
			}
			var refused *amiclient.ResponseError
			if err := (amiclient.Reload{Module: "app_echo.so"}).Do(t.Context(), c); !errors.As(err, &refused) || refused.Text != "Module does not support reload" {
				t.Errorf("a module that cannot: %v", err)
			}
		})
	}
}

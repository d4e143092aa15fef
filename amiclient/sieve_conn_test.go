package amiclient_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// settings expects the question about the version, and answers it.
func settings(d *amitest.Dialogue, version string) {
	d.Expect("Action: CoreSettings")
	d.Send("Response: Success⏎ActionID: {id}⏎AsteriskVersion: " + version + "⏎⏎")
}

// include expects a filter, and takes it.
func include(d *amitest.Dialogue, pattern string) {
	d.Answer(d.Expect("Action: Filter", "Operation: Add", "Filter: "+pattern), "Success")
}

func TestConfig_FilterEvents(t *testing.T) {
	users, channels := amiclient.Filter{Events: []string{"UserEvent"}}, amiclient.Filter{Events: []string{"Newchannel", "UserEvent", "Shutdown"}, Classes: []string{"user"}}
	subscribe := func(t *testing.T, c *amiclient.Conn, f amiclient.Filter) *amiclient.Subscription {
		t.Helper()
		s, err := c.Subscribe(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	bubble(t, "only ever wider", func(t *testing.T) {
		c := dial(t, amiclient.Config{FilterEvents: true}, func(d *amitest.Dialogue) {
			settings(d, "22.10.1+dfsg")
			include(d, "^Event: (FullyBooted|Shutdown|UserEvent)[[:cntrl:]]")
			mask(d, "user")
			include(d, "^Event: (Newchannel)[[:cntrl:]]")
			include(d, "^Event: ")
			mask(d, "system,call,log,verbose,command,agent,user,config,dtmf,reporting,cdr,dialplan,originate,agi,cc,aoc,test,security,message")
			mask(d, "user")
			d.Wait()
		})
		first := subscribe(t, c, users)
		subscribe(t, c, channels)
		first.Close()
		subscribe(t, c, users) // nothing new
		all := subscribe(t, c, amiclient.Filter{})
		all.Close()
		subscribe(t, c, channels)
		subscribe(t, c, amiclient.Filter{Events: []string{"Hangup"}, Classes: []string{"user"}})
	})
	bubble(t, "all at first", func(t *testing.T) {
		c := dial(t, amiclient.Config{FilterEvents: true}, func(d *amitest.Dialogue) {
			mask(d, "user")
			d.Wait()
		})
		subscribe(t, c, amiclient.Filter{Classes: []string{"user"}})
		subscribe(t, c, users)
	})
	bubble(t, "not asked for", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			mask(d, "user")
			d.Wait()
		})
		subscribe(t, c, users)
	})
	for name, script := range map[string]amitest.Script{
		"no right to see the version": func(d *amitest.Dialogue) { d.Error(d.Expect("Action: CoreSettings"), "Permission denied") },
		"unsafe version":              func(d *amitest.Dialogue) { settings(d, "22.7.0") },
		"version that says nothing":   func(d *amitest.Dialogue) { settings(d, "GIT-master-0123abc") },
		"no right to a filter": func(d *amitest.Dialogue) {
			settings(d, "22.10.1")
			d.Error(d.Expect("Action: Filter"), "Permission denied")
		},
	} {
		bubble(t, name, func(t *testing.T) {
			var log strings.Builder
			cfg := amiclient.Config{FilterEvents: true, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			c := dial(t, cfg, func(d *amitest.Dialogue) {
				script(d)
				mask(d, "user")
				event(d, "a")
				d.Wait()
			})
			s := subscribe(t, c, users)
			wantNext(t, s, "a")
			subscribe(t, c, channels) // it is not asked again
			if n := strings.Count(log.String(), "they are not filtered at the server"); n != 1 || strings.Contains(log.String(), "level=WARN") {
				t.Errorf("the log says so %d times: %s", n, &log)
			}
		})
	}
	bubble(t, "that is not wider when it must be", func(t *testing.T) {
		c := dial(t, amiclient.Config{FilterEvents: true}, func(d *amitest.Dialogue) {
			settings(d, "16.28.0")
			include(d, "^Event: (FullyBooted|Shutdown|UserEvent)[[:cntrl:]]")
			mask(d, "user")
			d.Error(d.Expect("Action: Filter"), "Internal Error. Failed adding filter.")
			event(d, "a")
			include(d, "^Event: (Newchannel)[[:cntrl:]]")
			d.Wait()
		})
		s := subscribe(t, c, users)
		var refused *amiclient.ResponseError
		if _, err := c.Subscribe(t.Context(), channels); !errors.As(err, &refused) {
			t.Errorf("error %v", err)
		}
		wantNext(t, s, "a")
		subscribe(t, c, channels) // tried anew
	})
	bubble(t, "each connection of a client", func(t *testing.T) {
		script := func(end bool) amitest.Script {
			return func(d *amitest.Dialogue) {
				d.Accept()
				settings(d, "22.10.1")
				include(d, "^Event: (FullyBooted|Shutdown|Newchannel|UserEvent)[[:cntrl:]]")
				mask(d, "user")
				d.Answer(d.Expect("Action: Ping"), "")
				if end {
					return
				}
				d.Wait()
			}
		}
		client := amiclient.NewClient(amiclient.Config{Address: "pbx:5038", FilterEvents: true, DialContext: amitest.Dialler(t, script(true), script(false))})
		defer client.Close()
		for _, f := range []amiclient.Filter{users, channels} {
			if _, err := client.Subscribe(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			conn, err := client.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := (amiclient.Ping{}).Do(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
	})
}

package amiclient_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// TestReal: what the scripts claim about Asterisk, Asterisk does.
func TestReal(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{})
			cfg := amiclient.Config{Address: server.Addr, Username: amitest.UserFull, Secret: amitest.Secret}
			c, err := amiclient.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()

			capabilities, err := c.Capabilities(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(capabilities.AsteriskVersion, fmt.Sprint(major)) || capabilities.NotifyOption != (major >= 18) ||
				!capabilities.Has("PJSIPNotify") || !capabilities.Has("Filter") || capabilities.Has("SIPnotify") != server.ChanSIP {
				t.Errorf("capabilities %+v", capabilities)
			}

			for endpoint, want := range map[string]int{amitest.EndpointTwin: 2, amitest.EndpointAbsent: 0, "1001": 1} {
				if n, err := amiclient.Contacts(t.Context(), c, endpoint); n != want || err != nil {
					t.Errorf("Contacts of %s: %d, %v", endpoint, n, err)
				}
			}
			if _, err := amiclient.Contacts(t.Context(), c, "nope"); !errors.Is(err, amiclient.ErrUnknownEndpoint) {
				t.Errorf("Contacts of none: %v", err)
			}
			if all, err := amiclient.AllContacts(t.Context(), c); err != nil || all[amitest.EndpointTwin] != 2 || all[amitest.EndpointAbsent] != 0 || all["1001"] != 1 {
				t.Errorf("AllContacts: %v, %v", all, err)
			}

			if m, err := c.Do(t.Context(), notify); err != nil || m.Get("Message") != "NOTIFY sent" {
				t.Errorf("notify: %v, %v", m, err)
			}
			_, err = c.Do(t.Context(), amiclient.PJSIPNotify{Endpoint: "1001", Option: amitest.NotifyOption}.Action())
			var field *amiclient.FieldError
			if capabilities.NotifyOption && err != nil || !capabilities.NotifyOption && !errors.As(err, &field) {
				t.Errorf("option: %v", err)
			}
			_, err = c.Do(t.Context(), amiclient.SIPNotify{Channel: "SIP/nope", Variables: []amiclient.Variable{{Name: "Event", Value: "a"}}}.Action())
			if server.ChanSIP && !errors.Is(err, amiclient.ErrNoAddress) || !server.ChanSIP && !errors.Is(err, amiclient.ErrUnknownAction) {
				t.Errorf("SIPnotify: %v", err)
			}

			long := amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "a"}, {Name: "Content-Type", Value: "text/plain"}}}
			for i := range 60 {
				long.Variables = append(long.Variables, amiclient.Variable{Name: "Content", Value: strings.Repeat("x", 1+i*16)})
			}
			overTLS := cfg
			overTLS.Address, overTLS.TLS = server.TLSAddr, server.TLS
			if c, err := amiclient.Dial(t.Context(), overTLS); err != nil {
				t.Errorf("TLS: %v", err)
			} else {
				defer c.Close()
				answers := make(chan error, 50)
				for i := range 50 {
					if err := c.Go(t.Context(), fmt.Sprint(i), long.Action(), func(_ *amiclient.Message, err error) { answers <- err }); err != nil {
						t.Fatal(err)
					}
				}
				for range 50 {
					if err := <-answers; err != nil {
						t.Errorf("TLS: %v", err)
					}
				}
			}

			for user, want := range map[string]error{amitest.UserMinimal: nil, amitest.UserNoSystem: amiclient.ErrPermission, amitest.UserNothing: amiclient.ErrPermission} {
				cfg := cfg
				cfg.Username = user
				start := time.Now()
				c, err := amiclient.Dial(t.Context(), cfg)
				if err != nil {
					t.Errorf("%s: %v", user, err)
					continue
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("%s: Dial took %s on a server that has booted", user, took)
				}
				if _, err := c.Do(t.Context(), notify); !errors.Is(err, want) {
					t.Errorf("%s: %v", user, err)
				}
				c.Close()
			}

			testCore(t, server, cfg)

			wrong := cfg
			wrong.Secret = "wrong"
			if _, err := amiclient.Dial(t.Context(), wrong); !errors.Is(err, amiclient.ErrAuth) {
				t.Errorf("wrong secret: %v", err)
			}
		})
	}
}

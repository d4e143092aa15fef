package amiclient_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// testCore: what the types of the core's actions promise, a real server does.
func testCore(t *testing.T, server *amitest.Asterisk, cfg amiclient.Config) {
	ctx := t.Context()
	c, err := amiclient.Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	capabilities, err := c.Capabilities(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !capabilities.NotifyChannel || capabilities.NotifyCallID != server.ChanSIP || !capabilities.CommandOutput || capabilities.NotifyOption != (server.Major >= 18) {
		t.Errorf("capabilities %+v", capabilities)
	}
	if err := capabilities.Missing("SIPnotify"); (err == nil) != server.ChanSIP || err != nil && !strings.Contains(err.Error(), "removed in Asterisk 21, and this server is "+server.Version) {
		t.Errorf("SIPnotify: %v", err)
	}
	intoNothing := amiclient.SIPNotify{Channel: "1001", CallID: "nope@127.0.0.1", Variables: []amiclient.Variable{{Name: "Event", Value: "talk"}}}.Action()
	if _, err := c.Do(ctx, intoNothing); server.ChanSIP && !errors.Is(err, amiclient.ErrNoDialog) || !server.ChanSIP && !errors.Is(err, amiclient.ErrUnknownAction) {
		t.Errorf("SIPnotify into a dialog that does not exist: %v", err)
	}

	if pong, err := (amiclient.Ping{}).Do(ctx, c); err != nil || time.Since(pong.Time).Abs() > time.Hour {
		t.Errorf("Ping: %v, %v", pong.Time, err)
	}
	if settings, err := (amiclient.CoreSettings{}).Do(ctx, c); err != nil || settings.AsteriskVersion != server.Version || settings.AMIVersion != c.Version() {
		t.Errorf("CoreSettings: %+v, %v", settings, err)
	}
	if status, err := (amiclient.CoreStatus{}).Do(ctx, c); err != nil || status.Started.IsZero() || status.Reloaded.Before(status.Started) || status.Calls != 0 {
		t.Errorf("CoreStatus: %+v, %v", status, err)
	}
	if loaded, err := (amiclient.ModuleCheck{Module: "res_pjsip_notify"}).Do(ctx, c); !loaded || err != nil {
		t.Errorf("ModuleCheck: %v, %v", loaded, err)
	}
	if loaded, err := (amiclient.ModuleCheck{Module: "nope"}).Do(ctx, c); loaded || err != nil {
		t.Errorf("ModuleCheck of none: %v, %v", loaded, err)
	}
	if err := (amiclient.Reload{Module: "res_pjsip_notify.so"}).Do(ctx, c); err != nil {
		t.Errorf("Reload: %v", err)
	}
	if err := (amiclient.Reload{Module: "nope"}).Do(ctx, c); !errors.Is(err, amiclient.ErrUnknownModule) {
		t.Errorf("Reload of none: %v", err)
	}
	if output, err := (amiclient.Command{Command: "core show version"}).Do(ctx, c); err != nil || len(output.Lines) != 1 || !strings.Contains(output.Lines[0], server.Version) {
		t.Errorf("Command: %q, %v", output.Lines, err)
	}
	if _, err := (amiclient.Command{Command: "nope"}).Do(ctx, c); err == nil || !strings.Contains(err.Error(), "No such command 'nope'") {
		t.Errorf("Command that is none: %v", err)
	}
	states := indexed(t, amiclient.DeviceStateList{}.List(ctx, c), func(s amiclient.Device) string { return s.Device })
	if states["PJSIP/"+amitest.EndpointAbsent].State != "UNAVAILABLE" {
		t.Errorf("device states %+v", states)
	}
	for _, err := range (amiclient.ExtensionStateList{}).List(ctx, c) {
		if err != nil {
			t.Errorf("ExtensionStateList: %v", err)
		}
	}
	testCalls(t, c)
	testFilters(t, server, cfg)

	if err := (amiclient.Login{Username: cfg.Username, Secret: cfg.Secret}).Do(ctx, c); err != nil {
		t.Errorf("Login: %v", err)
	}
	if err := (amiclient.Events{Classes: []string{"user", "system"}}).Do(ctx, c); err != nil {
		t.Errorf("Events: %v", err)
	}
	if err := (amiclient.Logoff{}).Do(ctx, c); err != nil {
		t.Errorf("Logoff: %v", err)
	}
	<-c.Done()
}

func testCalls(t *testing.T, c *amiclient.Conn) {
	ctx := t.Context()
	events, err := c.Subscribe(ctx, amiclient.Filter{Events: []string{"OriginateResponse", "UserEvent"}})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	const hold = "Local/hold@default/n"
	said, err := amiclient.Originate{Channel: hold, Application: "UserEvent", Data: "Said,Site: hq", Async: true}.Do(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	for saw := 0; saw != 3; {
		m, err := events.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		switch m.Event() {
		case "UserEvent":
			saw |= 1
			if m.Get("UserEvent") != "Said" || m.Get("Site") != "hq" {
				t.Errorf("%v", m.Headers())
			}
		case "OriginateResponse":
			saw |= 2
			if m.Get("ActionID") != said.Get("ActionID") || m.Get("Reason") != "4" {
				t.Errorf("%v", m.Headers())
			}
		}
	}
	if _, err := (amiclient.Originate{Channel: hold, Application: "Wait", Data: "60"}).Do(ctx, c); err != nil {
		t.Errorf("Originate that waits: %v", err)
	}
	channels := indexed(t, amiclient.CoreShowChannels{}.List(ctx, c), func(c amiclient.Channel) string { return c.Name })
	if len(channels) == 0 {
		t.Error("no channels in a call")
	}
	for name, channel := range channels {
		if !strings.HasPrefix(name, "Local/hold@default-") || channel.UniqueID == "" || channel.Context != "default" || channel.Application == "" {
			t.Errorf("channel %+v", channel)
		}
	}
	if _, err := (amiclient.Command{Command: "channel request hangup all"}).Do(ctx, c); err != nil {
		t.Errorf("hang up: %v", err)
	}
	if _, err := (amiclient.Originate{Channel: "Local/nope@default/n", Application: "Wait"}).Do(ctx, c); !errors.Is(err, amiclient.ErrCallFailed) {
		t.Errorf("Originate to nowhere: %v", err)
	}
}

func testFilters(t *testing.T, server *amitest.Asterisk, cfg amiclient.Config) {
	ctx := t.Context()
	c, err := amiclient.Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	events, err := c.Subscribe(ctx, amiclient.Filter{Events: []string{"UserEvent"}})
	if err != nil {
		t.Fatal(err)
	}
	received := func(names ...string) (got []string) {
		for _, name := range names {
			if _, err := (amiclient.UserEvent{Name: name}).Do(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		for {
			m, err := events.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, m.Get("UserEvent"))
			if m.Get("UserEvent") == names[len(names)-1] {
				return got
			}
		}
	}
	for _, name := range []string{"Wanted", "Last"} {
		exact := amiclient.AddFilter{Match: "name(UserEvent),header(UserEvent),method(exact)", Filter: name}
		if err := exact.Do(ctx, c); !isError(err, map[int]error{16: errField, 22: nil}[server.Major]) {
			t.Errorf("filter with criteria: %v", err)
		}
	}
	if server.Major == 16 { // the question about criteria has left nothing that lets other events pass
		for _, filter := range []string{"UserEvent: (Wanted|Last)", "!Not"} {
			if err := (amiclient.AddFilter{Filter: filter}).Do(ctx, c); err != nil {
				t.Errorf("filter: %v", err)
			}
		}
	}
	if got, want := received("Other", "Wanted", "WantedNot", "Last"), []string{"Wanted", "Last"}; !slices.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
	if err := (amiclient.AddFilter{Filter: "("}).Do(ctx, c); err == nil {
		t.Error("a filter that is no expression was taken")
	}
}

package amiclient_test

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// indexed returns the items of a list, by what key makes of them.
func indexed[T any](t *testing.T, list iter.Seq2[T, error], key func(T) string) map[string]T {
	t.Helper()
	items := map[string]T{}
	for item, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		items[key(item)] = item
	}
	return items
}

func TestDeviceStateList(t *testing.T) {
	for _, name := range []string{"devicestates-16", "devicestates-22"} {
		bubble(t, name, func(t *testing.T) {
			states := indexed(t, amiclient.DeviceStateList{}.List(t.Context(), replay(t, name)), func(s amiclient.Device) string { return s.Device })
			if len(states) != 13 || states["PJSIP/1001"].State != "NOT_INUSE" || states["PJSIP/absent"].State != "UNAVAILABLE" {
				t.Errorf("states of %q", slices.Sorted(maps.Keys(states)))
			}
		})
	}
}

func TestExtensionStateList(t *testing.T) {
	byExten := func(s amiclient.Extension) string { return s.Exten }
	for _, name := range []string{"hints-16", "hints-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			states := indexed(t, amiclient.ExtensionStateList{}.List(t.Context(), c), byExten)
			if s := states["dynamic"]; len(states) != 2 || s.Context != "default" || s.Hint != "PJSIP/dynamic" || s.Status != 4 || s.StatusText != "Unavailable" {
				t.Errorf("%+v", states)
			}
			if states := indexed(t, amiclient.ExtensionStateList{}.List(t.Context(), c), byExten); len(states) != 0 {
				t.Errorf("without hints: %+v", states)
			}
		})
	}
	bubble(t, "not idle for want of a number", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Expect("Action: ExtensionStateList")
			d.Send(listStart + item("ExtensionStatus", "Exten: 1001⏎Status: busy") + listEnd)
			d.Wait()
		})
		if s := indexed(t, amiclient.ExtensionStateList{}.List(t.Context(), c), byExten)["1001"]; s.Status != amiclient.ExtensionDeactivated {
			t.Errorf("%+v", s)
		}
	})
	bubble(t, "refused for want of hints", func(t *testing.T) {
		c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
			d.Error(d.Expect("Action: ExtensionStateList"), "No dialplan hints are available")
			d.Wait()
		})
		if states := indexed(t, amiclient.ExtensionStateList{}.List(t.Context(), c), byExten); len(states) != 0 {
			t.Errorf("%+v", states)
		}
	})
}

func TestCoreShowChannels(t *testing.T) {
	byApplication := func(c amiclient.Channel) string { return c.Application }
	for _, name := range []string{"channels-16", "channels-22"} {
		bubble(t, name, func(t *testing.T) {
			c := replay(t, name)
			for _, want := range []int{0, 2} {
				channels := indexed(t, amiclient.CoreShowChannels{}.List(t.Context(), c), byApplication)
				if len(channels) != want {
					t.Errorf("channels that run %q, want %d", slices.Sorted(maps.Keys(channels)), want)
				}
				if len(channels) == 0 {
					continue
				}
				if got := channels["Wait"]; !strings.HasPrefix(got.Name, "Local/hold@default-") || got.State != "Up" || got.Context != "default" || got.Exten != "hold" ||
					got.Priority != 1 || got.UniqueID == "" || got.UniqueID != got.LinkedID || got.ApplicationData != "60" || got.CallerIDNum != "" {
					t.Errorf("%+v", got)
				}
			}
		})
	}
	for text, want := range map[string]time.Duration{"01:02:03": 3723 * time.Second, "100:00:00": 100 * time.Hour, "": 0, "1:2": 0, "-1:00:00": 0, "x:y:z": 0} {
		bubble(t, "duration "+text, func(t *testing.T) {
			c := dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				d.Expect("Action: CoreShowChannels")
				d.Send("Response: Success⏎ActionID: {id}⏎EventList: start⏎⏎Event: CoreShowChannel⏎ActionID: {id}⏎Duration: " + text +
					"⏎⏎Event: CoreShowChannelsComplete⏎ActionID: {id}⏎EventList: Complete⏎ListItems: 1⏎⏎")
				d.Wait()
			})
			for channel, err := range (amiclient.CoreShowChannels{}).List(t.Context(), c) {
				if err != nil || channel.Duration != want {
					t.Errorf("%v, %v", channel.Duration, err)
				}
			}
		})
	}
}

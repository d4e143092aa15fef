package amiclient_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// printed answers a Command with these lines.
func printed(command string, lines ...string) func(d *amitest.Dialogue) {
	return func(d *amitest.Dialogue) {
		d.Expect("Action: Command", "Command: "+command)
		d.Send("Response: Success⏎ActionID: {id}⏎Message: Command output follows⏎Output: " + strings.Join(lines, "⏎Output: ") + "⏎⏎")
	}
}

func TestModules(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
		err   error
	}{
		{"as 22 prints it", []string{
			"Module                         Description                              Use Count  Status      Support Level",
			"chan_pjsip.so                  PJSIP Channel Driver                     0          Running              core",
			"res_pjsip_outbound_authenticator_digest.so PJSIP authentication resource            0          Running              core",
			"res_http_post.so               HTTP POST support                        0          Not Running          core",
			"3 modules loaded",
		}, []string{"chan_pjsip", "res_pjsip_outbound_authenticator_digest"}, nil},
		{"nothing of the kind", []string{"Nothing here."}, nil, amiclient.ErrProtocol},
	} {
		bubble(t, c.name, func(t *testing.T) {
			got, err := amiclient.Modules(t.Context(), dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				printed("module show", c.lines...)(d)
				d.Wait()
			}))
			if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestDefaultOutboundEndpoint(t *testing.T) {
	const line = " default_outbound_endpoint                  : "
	for _, c := range []struct {
		name, line, answer, want string
		err                      error
	}{
		{"there", line + "1001", "Response: Success⏎ActionID: {id}⏎EventList: start⏎⏎Event: EndpointDetail⏎ActionID: {id}⏎ObjectName: 1001⏎⏎Event: EndpointDetailComplete⏎ActionID: {id}⏎EventList: Complete⏎⏎", "1001", nil},
		{"never set", line + "default_outbound_endpoint", "Response: Error⏎ActionID: {id}⏎Message: Unable to retrieve endpoint default_outbound_endpoint⏎⏎", "", nil},
		{"may not be asked for", line + "1001", "Response: Error⏎ActionID: {id}⏎Message: Permission denied⏎⏎", "", amiclient.ErrPermission},
		{"is there, and cannot be shown", line + "1001", "Response: Error⏎ActionID: {id}⏎Message: Unable to retrieve transport udp⏎⏎", "1001", nil},
		{"set to nothing", line, "", "", nil},
		{"not told", " debug : no", "", "", amiclient.ErrProtocol},
	} {
		bubble(t, c.name, func(t *testing.T) {
			got, err := amiclient.DefaultOutboundEndpoint(t.Context(), dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				printed("pjsip show settings", "", "Global Settings:", c.line)(d)
				if c.answer != "" {
					d.Expect("Action: PJSIPShowEndpoint")
					d.Send(c.answer)
				}
				d.Wait()
			}))
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestAskUptime(t *testing.T) {
	for _, c := range []struct {
		name, started, reloaded string // the server's local times
		want, wantReloaded      string
	}{
		{"in UTC", "11:00:00", "11:30:00", "2026-11-22T11:00:00Z", "2026-11-22T11:30:00Z"},
		{"a second late", "11:00:01", "11:30:01", "2026-11-22T11:00:01Z", "2026-11-22T11:30:01Z"},
		{"in Kathmandu", "16:45:00", "17:15:00", "2026-11-22T11:00:00Z", "2026-11-22T11:30:00Z"},
		{"the clocks went back since", "07:00:00", "06:30:00", "2026-11-22T11:00:00Z", "2026-11-22T11:30:00Z"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			got, err := amiclient.AskUptime(t.Context(), dial(t, amiclient.Config{}, func(d *amitest.Dialogue) {
				d.Expect("Action: CoreStatus")
				d.Send(fmt.Sprintf("Response: Success⏎ActionID: {id}⏎CoreStartupDate: 2026-11-22⏎CoreStartupTime: %s⏎CoreReloadDate: 2026-11-22⏎CoreReloadTime: %s⏎⏎", c.started, c.reloaded))
				d.Expect("Action: Ping")
				d.Send(fmt.Sprintf("Response: Success⏎ActionID: {id}⏎Ping: Pong⏎Timestamp: %d.000000⏎⏎", now.Unix()))
				printed("core show uptime seconds", "System uptime: 3600", "Last reload: 1800")(d)
				d.Wait()
			}))
			if err != nil || got.Started.Format(time.RFC3339) != c.want || got.Reloaded.Format(time.RFC3339) != c.wantReloaded || !got.Now.Equal(now) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

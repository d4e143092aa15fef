package amiclient_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// A slow link with packets of 1500 bytes is where the kernel parts TLS records,
// and an Asterisk that finds a part closes the connection. The test runs itself in
// a network namespace of its own, whose loopback is such a link.
func TestConn_slowLink(t *testing.T) {
	const inside = "NOTIFYRUN_TEST_SLOW_LINK"
	if os.Getenv(inside) == "" {
		link := `ip link set lo mtu 1500 up && tc qdisc add dev lo root tbf rate 20mbit burst 1600 limit 1000000 || { echo NO LINK; exit 1; }; exec "$0" "$@"`
		cmd := exec.Command("unshare", "--net", "sh", "-c", link, os.Args[0], "-test.run=^TestConn_slowLink$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		out, err := cmd.CombinedOutput()
		switch {
		case err != nil && (strings.Contains(string(out), "NO LINK") || !strings.Contains(string(out), "=== RUN")):
			t.Skipf("no slow link to be had here: %v\n%s", err, out)
		case err != nil:
			t.Errorf("%v\n%s", err, out)
		case strings.Contains(string(out), "--- SKIP"):
			t.Skip("no Asterisk to be had here")
		}
		return
	}
	for _, major := range []int{16, 22} {
		server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{})
		for round := range 3 {
			c, err := amiclient.Dial(t.Context(), amiclient.Config{Address: server.TLSAddr, TLS: server.TLS, Username: amitest.UserFull, Secret: amitest.Secret, MaxInFlight: 256})
			if err != nil {
				t.Fatal(err)
			}
			const actions = 400
			var r results
			var ended sync.WaitGroup
			for i := range actions {
				event := amiclient.UserEvent{Name: "x"}
				for h := range 1 + (i*7+round)%9 {
					event.Headers = append(event.Headers, amiclient.Header{Name: fmt.Sprint("H", h), Value: fmt.Sprintf("%0*d", 1+(i*37)%200, i)})
				}
				id := fmt.Sprint(i)
				done := r.done(id)
				ended.Add(1)
				if err := c.Go(t.Context(), id, event.Action(), func(m *amiclient.Message, err error) { done(m, err); ended.Done() }); err != nil {
					t.Fatal(err)
				}
			}
			ended.Wait()
			for i := range actions {
				if got := r.outcome(fmt.Sprint(i)); got != "ok" {
					t.Fatalf("Asterisk %d, action %d: %s, %v", major, i, got, c.Err())
				}
			}
			c.Close()
		}
	}
}

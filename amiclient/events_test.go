package amiclient_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

func TestConn_events(t *testing.T) {
	bubble(t, "in order", func(t *testing.T) {
		var got []string
		c := dial(t, amiclient.Config{Events: "user", OnEvent: func(m *amiclient.Message) { got = append(got, m.Get("UserEvent")) }}, func(d *amitest.Dialogue) {
			d.Send("Event: UserEvent⏎UserEvent: a⏎⏎Event: UserEvent⏎UserEvent: b⏎⏎")
			d.ExpectClose()
		})
		synctest.Wait()
		c.Close()
		if fmt.Sprint(got) != "[a b]" {
			t.Errorf("got %q", got)
		}
	})
	// A consumer that never returns costs events, which are counted, and no answer.
	bubble(t, "stuck consumer", func(t *testing.T) {
		stuck := make(chan struct{})
		var log strings.Builder
		cfg := amiclient.Config{Events: "user", OnEvent: func(*amiclient.Message) { <-stuck }, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		c := dial(t, cfg, func(d *amitest.Dialogue) {
			a := d.Expect("Action: Ping")
			for range 50 {
				d.Send(strings.Repeat("Event: UserEvent⏎UserEvent: a⏎⏎", 100))
			}
			d.Answer(a, "on time")
			d.ExpectClose()
		})
		if _, err := c.Do(t.Context(), ping); err != nil {
			t.Error(err)
		}
		c.Close()
		synctest.Wait()
		close(stuck)
		synctest.Wait()
		// One event is with the consumer, 4096 wait.
		if want := fmt.Sprintf("dropped=%d\n", 5000-4096-1); !strings.Contains(log.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, log.String())
		}
	})
}

package engine

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifyrun/notifyrun/schema"
)

// What an apply has started with a configuration that the daemon does not go by,
// or not yet, is not ended by the one before: it waits.
func TestDaemon_newerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		config := func(body string) *schema.Config {
			return configure(t, fmt.Sprintf(`
				pbx "hq" {
				  simulator {}
				}
				user_event "told" {
				  pbx  = pbx.hq
				  body = { N = %q }
				  trigger "change" {}
				}`, body))
		}
		s.apply(config("1"))
		s.begin()
		s.sleep(10 * time.Second)
		second := config("2")
		s.apply(second)
		s.memory.mu.Lock()
		s.configs[2] = nil // its secret is missing
		s.memory.mu.Unlock()
		s.sleep(5 * time.Second)
		runs := s.runsOf("user_event.told")
		if len(runs) != 2 || runs[0].ended.IsZero() || !runs[1].ended.IsZero() {
			t.Fatalf("the first of two runs is to have ended: %+v", runs)
		}
		s.memory.mu.Lock()
		s.configs[2] = second
		s.memory.mu.Unlock()
		s.reload <- struct{}{}
		s.sleep(10 * time.Second)
		if r := s.runsOf("user_event.told")[1]; r.ended.IsZero() || r.outcomes[Accepted] != 1 {
			t.Errorf("with the secret it has ended at %s with %v, want accepted", r.ended, r.outcomes)
		}
		s.end()
	})
}

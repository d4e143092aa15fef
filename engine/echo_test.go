package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

// tells is a user event that fires each minute, by an action or by a channel.
func tells(t testing.TB, more string) *stageConfig {
	return minutes(t, "").more("user_event \"told\" {\n  pbx = pbx.hq\n  trigger \"schedule\" {\n    cron = \"* * * * *\"\n  }\n" + more + "}\n")
}

const byChannel = "  via     = \"dialplan\"\n  channel = \"Local/s@x\"\n"

// sentOne is the ActionID of the only action that was sent.
func (s *stage) sentOne() string {
	s.Helper()
	l := s.link()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sent) != 1 {
		s.Fatalf("sent %v", l.sent)
	}
	return l.sent[0]
}

// told is how the first user event has ended, and when after its due time.
func (s *stage) told() (o Outcome, text string, after time.Duration) {
	s.Helper()
	r := s.runsOf("user_event.told")[0]
	for _, a := range r.attempts {
		return a.Outcome, a.Text, r.ended.Sub(start.Add(time.Minute)).Round(100 * time.Millisecond)
	}
	return "", "", 0
}

func TestEcho(t *testing.T) {
	raised := func(s *stage, id string) { s.link().raise("UserEvent", "UserEvent", "told", "ActionID", id) }
	for name, c := range map[string]struct {
		more   string
		answer answering
		play   func(s *stage, id string)
		want   Outcome
		text   string // of which the record's holds this
		after  time.Duration
	}{
		"the event comes after the answer":  {"", nil, func(s *stage, id string) { s.sleep(2 * time.Second); raised(s, id) }, Answered, "came back", 2 * time.Second},
		"the event comes before the answer": {"", slowly(3 * time.Second), func(s *stage, id string) { s.sleep(time.Second); raised(s, id) }, Answered, "came back", 3 * time.Second},
		"it comes back twice":               {"", nil, func(s *stage, id string) { raised(s, id); raised(s, id) }, Answered, "came back", 0},
		"it never comes back":               {"", nil, func(*stage, string) {}, Accepted, "was not seen", echoWait},
		"others come back": {"", nil, func(s *stage, id string) {
			raised(s, id[:len(id)-1]+"7")
			raised(s, "")
			s.link().raise("Hangup", "ActionID", id)
		}, Accepted, "was not seen", echoWait},
		"Asterisk refuses":                          {"", func(string, string, amiclient.Action) (time.Duration, error) { return time.Second, errRefused }, func(*stage, string) {}, Rejected, "Unable", time.Second},
		"the answer is lost":                        {"", func(string, string, amiclient.Action) (time.Duration, error) { return time.Second, errWritten }, func(*stage, string) {}, Unknown, "", time.Second},
		"the answer is lost and the event has come": {"", func(string, string, amiclient.Action) (time.Duration, error) { return time.Second, errWritten }, raised, Answered, "came back", time.Second},
		"a channel raises it": {byChannel, nil, func(s *stage, id string) {
			s.sleep(20 * time.Second)
			s.link().raise("UserEvent", "Channel", "Local/s@x-1;2", "Uniqueid", id, "UserEvent", "told")
		}, Answered, "came back", 20 * time.Second},
		"a channel that nobody answers": {byChannel, nil, func(s *stage, id string) {
			s.sleep(30 * time.Second)
			s.link().raise("OriginateResponse", "ActionID", id, "Response", "Failure", "Reason", "3")
		}, Rejected, "Reason 3", 30 * time.Second},
		"a channel that nothing is heard of": {byChannel, nil, func(*stage, string) {}, Accepted, "was not seen", callWait},
		"the daemon ends meanwhile":          {"", nil, func(s *stage, _ string) { s.sleep(time.Second); s.end(); s.begin() }, Accepted, "was not seen", time.Second + lastWait},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *stage) {
				tells(t, c.more).on(s)
				s.answers(c.answer)
				s.begin()
				s.sleep(time.Until(start.Add(time.Minute + 20*time.Millisecond)))
				c.play(s, s.sentOne())
				s.sleep(time.Until(start.Add(110 * time.Second)))
				o, text, after := s.told()
				if o != c.want || !strings.Contains(text, c.text) || after != c.after {
					t.Errorf("%s after %s: %q, want %s after %s", o, after, text, c.want, c.after)
				}
				s.once()
				s.end()
			})
		})
	}
}

// The names of the events that confirm user events are listened to, and no longer
// than there is a job that sends one.
func TestServing_names(t *testing.T) {
	bubble(t, func(s *stage) {
		tells(t, "").on(s)
		s.begin()
		source := s.link().sources[0]
		if !slices.Contains(source.names, "UserEvent") || !slices.Contains(source.names, "OriginateResponse") {
			t.Errorf("listens to %v", source.names)
		}
		minutes(t, "", "a").on(s)
		s.sleep(5 * time.Second)
		s.link().raise("UserEvent", "UserEvent", "x")
		s.sleep(time.Second)
		if len(source.queue) != 1 || len(s.link().sources) != 1 {
			t.Errorf("%d sources, the first of which is still read", len(s.link().sources))
		}
		s.end()
	})
}

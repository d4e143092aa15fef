package schema

import "testing"

// TestJob_Message_eventInHeaders: an Event among the headers is as good as the
// argument, keeps its place and its name as written, and can be had by reference.
func TestJob_Message_eventInHeaders(t *testing.T) {
	cfg := one(t, `
message "m" {
  headers = [{ name = "X-A", value = "1" }, { name = "event", value = "check-sync" }]
}
sip_notify "job" {
  pbx     = pbx.hq
  targets = ["PJSIP/1", "PJSIP/2"]
  message = merge(message.m, { content_type = "text/plain", content = target.target })
  trigger "change" {}
}
`)
	m := messageOf(t, cfg.Jobs[0], 1)
	if !m.Event.IsEmpty() || len(m.Headers) != 2 || m.Headers[0].Name != "X-A" || m.Headers[1].Name != "event" || m.Headers[1].Value.Reveal() != "check-sync" {
		t.Errorf("event %q, headers %v", m.Event, m.Headers)
	}
	if m.Content == nil || m.Content.Reveal() != "PJSIP/2" {
		t.Errorf("content %v", m.Content)
	}
}

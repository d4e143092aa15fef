package schema

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
)

// one loads a configuration of one file after a simulated pbx.
func one(t testing.TB, body string) *Config {
	t.Helper()
	_, cfg := load(t, writeFiles(t, "main.hcl", "pbx \"hq\" {\n  simulator {}\n}\n"+body), Values{})
	return cfg
}

func messageOf(t testing.TB, j *Job, i int) *Message {
	t.Helper()
	m, diags := j.Message(j.Targets[i])
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return m
}

func revisionOf(t testing.TB, j *Job, i int) string {
	t.Helper()
	r, diags := j.Revision(j.Targets[i])
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return r
}

func TestJob_Message(t *testing.T) {
	cfg := one(t, `
message "plain" {
  event        = "check-sync"
  headers      = { B = 2, A = true, C = null }
  content_type = "text/plain"
  content      = "a\nb"
}
message "ordered" {
  event   = "check-sync"
  headers = [{ name = "B", value = 1 }, { name = "A", value = 2 }, { name = "B", value = 3 }]
}
message "varies" {
  event = "check-sync;n=${target.n}"
}
message "unknown" {
  event   = trigger.event.Name
  headers = { X = "1", Y = trigger.event.Y }
}
locals {
  messages = { plain = message.plain, ordered = message.ordered }
}
sip_notify "plain" {
  pbx     = pbx.hq
  targets = ["PJSIP/1", "sip/2", "sip:3@x"]
  message = message.plain
}
sip_notify "ordered" {
  pbx     = pbx.hq
  targets = [{ target = "PJSIP/1", kind = "ordered" }, { endpoint = "2", kind = "plain" }]
  message = local.messages[target.kind]
}
sip_notify "varies" {
  pbx     = pbx.hq
  targets = [{ target = "PJSIP/1", n = 1 }, { target = "PJSIP/2", n = 2 }]
  message = target.n == 1 ? message.plain : message.varies
}
sip_notify "unknown" {
  pbx     = pbx.hq
  targets = ["PJSIP/${trigger.event.Device}"]
  message = message.unknown
}
sip_notify "each" {
  for_each = { b = "two", a = "one" }
  pbx      = pbx.hq
  targets  = ["PJSIP/${each.key}"]
  message {
    event   = each.value
    headers = { X-Job = sip_notify.each[each.key].address, X-Other = sip_notify.plain.address }
  }
}
sip_notify "count" {
  count   = 2
  pbx     = pbx.hq
  enabled = count.index > 0
  targets = []
  message { option = "section" }
}
`)
	jobs := make(map[string]*Job)
	var order []string
	for _, j := range cfg.Jobs {
		jobs[j.Address] = j
		order = append(order, j.Address)
	}
	if diff := cmp.Diff([]string{
		"sip_notify.plain", "sip_notify.ordered", "sip_notify.varies", "sip_notify.unknown",
		`sip_notify.each["a"]`, `sip_notify.each["b"]`, "sip_notify.count[0]", "sip_notify.count[1]",
	}, order); diff != "" {
		t.Error(diff)
	}
	show := func(m *Message) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%s|", m.Event)
		for _, h := range m.Headers {
			fmt.Fprintf(&b, "%s=%s,", h.Name, h.Value)
		}
		fmt.Fprintf(&b, "|%s|", m.ContentType)
		if m.Content != nil {
			fmt.Fprintf(&b, "%q", m.Content.String())
		}
		return b.String()
	}

	t.Run("one for all", func(t *testing.T) {
		j := jobs["sip_notify.plain"]
		m := messageOf(t, j, 0)
		if got, want := show(m), `check-sync|A=true,B=2,|text/plain|"a\nb"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if j.MessageVaries() || messageOf(t, j, 2) != m {
			t.Error("the message is evaluated for each target")
		}
		var targets []string
		for _, target := range j.Targets {
			targets = append(targets, target.String())
		}
		if diff := cmp.Diff([]string{"PJSIP/1", "SIP/2", "sip:3@x"}, targets); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("chosen by target", func(t *testing.T) {
		j := jobs["sip_notify.ordered"]
		if got, want := show(messageOf(t, j, 0)), `check-sync|B=1,A=2,B=3,||`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got, want := show(messageOf(t, j, 1)), show(messageOf(t, jobs["sip_notify.plain"], 0)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if j.Targets[1].String() != "PJSIP/2" {
			t.Errorf("endpoint became %s", j.Targets[1])
		}
	})
	t.Run("referring to one that varies", func(t *testing.T) {
		j := jobs["sip_notify.varies"]
		if got, want := show(messageOf(t, j, 1)), `check-sync;n=2|||`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := show(messageOf(t, j, 0)); !strings.HasPrefix(got, "check-sync|A=") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("known when triggered", func(t *testing.T) {
		j := jobs["sip_notify.unknown"]
		if j.TargetsKnown || j.Targets != nil {
			t.Errorf("targets known: %v", j.Targets)
		}
		m, diags := j.Message(Target{Tech: TechPJSIP, Name: "1"})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		if got, want := show(m), "(known when triggered)|X=1,Y=(known when triggered),||"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("instances", func(t *testing.T) {
		m := messageOf(t, jobs[`sip_notify.each["b"]`], 0)
		if got, want := show(m), `two|X-Job=sip_notify.each["b"],X-Other=sip_notify.plain,||`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if jobs["sip_notify.count[0]"].Enabled || !jobs["sip_notify.count[1]"].Enabled {
			t.Error("enabled does not follow count.index")
		}
	})
}

func TestJob_Revision(t *testing.T) {
	cfg := one(t, `
variable "v" {
  default = "1"
}
sip_notify "on" {
  pbx     = pbx.hq
  targets = ["PJSIP/1", "PJSIP/2"]
  message { event = "a" }
  trigger "change" { on = { v = var.v, list = ["x"] } }
}
sip_notify "same" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message { event = "b" }
  trigger "change" { on = tomap({ v = var.v, list = "x" }) }
}
sip_notify "target" {
  pbx     = pbx.hq
  targets = [{ target = "PJSIP/1", n = 1 }, { target = "PJSIP/2", n = 2 }]
  message { event = "a" }
  trigger "change" { on = target.n }
}
sip_notify "message" {
  pbx     = pbx.hq
  targets = [{ target = "PJSIP/1", n = 1 }, { target = "PJSIP/2", n = 2 }]
  message { event = "a${target.n}" }
  trigger "change" {}
}
user_event "event" {
  pbx  = pbx.hq
  body = "Site:hq,Firmware: 1.2"
  trigger "change" {}
}
`)
	on, target, message := cfg.Jobs[0], cfg.Jobs[2], cfg.Jobs[3]
	if a, b := revisionOf(t, on, 0), revisionOf(t, on, 1); a != b || len(a) != 32 {
		t.Errorf("revisions %q and %q", a, b)
	}
	if revisionOf(t, on, 0) == revisionOf(t, cfg.Jobs[1], 0) {
		t.Error("a list and a text have one revision")
	}
	if revisionOf(t, target, 0) == revisionOf(t, target, 1) {
		t.Error("`on` does not follow the target")
	}
	if revisionOf(t, message, 0) == revisionOf(t, message, 1) {
		t.Error("the message does not follow the target")
	}
	if got, want := revisionOf(t, message, 1), messageOf(t, message, 1).Digest(); got != want {
		t.Errorf("revision %s, message %s", got, want)
	}
	event, diags := cfg.Jobs[4].Event()
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if r, _ := cfg.Jobs[4].Revision(Target{}); r != event.Digest() {
		t.Errorf("revision %s, event %s", r, event.Digest())
	}
}

// TestRevision_form does not depend on how a value is written.
func TestRevision_form(t *testing.T) {
	revision := func(on string) string {
		cfg := one(t, fmt.Sprintf("sip_notify \"x\" {\n  pbx = pbx.hq\n  targets = [\"PJSIP/1\"]\n  message { event = \"a\" }\n  trigger \"change\" { on = %s }\n}\n", on))
		return revisionOf(t, cfg.Jobs[0], 0)
	}
	for _, same := range [][2]string{
		{`["a", "b"]`, `tolist(["a", "b"])`},
		{`["a", "b"]`, `toset(["b", "a"])`},
		{`{ a = "1", b = "2" }`, `tomap({ b = "2", a = "1" })`},
		{`"1.2"`, `format("%s.%s", "1", "2")`},
		{`null`, `null`},
		{`[preset.snom.reboot, null]`, `[merge(preset.snom.reboot, { preset = null }), null]`},
		{`[[preset.snom.reboot], tolist([preset.snom.reboot])]`, `[[merge(preset.snom.reboot, { preset = "yealink.reboot" })], tolist([preset.yealink.reboot])]`},
		{`preset.snom.reboot`, `{ for k, v in preset.snom.reboot : k => v if k != "preset" }`}, // as it was before it told its preset
	} {
		if revision(same[0]) != revision(same[1]) {
			t.Errorf("%s and %s have two revisions", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{`"1"`, `1`}, {`["a", "b"]`, `["b", "a"]`}, {`[["a"], "b"]`, `["a", ["b"]]`}, {`null`, `"null"`}} {
		if revision(other[0]) == revision(other[1]) {
			t.Errorf("%s and %s have one revision", other[0], other[1])
		}
	}
}

func TestMessage_Digest(t *testing.T) {
	content, empty := Plain("x"), Plain("")
	messages := []*Message{
		{Event: Plain("a")},
		{Event: Plain("a"), Content: &empty},
		{Event: Plain("a"), Content: &content},
		{ContentType: Plain("a")},
		{Event: Plain("a"), Headers: []Header{{"A", Plain("1")}, {"B", Plain("2")}}},
		{Event: Plain("a"), Headers: []Header{{"B", Plain("2")}, {"A", Plain("1")}}},
		{Event: Plain("a"), Headers: []Header{{"A", Plain("1B2")}}},
		{Event: Plain("a"), Headers: []Header{{"A1", Plain("B2")}}},
		{Event: Plain("a"), HeadersUnknown: true},
		{Event: Unknown()},
		{Event: Plain("a"), Option: Plain("b")},
		{Event: Plain("a"), CallID: Plain("b")},
		{Event: Plain("a"), Channel: Plain("b")},
	}
	seen := make(map[string]int)
	for i, m := range messages {
		if j, ok := seen[m.Digest()]; ok {
			t.Errorf("messages %d and %d have one digest", i, j)
		}
		seen[m.Digest()] = i
	}
	if (&Message{Event: Sensitive("a")}).Digest() != messages[0].Digest() {
		t.Error("what is sent is the same, but the digest is not")
	}
}

func TestJob_Event(t *testing.T) {
	cfg := one(t, `
user_event "map" {
  pbx  = pbx.hq
  body = { Site = "hq", Firmware = 1.2 }
}
user_event "list" {
  pbx  = pbx.hq
  name = "Other"
  body = [{ name = "Site", value = "hq" }, { name = "Site", value = "lab" }]
}
user_event "text" {
  pbx  = pbx.hq
  body = "Site:hq,Note: \"a,b\",Path:a:b,Escaped:x\\,y,List:(1,2),Open:\"(\",a:1),Last:x\\"
}
user_event "none" {
  pbx = pbx.hq
}
user_event "secret" {
  pbx  = pbx.hq
  body = sensitive("Token:hunter2")
}
user_event "unknown" {
  pbx  = pbx.hq
  body = trigger.event.Body
}
user_event "blanks" {
  pbx  = pbx.hq
  body = "Plain: \t x \r,Wide:\u00a0x\u2003\u00a0"
}
`)
	want := []string{
		"map|Firmware=1.2|Site=hq",
		"Other|Site=hq|Site=lab",
		"text|Site=hq|Note=a,b|Path=a:b|Escaped=x,y|List=(1,2)|Open=(,a:1)|Last=x",
		"none",
		"secret|Token=(sensitive value)",
		"unknown|?",
		"blanks|Plain=x|Wide=\u00a0x\u2003\u00a0",
	}
	for i, j := range cfg.Jobs {
		e, diags := j.Event()
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		got := e.Name.String()
		for _, h := range e.Body {
			got += "|" + h.Name + "=" + h.Value.String()
		}
		if e.BodyUnknown {
			got += "|?"
		}
		if got != want[i] {
			t.Errorf("got %s, want %s", got, want[i])
		}
	}
}

func TestTriggers(t *testing.T) {
	cfg := one(t, `
user_event "x" {
  pbx = pbx.hq
  trigger "change" { initial = "record" }
  trigger "schedule" { cron = "@every 90s" }
  trigger "schedule" {
    cron     = "30 2 * * *"
    timezone = "Europe/Berlin"
    jitter   = "1m"
    missed   = "once"
    grace    = "5m"
    overlap  = "queue"
  }
}
`)
	j := cfg.Jobs[0]
	if c := j.Triggers[0].(*ChangeTrigger); !c.Record {
		t.Error("initial is lost")
	}
	if got := j.Triggers[1].(*ScheduleTrigger).Schedule.Next(time.Unix(0, 0)).Unix(); got != 90 {
		t.Errorf("@every fires at %d", got)
	}
	s := j.Triggers[2].(*ScheduleTrigger)
	if s.Jitter != time.Minute || s.Missed != MissedOnce || s.Grace != 5*time.Minute || s.Overlap != OverlapQueue {
		t.Errorf("got %+v", s)
	}
	if got := s.Schedule.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).UTC().Format(time.RFC3339); got != "2026-01-01T01:30:00Z" {
		t.Errorf("fires at %s", got)
	}
}

func TestPBX(t *testing.T) {
	_, cfg := load(t, writeFiles(t, "main.hcl", `
pbx "a" {
  address    = "pbx.example.net"
  username   = "u"
  secret     = "s"
  rate_limit = "30/m"
}
pbx "b" {
  address       = "[2001:db8::1]"
  username      = "u"
  secret        = sensitive("s")
  auth          = "plain"
  max_in_flight = 8
  rate_limit    = "unlimited"
  timeout       = "3s"
  tls { server_name = "pbx" }
}
pbx "c" {
  simulator { phones = 3 }
}
`), Values{})
	a, b, c := cfg.PBXs[0], cfg.PBXs[1], cfg.PBXs[2]
	if a.Dial != "pbx.example.net:5038" || a.RateLimit != 0.5 || a.Auth != "md5" || a.MaxInFlight != 64 || a.Timeout != 10*time.Second || a.TLS != nil {
		t.Errorf("got %+v", a)
	}
	if b.Dial != "[2001:db8::1]:5039" || b.RateLimit != 0 || b.Auth != "plain" || b.MaxInFlight != 8 || b.Timeout != 3*time.Second || b.TLS.ServerName != "pbx" {
		t.Errorf("got %+v", b)
	}
	if c.Dial != "" || c.Simulator.Phones != 3 || c.RateLimit != 50 {
		t.Errorf("got %+v", c)
	}
	if got := fmt.Sprintf("%v %+v %#v", a.Secret, a.Secret, a.Secret); strings.Contains(got, `"s"`) || !a.Secret.IsSensitive() {
		t.Errorf("the secret shows as %s", got)
	}
}

// TestJob_Diagnose points at the place that a later problem is about.
func TestJob_Diagnose(t *testing.T) {
	src, cfg := load(t, writeFiles(t, "main.hcl", `pbx "hq" {
  simulator {}
}
message "m" {
  event = "check-sync"
  headers = {
    A     = 1
    "Via" = 2
  }
}
sip_notify "x" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message = message.m
}
sip_notify "y" {
  pbx     = pbx.hq
  targets = ["PJSIP/1"]
  message {
    event   = "e-${target.target}"
    headers = [{ name = "A", value = 1 }, { name = "Via", value = 2 }]
  }
}
user_event "z" {
  pbx  = pbx.hq
  body = { A = 1, Privilege = 2 }
}
`), Values{})
	lines := func(field, header string) (lines []int) {
		for _, j := range cfg.Jobs {
			lines = append(lines, j.FieldRange(field, header).Start.Line)
		}
		return lines
	}
	for _, test := range []struct {
		field, header string
		want          []int
	}{
		{"target", "", []int{13, 18, 24}},
		{"event", "", []int{5, 20, 24}},
		{"header", "Via", []int{8, 21, 26}},
		{"header", "None", []int{6, 21, 26}},
		{"header", "Vi…", []int{8, 21, 26}},
		{"content", "", []int{4, 19, 24}},
		{"message", "", []int{4, 19, 24}},
		{"body", "", []int{4, 19, 26}},
		{"name", "", []int{4, 19, 24}},
	} {
		if diff := cmp.Diff(test.want, lines(test.field, test.header)); diff != "" {
			t.Errorf("%s %s: %s", test.field, test.header, diff)
		}
	}
	y, z := cfg.Jobs[1], cfg.Jobs[2]
	for _, test := range []struct {
		d    *hcl.Diagnostic
		want string
	}{
		{y.Diagnose(&y.Targets[0], "header", "Via", "Asterisk ignores it", "leave it out"),
			"line 21, in sip_notify \"y\":\n  21:     headers = [{ name = \"A\", value = 1 }, { name = \"Via\", value = 2 }]\n\n" +
				"Header \"Via\": Asterisk ignores it. Leave it out.\n\nThe job is sip_notify.y, the target \"PJSIP/1\".\n\n"},
		{z.Diagnose(nil, "body", "Privi…", "it would mislead", ""),
			"line 26, in user_event \"z\":\n  26:   body = { A = 1, Privilege = 2 }\n\nBody header \"Privi…\": it would mislead.\n\n"},
		{z.Diagnose(nil, "name", "", "it is empty", "Name the event."),
			"line 24, in user_event \"z\":\n  24: user_event \"z\" {\n\nIt is empty. Name the event.\n\n"},
	} {
		var out bytes.Buffer
		if err := WriteDiagnostics(&out, src.Files(), hcl.Diagnostics{test.d}, 80, false); err != nil {
			t.Fatal(err)
		}
		if _, got, _ := strings.Cut(out.String(), "main.hcl "); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
	long := z.Diagnose(nil, "body", "\x1b"+strings.Repeat("x", 1000), "it is long", "").Detail
	if strings.Contains(long, "\x1b") || len(long) > 120 {
		t.Errorf("an untrusted name is shown as %q", long)
	}
}

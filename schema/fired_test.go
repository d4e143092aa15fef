package schema

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const firedJobs = `
variable "note" {
  default = "hello"
}
locals {
  prefix = "PJSIP/"
}
message "asked" {
  event   = "check-sync"
  headers = { X-By = trigger.event.By, X-Note = var.note }
}
message "outer" {
  event        = message.asked.event
  headers      = concat(message.asked.headers, [{ name = "X-Kind", value = trigger.kind }])
  content_type = "text/plain"
  content      = "to ${target.target}"
}
sip_notify "phones" {
  pbx     = pbx.hq
  targets = [for d in flatten([trigger.event.Device]) : "${local.prefix}${d}"]
  message = message.asked
  trigger "event" { name = "UserEvent" }
}
sip_notify "both" {
  pbx     = pbx.hq
  targets = [{ target = "PJSIP/${trigger.event.Device}", n = trigger.event["Odd Name"] }, { target = "PJSIP/1002", n = 2 }]
  message {
    event   = "check-sync"
    headers = { X-N = target.n, X-Due = trigger.due, X-Job = trigger.job, X-Run = trigger.run }
  }
}
sip_notify "nested" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001", "PJSIP/1002"]
  message = message.outer
}
sip_notify "targets" {
  pbx     = pbx.hq
  targets = ["PJSIP/${trigger.event.Device}"]
  message { event = "check-sync" }
}
sip_notify "fixed" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message { event = "check-sync" }
  trigger "schedule" { cron = "@daily" }
}
user_event "told" {
  pbx     = pbx.hq
  name    = "Told${trigger.kind}"
  body    = { Device = trigger.event.Device, Job = trigger.job }
  via     = "dialplan"
  channel = "Local/${trigger.event.Exten}@notify"
}
`

func firedJob(t testing.TB, cfg *Config, address string) *Job {
	t.Helper()
	for _, j := range cfg.Jobs {
		if j.Address == address {
			return j
		}
	}
	t.Fatalf("no job %s", address)
	return nil
}

func targetsOf(j *Job) []string {
	names := []string{}
	for _, t := range j.Targets {
		names = append(names, t.String())
	}
	return names
}

func headersText(all []Header) string {
	var b strings.Builder
	for _, h := range all {
		b.WriteString(h.Name + "=" + h.Value.String() + " ")
	}
	return b.String()
}

func TestJob_When(t *testing.T) {
	cfg := one(t, firedJobs)
	when := func(address string, f Fired) *Job {
		t.Helper()
		before := firedJob(t, cfg, address)
		j, diags := before.When(f)
		if len(diags) > 0 || j == nil {
			t.Fatalf("%s: %v", address, diags)
		}
		if j.Address != before.Address || j.PBX != before.PBX || !j.TargetsKnown && j.Type == SIPNotify {
			t.Errorf("%s: got %+v", address, j)
		}
		return j
	}
	event := func(pairs ...string) Fired { return Fired{Kind: "event", Event: headers(pairs...)} }

	j := when("sip_notify.phones", event("Device", "1001", "device", "1002", "By", "Alice"))
	if diff := cmp.Diff([]string{"PJSIP/1001", "PJSIP/1002"}, targetsOf(j)); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	first, second := messageOf(t, j, 0), messageOf(t, j, 1)
	if got := headersText(first.Headers); got != "X-By=Alice X-Note=hello " || first != second || first.Unknown() {
		t.Errorf("headers %s", got)
	}
	if again := when("sip_notify.phones", event("Device", "1001", "By", "Bob")); headersText(messageOf(t, again, 0).Headers) != "X-By=Bob X-Note=hello " {
		t.Error("the second firing has what the first had")
	}
	if silent := when("sip_notify.phones", event("Device", "1001")); headersText(messageOf(t, silent, 0).Headers) != "X-Note=hello " {
		t.Error("a header of null is sent")
	}

	due := time.Date(2026, 11, 21, 23, 0, 0, 0, time.FixedZone("", 3600))
	j = when("sip_notify.both", Fired{Kind: "event", Due: due, Job: `sip_notify.x["a"]`, Run: "01H", Event: headers("Device", "1001", "ODD NAME", "7")})
	if got := headersText(messageOf(t, j, 0).Headers); got != `X-Due=2026-11-21T23:00:00+01:00 X-Job=sip_notify.x["a"] X-N=7 X-Run=01H ` {
		t.Errorf("headers %s", got)
	}
	if got := headersText(messageOf(t, j, 1).Headers); !strings.Contains(got, "X-N=2 ") {
		t.Errorf("headers %s", got)
	}

	j = when("sip_notify.nested", event("By", "${var.note}"))
	for i := range j.Targets {
		m := messageOf(t, j, i)
		if got := headersText(m.Headers); got != "X-By=${var.note} X-Note=hello X-Kind=event " || m.Event.String() != "check-sync" || m.Content.String() != "to "+j.Targets[i].String() {
			t.Errorf("target %d: %s %s %s", i, m.Event, got, m.Content)
		}
	}

	j = when("sip_notify.targets", event("Device", "1001"))
	if m := messageOf(t, j, 0); m.Event.String() != "check-sync" {
		t.Errorf("message %v", m)
	}

	j = when("user_event.told", Fired{Kind: "after", Job: "sip_notify.x", Event: headers("Exten", "s", "Device", `a"b,c`)})
	e, diags := j.Event()
	if len(diags) > 0 || e.Name.String() != "Toldafter" || e.Channel.String() != "Local/s@notify" || headersText(e.Body) != `Device=a"b,c Job=sip_notify.x ` || e.Unknown() {
		t.Errorf("event %+v %v", e, diags)
	}
	before, _ := firedJob(t, cfg, "user_event.told").Event()
	if !before.Unknown() || !before.Channel.IsUnknown() || before.Digest() == e.Digest() {
		t.Errorf("before it fires: %+v", before)
	}

	fixed := firedJob(t, cfg, "sip_notify.fixed")
	if same, diags := fixed.When(event("Device", "1001")); same != fixed || len(diags) > 0 {
		t.Errorf("a job that does not use the trigger: %v %v", same, diags)
	}
}

// What is kept of an event is what the job uses, and gives what all of it gives.
func TestJob_HeadersUsed(t *testing.T) {
	cfg := one(t, firedJobs+`
user_event "any" {
  pbx  = pbx.hq
  body = { Value = trigger.event[trigger.event.Which] }
}
user_event "looped" {
  pbx  = pbx.hq
  body = { for name, value in trigger.event : "Of-${name}" => jsonencode(value) }
}
user_event "kind" {
  pbx  = pbx.hq
  body = { Kind = trigger.kind }
}
`)
	event := headers("Event", "UserEvent", "device", "1001", "By", "Alice", "Device", "1002", "ODD NAME", "7", "Exten", "s", "Which", "By", "Secret", "PIN")
	for _, c := range []struct {
		address string
		want    EventHeaders
	}{
		{"sip_notify.phones", headers("device", "1001", "By", "Alice", "Device", "1002")},
		{"sip_notify.nested", headers("By", "Alice")},
		{"sip_notify.both", headers("device", "1001", "Device", "1002", "ODD NAME", "7")},
		{"user_event.told", headers("device", "1001", "Device", "1002", "Exten", "s")},
		{"user_event.any", event},
		{"user_event.looped", event},
		{"user_event.kind", nil},
		{"sip_notify.fixed", nil},
	} {
		j := firedJob(t, cfg, c.address)
		used := j.HeadersUsed(event)
		if diff := cmp.Diff(c.want, used); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.address, diff)
		}
		all, allDiags := j.When(Fired{Kind: "event", Event: event})
		kept, keptDiags := j.When(Fired{Kind: "event", Event: used})
		if diff := cmp.Diff(allDiags.Error(), keptDiags.Error()); diff != "" {
			t.Errorf("%s: %s", c.address, diff)
		}
		if all == nil || kept == nil {
			continue
		}
		if diff := cmp.Diff(targetsOf(all), targetsOf(kept)); diff != "" {
			t.Errorf("%s: %s", c.address, diff)
		}
		for i := range all.Targets {
			if messageOf(t, all, i).Digest() != messageOf(t, kept, i).Digest() {
				t.Errorf("%s: another message", c.address)
			}
		}
		if e, _ := all.Event(); e != nil {
			if k, _ := kept.Event(); e.Digest() != k.Digest() {
				t.Errorf("%s: another event", c.address)
			}
		}
	}
}

// What comes from outside is refused where it cannot be used, with the reason,
// and is never evaluated.
func TestJob_When_refused(t *testing.T) {
	cfg := one(t, firedJobs)
	long := strings.Repeat("1", 1<<20)
	sums := one(t, `
user_event "sum" {
  pbx  = pbx.hq
  body = { Sum = trigger.event.Count + 1 }
}
`)
	if j, diags := firedJob(t, sums, "user_event.sum").When(Fired{Kind: "event", Event: headers("Count", "-0x1p+999_999_999")}); diags.HasErrors() == (j != nil) {
		t.Errorf("got %v %v", j, diags)
	}
	if j, diags := firedJob(t, sums, "user_event.sum").When(Fired{Kind: "event", Event: headers("Count", "1E999999999")}); j != nil || !strings.Contains(diags[0].Detail, "digits") {
		t.Errorf("got %v %v", j, diags)
	}
	parts := one(t, `
user_event "sum" {
  pbx  = pbx.hq
  body = { Sum = split(",", trigger.event.Count)[0] + 1 }
}
`)
	if j, diags := firedJob(t, parts, "user_event.sum").When(Fired{Kind: "event", Event: headers("Count", "1e600000000,x")}); j != nil || !strings.Contains(diags[0].Detail, "digits") {
		t.Errorf("got %v %v", j, diags)
	}
	for _, c := range []struct {
		address, says string
		fired         Fired
	}{
		{"sip_notify.targets", `The event has no header "Device"`, Fired{Kind: "event"}},
		{"sip_notify.targets", `No event has fired the job (but "schedule")`, Fired{Kind: "schedule"}},
		{"sip_notify.targets", "control character", Fired{Kind: "event", Event: headers("Device", "1001\r\nAction: Logoff")}},
		{"sip_notify.targets", "second slash", Fired{Kind: "event", Event: headers("Device", "1001/sip:evil@192.0.2.7")}},
		{"sip_notify.targets", "no name after", Fired{Kind: "event", Event: headers("Device", "")}},
		{"sip_notify.targets", "UTF-8", Fired{Kind: "event", Event: headers("Device", "\xff")}},
		{"sip_notify.targets", "&", Fired{Kind: "event", Event: headers("Device", long+"&2")}},
		{"sip_notify.targets", "list", Fired{Kind: "event", Event: headers("Device", "1", "device", "2")}},
		{"sip_notify.both", "null", Fired{Kind: "event", Event: headers("Odd Name", "x")}},
		{"user_event.told", `The event has none of the headers "Device" and "Exten"`, Fired{Kind: "event"}},
	} {
		j, diags := firedJob(t, cfg, c.address).When(c.fired)
		if j != nil || !diags.HasErrors() {
			t.Errorf("%s, %.100v: not refused", c.address, c.fired)
			continue
		}
		if text := diags[0].Detail; !strings.Contains(text, c.says) || len(text) > 3000 || strings.ContainsAny(text, "\r\x00") || strings.Contains(text, "Action: Logoff\n") {
			t.Errorf("%s: does not say %q but %q", c.address, c.says, text)
		}
		if diags[0].EvalContext != nil || diags[0].Expression != nil {
			t.Errorf("%s: the diagnostic holds the event", c.address)
		}
	}
	// Literal text of the language comes through as it is; whether Asterisk
	// takes it is for others to say.
	j, diags := firedJob(t, cfg, "sip_notify.targets").When(Fired{Kind: "event", Event: headers("Device", "${trigger.kind}%{ if true }")})
	if diags.HasErrors() || j.Targets[0].String() != "PJSIP/${trigger.kind}%{ if true }" {
		t.Errorf("got %v %v", j, diags)
	}
	// The mistake of one target is told by Message.
	j, diags = firedJob(t, cfg, "sip_notify.both").When(Fired{Kind: "event", Event: headers("Device", "1001", "Odd Name", "x", "odd name", "y")})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if m, diags := j.Message(j.Targets[0]); m != nil || !strings.Contains(diags[0].Detail, "PJSIP/1001") {
		t.Errorf("got %v %v", m, diags)
	}
}

// In a daemon, what an event says must not open files, nor fill the memory with
// those that there are not.
func TestJob_When_files(t *testing.T) {
	dir := writeFiles(t, "main.hcl", `
pbx "hq" {
  address     = "192.0.2.1"
  username    = "x"
  secret_file = "hq.secret"
}
user_event "x" {
  pbx  = pbx.hq
  body = { A = file(trigger.event.File), B = templatefile("t.tftpl", { x = trigger.event.X }), C = trigger.event.X == "a" ? file("a.txt") : "b" }
}
`, "hq.secret", "hunter2", "a.txt", "A", "t.tftpl", "<${x}>")
	_, cfg := load(t, dir, Values{})
	src := cfg.Snapshot.Source()
	cfg, diags := Load(src, Values{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	known := len(src.reads)
	for _, name := range []string{"hq.secret", "/etc/passwd", "none.txt", dir + "/hq.secret"} {
		j, diags := cfg.Jobs[0].When(Fired{Kind: "event", Event: headers("File", name, "X", "a")})
		if j != nil || !strings.Contains(diags[0].Detail, "no such file") {
			t.Errorf("%s was read: %v", name, diags)
		}
	}
	if len(src.reads) != known {
		t.Errorf("%d files are remembered, %d were", len(src.reads), known)
	}
	j, diags := cfg.Jobs[0].When(Fired{Kind: "event", Event: headers("File", "a.txt", "X", "a")})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if e, _ := j.Event(); headersText(e.Body) != "A=A B=<a> C=A " {
		t.Errorf("body %s", headersText(e.Body))
	}
}

func TestJob_TriggerDigest(t *testing.T) {
	digest := func(config, address string) string { return firedJob(t, one(t, config), address).TriggerDigest() }
	if d := digest(firedJobs, "sip_notify.fixed"); d != "" {
		t.Errorf("a job without trigger has %s", d)
	}
	for _, j := range one(t, firedJobs).Jobs {
		if j.UsesTrigger() != (j.TriggerDigest() != "") {
			t.Errorf("%s uses the trigger: %t", j.Address, j.UsesTrigger())
		}
	}
	for _, address := range []string{"sip_notify.phones", "sip_notify.both", "sip_notify.nested", "sip_notify.targets", "user_event.told"} {
		if digest(firedJobs, address) == "" {
			t.Errorf("%s has none", address)
		}
	}
	for _, c := range []struct{ old, new, changes, leaves string }{
		{`"hello"`, `"bye"`, "sip_notify.phones sip_notify.nested", "sip_notify.both sip_notify.targets user_event.told"},
		{`prefix = "PJSIP/"`, `prefix = "SIP/"`, "sip_notify.phones", "sip_notify.nested"},
		{`X-By = trigger.event.By`, `X-By = trigger.event.Who`, "sip_notify.phones sip_notify.nested", "sip_notify.both"},
		{`X-By = trigger.event.By`, `X-By    =   trigger.event.By`, "", "sip_notify.phones sip_notify.nested"},
		{`X-N = target.n`, `X-M = target.n`, "sip_notify.both", "sip_notify.phones"},
		{`event        = message.asked.event`, `event = "reboot"`, "sip_notify.nested", "sip_notify.phones"},
		{`@notify`, `@other`, "user_event.told", "sip_notify.both"},
	} {
		if !strings.Contains(firedJobs, c.old) {
			t.Fatalf("no %s", c.old)
		}
		changed := strings.Replace(firedJobs, c.old, c.new, 1)
		for _, address := range strings.Fields(c.changes) {
			if digest(firedJobs, address) == digest(changed, address) {
				t.Errorf("%s → %s: %s does not see it", c.old, c.new, address)
			}
		}
		for _, address := range strings.Fields(c.leaves) {
			if digest(firedJobs, address) != digest(changed, address) {
				t.Errorf("%s → %s: %s is another", c.old, c.new, address)
			}
		}
	}
}

// The content of a file counts, too, where what is read is shown only at firing.
func TestJob_TriggerDigest_files(t *testing.T) {
	digest := func(content string) string {
		dir := writeFiles(t, "main.hcl", `
pbx "hq" {
  simulator {}
}
user_event "x" {
  pbx  = pbx.hq
  body = { A = "${trigger.kind} ${file("a.txt")}" }
}
`, "a.txt", content)
		_, cfg := load(t, dir, Values{})
		return cfg.Jobs[0].TriggerDigest()
	}
	if first, again := digest("a"), digest("a"); first == digest("b") || first != again {
		t.Error("the digest does not go by the file")
	}
}

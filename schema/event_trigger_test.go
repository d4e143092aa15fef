package schema

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// headers makes the headers of an event of names and values in turn.
func headers(pairs ...string) EventHeaders {
	var h EventHeaders
	for i := 0; i < len(pairs); i += 2 {
		h = append(h, EventHeader{pairs[i], pairs[i+1]})
	}
	return h
}

// waiting makes the event trigger of a job whose block has these arguments.
func waiting(t testing.TB, arguments string) *EventTrigger {
	t.Helper()
	cfg := one(t, `
variable "token" {
  default   = "hunter2"
  sensitive = true
}
locals {
  names = ["Provision", "Resync"]
}
message "m" {
  event = "check-sync"
}
sip_notify "x" {
  for_each = { hq = "1001" }
  pbx      = pbx.hq
  targets  = ["PJSIP/1001"]
  message  = message.m
  trigger "event" {
    name = "UserEvent"
`+arguments+`
  }
}
`)
	return cfg.Jobs[0].Triggers[0].(*EventTrigger)
}

func TestEventTrigger_Matches(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	event := headers(
		"UserEvent", "Provision", "Device", "1001", "Odd Name", "y", "Variable", "a", "variable", "b", "Count", "15",
		"Empty", "", "kind", "k", "Quoted", `"${var.token}" %{ if true }`, "Control", "a\x00b\r\nc", "Latin", "J\xfcrgen", "Long", long,
		"Umlaut", "u\u0308", "Huge", "1e999999999", "Mac", "001e13123456",
		"Padded", " 1e600000000 ", "Listed", "1e600000000,x", "Data", `{"n":1e-600000000}`, "Seven", "700000", "Wide", "900000000",
	)
	for _, c := range []struct {
		where string
		want  bool
		says  string // of an error
	}{
		{where: `event.UserEvent == "Provision"`, want: true},
		{where: `event.userevent == "Provision"`, want: true},
		{where: `"Provision" == event.USEREVENT`, want: true},
		{where: `event.UserEvent == "provision"`},
		{where: `event.UserEvent == "Provision" && event.Device == each.value`, want: true},
		{where: `event.UserEvent == "Provision" && event.Device == "1002"`},
		{where: `contains(local.names, event.UserEvent)`, want: true},
		{where: `event["Odd Name"] == "y"`, want: true},
		{where: `event["odd name"] == "y"`, want: true},
		{where: `event[join(" ", ["Odd", "Name"])] == "y"`, want: true},
		{where: `event[local.names[0]] == "y"`, says: "no such element"},
		{where: `event.Nothing == "x"`},
		{where: `event.Nothing == null`, want: true},
		{where: `event.Nothing != "x"`, want: true},
		{where: `event.Nothing == "x" || event.Device == "1001"`, want: true},
		{where: `event.Variable == "a"`},
		{where: `event.Variable == tolist(["a", "b"])`, want: true},
		{where: `contains(flatten([event.Variable]), "b")`, want: true},
		{where: `contains(flatten([event.Device]), "1001")`, want: true},
		{where: `contains(flatten([event.Nothing]), "1001")`},
		{where: `event.Count > 14`, want: true},
		{where: `event.Count == "15"`, want: true},
		{where: `event.Count == 15`},
		{where: `event.Nothing > 14`, says: "null"},
		{where: `event.Device > event.UserEvent`, says: "number"},
		{where: `event.Nothing.deeper == "x"`, says: "attribute"},
		{where: `try(event.Nothing.deeper, "x") == "x"`, want: true},
		{where: `event.UserEvent`, says: "bool"},
		{where: `event.Nothing`, says: "null"},
		{where: `event.Empty == ""`, want: true},
		{where: `event.kind == "k"`, want: true},
		{where: `event.Quoted == "\"$${var.token}\" %%{ if true }"`, want: true},
		{where: `startswith(event.Control, "a")`, want: true},
		{where: `event.Latin == "J\ufffdrgen"`, want: true},
		{where: `event.Umlaut == "ü"`, want: true},
		{where: `length(event.Long) == 1048576`, want: true},
		{where: `tonumber(event.Long) > 1`, says: "number"},
		{where: `event.Device == var.token`},
		{where: `true`, want: true},
		{where: `length(event) > 5`, want: true},
		{where: `anytrue([for name, value in event : name == "Device" && value == "1001"])`, want: true},
		{where: `null`, want: true},
		{where: `event.Huge % 7 == 1`, says: "digits"},
		{where: `"${event.Huge + 1}" == "1"`, says: "digits"},
		{where: `floor(event.Huge) > 1`, says: "digits"},
		{where: `anytrue([for h in [event.Huge] : -h < 1])`, says: "digits"},
		{where: `event.Huge == "1e999999999" && event.Huge > 1`, want: true},
		{where: `format("%08d", event.Huge) == ""`, says: "digits"},
		{where: `format("PJSIP/%s", event.Mac) == "PJSIP/001e13123456" && substr(event.Mac, 0, 6) == "001e13"`, want: true},
		{where: `pow(length(local.names), 2) == 4 && event.Mac == "001e13123456"`, want: true},
		{where: `tonumber(event.Mac) > 1`, says: "digits"},
		{where: `event.Count % 7 == 1 && floor(event.Count) == 15`, want: true},
		{where: `tonumber(trimspace(event.Padded)) + 1 > 1`, says: "digits"},
		{where: `trimspace(event.Padded) + 1 > 1`, says: "digits"},
		{where: `trimspace(event.Padded) > 1`, want: true},
		{where: `split(",", event.Listed)[0] % 7 == 1`, says: "digits"},
		{where: `regex("[0-9e]+", event.Listed) - 1 > 1`, says: "digits"},
		{where: `jsondecode(event.Data).n + 1 > 1`, says: "digits"},
		{where: `yamldecode(event.Data).n + 1 > 1`, says: "digits"},
		{where: `"${floor(trimspace(event.Padded))}" == "1"`, says: "digits"},
		{where: `-trimspace(event.Padded) < 1`, says: "digits"},
		{where: `"${1}e${event.Seven}" + 1 > 1`, says: "digits"},
		{where: `sum(["1e${event.Seven}", 1]) > 1`, says: "digits"},
		{where: `max([1, "1e${event.Seven}"]...) > 1`, says: "digits"},
		{where: `format("%s %d", event.Mac, event.Count) == "001e13123456 15"`, says: "digits"},
		{where: `formatlist("%d", split(",", event.Listed))[0] == ""`, says: "digits"},
		{where: `format("%0${event.Seven}s", "x") == ""`, says: "width"},
		{where: `local.names[trimspace(event.Padded)] == "x"`, says: "digits"},
		{where: `local.names[local.names[split(",", event.Listed)[0] - 1]] == "x"`, says: "digits"},
		{where: `{ "001e13123456" = "x" }[event.Mac] == "x" && tomap({ "001e13123456" = "x" })[event.Mac] == "x"`, want: true},
		{where: `local.names[event.Count - 15] == "Provision"`, want: true},
		{where: `1e999 * 1e999 > 1 && tonumber("1e9998") + 1 > 1 && "1e-9999" + 1 == 1 && event.Count > 1`, want: true},
		{where: `"1e999${event.Count}" * 1e99 > 1`, says: "digits"},
		{where: `indent(event.Wide, "x\ny") == ""`, says: "0 to 100 spaces"},
		{where: `indent(-1 * event.Count, "x\ny") == ""`, says: "0 to 100 spaces"},
		{where: `indent(event.Count, "x\ny") == "x\n               y"`, want: true},
	} {
		got, diags := waiting(t, "where = "+c.where).Matches(event)
		if got != c.want || diags.HasErrors() != (c.says != "") {
			t.Errorf("%s: %t, %v", c.where, got, diags)
			continue
		}
		if c.says != "" && (!strings.Contains(diags[0].Detail, c.says) || len(diags[0].Detail) > 2000) {
			t.Errorf("%s: the diagnostic does not say %q: %v", c.where, c.says, diags)
		}
	}
}

// What needs tell without evaluating is what evaluating tells.
func TestEventTrigger_needs(t *testing.T) {
	trigger := waiting(t, `where = (event.A == "1") && "2" == event.B && event.C != "3"`)
	if diff := cmp.Diff([]need{{"A", "1"}, {"B", "2"}}, trigger.needs, cmp.AllowUnexported(need{})); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
	values := []string{"1", "2", "3", "é"}
	for _, a := range values {
		for _, b := range values {
			for _, extra := range []EventHeaders{nil, headers("a", "1"), headers("B", "2"), headers("C", "3")} {
				h := append(headers("A", a, "B", b), extra...)
				got, _ := trigger.Matches(h)
				v, diags := trigger.where.eval(h)
				if diags.HasErrors() || v.True() != got {
					t.Errorf("%v: %t, evaluated %v %v", h, got, v, diags)
				}
			}
		}
	}
}

func TestEventTrigger_Key(t *testing.T) {
	for _, c := range []struct {
		key  string
		want string
		says string
	}{
		{key: `event.Device`, want: "1001"},
		{key: `event.Count`, want: "15"},
		{key: `"${event.Device}@${each.key}"`, want: "1001@hq"},
		{key: `event.Nothing`},
		{key: `"${event.Nothing}"`},
		{key: `"${event.Nothing}!"`, says: "null"},
		{key: `event.Variable`, says: "string"},
		{key: `event.Dollar`, want: "${event.Device}"},
	} {
		trigger := waiting(t, "debounce = \"1s\"\nkey = "+c.key)
		got, diags := trigger.Key(headers("Device", "1001", "Count", "15", "Variable", "a", "Variable", "b", "Dollar", "${event.Device}"))
		if got != c.want || diags.HasErrors() != (c.says != "") {
			t.Errorf("%s: %q, %v", c.key, got, diags)
		}
		if c.says != "" && !strings.Contains(diags[0].Detail, c.says) {
			t.Errorf("%s: the diagnostic does not say %q: %v", c.key, c.says, diags)
		}
	}
	trigger := waiting(t, "debounce = \"1s\"\nkey = event.Device")
	one, _ := trigger.Key(headers("Device", strings.Repeat("ü", 1<<19)+"1"))
	other, _ := trigger.Key(headers("Device", strings.Repeat("ü", 1<<19)+"2"))
	if one == other || len(one) > 2*maxKey {
		t.Errorf("long keys: %q and %q", one, other)
	}
	if none, diags := waiting(t, "").Key(headers("Device", "1001")); none != "" || len(diags) > 0 {
		t.Errorf("without a key: %q, %v", none, diags)
	}
}

func TestEventTrigger_goroutines(t *testing.T) {
	trigger := waiting(t, "debounce = \"1s\"\nwhere = contains(local.names, event.UserEvent)\nkey = event.Device")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			h := headers("UserEvent", "Resync", "Device", strings.Repeat("1", i))
			for range 100 {
				if fits, diags := trigger.Matches(h); !fits || len(diags) > 0 {
					t.Errorf("does not match: %v", diags)
				}
				if key, _ := trigger.Key(h); key != strings.Repeat("1", i) {
					t.Errorf("the key is %q", key)
				}
			}
		})
	}
	wg.Wait()
}

func TestEventTrigger_arguments(t *testing.T) {
	cfg := one(t, `
pbx "lab" {
  simulator {}
}
user_event "x" {
  pbx = pbx.hq
  trigger "event" {
    name         = "ContactStatus"
    where        = (
      event.ContactStatus == "Reachable" # again
    )
    key          = event.AOR
    debounce     = "10s"
    throttle     = "6/m"
    own_events   = "fire"
    on_reconnect = "fire"
    pbx          = pbx.lab
  }
  trigger "event" {
    name = "Hangup"
  }
}
`)
	got := cfg.Jobs[0].Triggers[0].(*EventTrigger)
	if got.PBX != cfg.PBXs[1] || got.Name != "ContactStatus" || got.Debounce != 10*time.Second || got.Throttle != 0.1 || got.OwnEvents != OwnFire || !got.OnReconnect {
		t.Errorf("got %+v", got)
	}
	if got.KeyBy != "event.AOR" || !strings.Contains(got.Where, `event.ContactStatus == "Reachable"`) || strings.Contains(got.Where, "\n") {
		t.Errorf("where %q, key %q", got.Where, got.KeyBy)
	}
	if plain := cfg.Jobs[0].Triggers[1].(*EventTrigger); plain.PBX != cfg.PBXs[0] || plain.OwnEvents != OwnIgnore || plain.OnReconnect || plain.Digest() != "" {
		t.Errorf("got %+v", plain)
	}
}

func BenchmarkEventTrigger_Matches(b *testing.B) {
	h := headers("Event", "UserEvent", "Privilege", "user,all", "UserEvent", "Provision", "Device", "1001", "Channel", "PJSIP/1001-00000001", "Uniqueid", "1234567890.1")
	for _, c := range []struct{ name, where string }{
		{"equal", `event.UserEvent == "Provision" && event.Device == "1001"`},
		{"other", `event.UserEvent == "Resync"`},
		{"function", `contains(local.names, event.UserEvent) && startswith(event.Channel, "PJSIP/")`},
	} {
		b.Run(c.name, func(b *testing.B) {
			trigger := waiting(b, "where = "+c.where)
			for b.Loop() {
				if _, diags := trigger.Matches(h); len(diags) > 0 {
					b.Fatal(diags)
				}
			}
		})
	}
}

package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// A body that is a text is read by schema as the application UserEvent reads its
// arguments, and amiclient writes them so that the application reads them again.
// Neither knows of the other: here both are held against one model, and so
// against each other.

// bodies are texts that a body may be.
var bodies = []string{
	"Site:hq", "Site:hq,Firmware: 1.2", "A:", "A:b:c: d", `Note:"a,b",Path:a:b`, `Escaped:x\,y`, "List:(1,2),Next:3", `Open:"(",a:1),Last:x\`,
	`[a,b]:c,d:]`, `Quote:\"x\",Back:\\`, `"A:1,B:2"`, `A:"x`, `A:(x,B:y`, `A:x),B:y`, `A:)(,B:1)`, `A:\ x\ `, "A: \t x \r ,B:\u00a0x\u00a0", `A\,b:c`, `A(1):x`,
	"A:ü,É:中", "A:1,A:2", "A:1,,B:2", "A", " A:1", ":x", `\:x`, "A:x\x01", "A:\x01", "", ",", `\`, `"`, "(", `A:"\"",B:"\\"`, `A:[(,)],B:1`, "A:\"[\",B:]",
	strings.TrimSuffix(strings.Repeat("A:1,", 120), ","), "eventname:x", "Privilege:x", "${A}:%{B}",
}

func TestBody(t *testing.T) {
	job := bodyJob(t)
	sent := 0
	for _, text := range bodies {
		if holdBody(t, job, text) {
			sent++
		}
	}
	if sent < 20 {
		t.Errorf("only %d bodies can be sent", sent)
	}
}

func FuzzBody(f *testing.F) {
	for _, text := range bodies {
		f.Add(text)
	}
	job := bodyJob(f)
	f.Fuzz(func(t *testing.T, text string) { holdBody(t, job, text) })
}

func bodyJob(t testing.TB) *schema.Job {
	return configure(t, `
pbx "hq" {
  simulator {}
}
user_event "x" {
  pbx     = pbx.hq
  via     = "dialplan"
  channel = "Local/s@notify"
  body    = trigger.event.Body
}
`).Jobs[0]
}

// holdBody tells whether an event of the body can be sent.
func holdBody(t *testing.T, job *schema.Job, text string) bool {
	when, diags := job.When(schema.Fired{Kind: "event", Event: schema.EventHeaders{{Name: "Body", Value: text}}})
	if diags.HasErrors() {
		return false
	}
	e, diags := when.Event()
	if diags.HasErrors() {
		t.Fatalf("%q: %v", text, diags)
	}
	var read []amiclient.Header
	for _, h := range e.Body {
		read = append(read, amiclient.Header{Name: h.Name, Value: h.Value.Reveal()})
	}
	// What is beyond has other forms in Unicode, of which schema takes one.
	if latin := strings.IndexFunc(text, func(r rune) bool { return r >= 0x300 }) < 0; latin && text != "" && len(read) < 100 {
		if diff := cmp.Diff(headersOf(arguments(text)), read); diff != "" {
			t.Errorf("%q is read otherwise than by Asterisk (-Asterisk +schema):\n%s", text, diff)
		}
	}
	action := eventAction(e, "")
	if action.Check() != nil {
		return false
	}
	i := slices.IndexFunc(action.Headers, func(h amiclient.Header) bool { return h.Name == "Data" })
	pieces := arguments(action.Headers[i].Value)
	if diff := cmp.Diff(read, headersOf(pieces[1:])); pieces[0] != "x" || diff != "" {
		t.Errorf("%q: Asterisk reads %q otherwise than it was meant (-schema +Asterisk):\n%s", text, action.Headers[i].Value, diff)
	}
	return true
}

// arguments takes text apart as main/app.c: __ast_app_separate_args does, which
// works in place.
func arguments(text string) (pieces []string) {
	buf := []byte(text)
	start, round, square, quoted := 0, 0, 0, false
	remove := func(at int) { buf = slices.Delete(buf, at, at+1) }
	for at := 0; at < len(buf); at++ {
		switch buf[at] {
		case '(':
			round++
		case ')':
			round = max(0, round-1)
		case '[':
			square++
		case ']':
			square = max(0, square-1)
		case '"':
			quoted = !quoted
			remove(at)
			at--
		case '\\':
			remove(at) // and what follows is passed over
		case ',':
			if round == 0 && square == 0 && !quoted {
				pieces = append(pieces, string(buf[start:at]))
				start = at + 1
			}
		}
	}
	return append(pieces, string(buf[start:]))
}

// headersOf makes headers of what follows the name of an event, as
// apps/app_userevent.c: userevent_exec does.
func headersOf(pieces []string) (headers []amiclient.Header) {
	for _, p := range pieces {
		name, value, found := strings.Cut(p, ":")
		if !found {
			continue
		}
		for value != "" && value[0] <= ' ' {
			value = value[1:]
		}
		for value != "" && value[len(value)-1] <= ' ' {
			value = value[:len(value)-1]
		}
		headers = append(headers, amiclient.Header{Name: name, Value: value})
	}
	return headers
}

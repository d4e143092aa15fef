package amiclient

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A raised is the user event that Asterisk makes of the arguments of the
// application, as a second opinion on what was written (apps/app_userevent.c:
// userevent_exec; main/stasis.c: multi_user_event_to_ami).
type raised struct {
	name    string
	headers []Header
}

// raise returns ok false where there is no event. It is the model that
// amitest.TestDialplanUserEvent and the conformance table hold against servers.
func raise(data string) (e raised, ok bool) {
	// ast_strip: up to the blank all is one.
	strip := func(s string) string {
		return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	}
	pieces := separateArguments(data, 101)
	if len(pieces) == 0 || !utf8.ValidString(pieces[0]) {
		return e, false
	}
	e.name = pieces[0]
	for _, piece := range pieces[1:] {
		key, value, found := strings.Cut(piece, ":")
		if !found {
			continue
		}
		if !utf8.ValidString(piece) {
			return e, false
		}
		i := slices.IndexFunc(e.headers, func(h Header) bool { return h.Name == key })
		switch value = strip(value); {
		case key == "eventname":
			e.name = value
		case i >= 0:
			e.headers[i].Value = value
		default:
			e.headers = append(e.headers, Header{key, value})
		}
	}
	return e, true
}

// dataOf returns the Data of an Originate as Asterisk reads the line.
func dataOf(a Action) string {
	for _, h := range a.Headers {
		if h.Name == "Data" {
			return strings.TrimLeftFunc(h.Value, func(r rune) bool { return r <= ' ' })
		}
	}
	return ""
}

const someone = "Local/event@notifyrun/n"

func TestDialplanUserEvent(t *testing.T) {
	numbered := func(n int) (headers []Header) {
		for i := range n {
			headers = append(headers, Header{"h" + strings.Repeat("i", i), ""})
		}
		return headers
	}
	for _, test := range []struct {
		name    string
		event   string
		headers []Header
		data    string // "": refused
		refused string
	}{
		{"bare", "Reboot", nil, "Reboot", ""},
		{"as usual", "Reboot", []Header{{"Phone", "101"}, {"Site", "hq"}}, "Reboot,Phone:101,Site:hq", ""},
		{"empty value", "R", []Header{{"A", ""}}, "R,A:", ""},
		{"colons in a value", "R", []Header{{"A", "b:c: d"}}, "R,A:b:c: d", ""},
		{"colon in the event's name", "a:b", nil, "a:b", ""},
		{"special characters", `a,"b`, []Header{{`k(1)`, `[x] \ "y", z`}}, `a\,\"b,k\(1\):\[x\] \\ \"y\"\, z`, ""},
		{"nothing else is special", "R", []Header{{"A", "${EXTEN} %& ; | ' <> {} ~"}}, "R,A:${EXTEN} %& ; | ' <> {} ~", ""},
		{"blanks inside", " a  b ", []Header{{" k ", "v w\tx"}}, `\ a  b , k :v w` + "\tx", ""},
		{"names that differ in case", "R", []Header{{"A", "1"}, {"a", "2"}, {"EventName", "3"}}, "R,A:1,a:2,EventName:3", ""},
		{"UTF-8", "Ü", []Header{{"é", "中"}}, "Ü,é:中", ""},
		{"of a channel's name", "R", []Header{{"Exten", "5"}, {"Uniqueid", "6"}}, "R,Exten:5,Uniqueid:6", ""},

		{"no name", "", nil, "", "user event name"},
		{"line end in the name", "a\r\nb", nil, "", "user event name"},
		{"name that is not UTF-8", "\xff", nil, "", "user event name"},
		{"header without a name", "R", []Header{{"", "x"}}, "", "user event header"},
		{"colon in a header's name", "R", []Header{{"a:b", "x"}}, "", "user event header a"},
		{"colon at its end", "R", []Header{{"a:", ""}}, "", "user event header a"},
		{"colon after what is escaped", "R", []Header{{"a,b:c", "x"}}, "", "user event header a,b"},
		{"repeated", "R", []Header{{"A", "1"}, {"B", "2"}, {"A", "3"}}, "", "user event header A"},
		{"eventname", "R", []Header{{"eventname", "x"}}, "", "user event header eventname"},
		{"blank before", "R", []Header{{"A", " x"}}, "", "user event header A"},
		{"blank after", "R", []Header{{"A", "x "}}, "", "user event header A"},
		{"only a blank", "R", []Header{{"A", " "}}, "", "user event header A"},
		{"tab after what is escaped", "R", []Header{{"A,", "x,\t"}}, "", "user event header A,"},
		{"line end in a value", "R", []Header{{"A", "x\r\nEvent: Shutdown"}}, "", "user event header A"},
		{"line end at the end", "R", []Header{{"A", "x\n"}}, "", "user event header A, user event header A"},
		{"NUL", "R", []Header{{"A", "x\x00y"}}, "", "user event header A"},
		{"line end in a header's name", "R", []Header{{"A\nB", "x"}}, "", "user event header A\nB"},
		{"tab in a header's name", "R", []Header{{"A\tB", "x"}}, "", "user event header A\tB"},
		{"value that is not UTF-8", "R", []Header{{"A", "\xe4"}}, "", "user event header A"},
		{"header's name that is not UTF-8", "R", []Header{{"\xe4", ""}}, "", "user event header \uFFFD"},
		{"reserved", "R", []Header{{"event", "x"}, {"Privilege", "y"}, {"UserEvent", "z"}, {"actionid", "1"}}, "",
			"user event header event, user event header Privilege, user event header UserEvent, user event header actionid"},
		{"too many", "R", numbered(100), "", "message, message"},
		{"too long", "R", []Header{{"A", strings.Repeat(",", 600)}}, "", "message"},
	} {
		a := DialplanUserEvent{Channel: someone, Name: test.event, Headers: test.headers}.Action()
		if got := fields(t, a.Check()); got != test.refused && !(test.name == "too many" && strings.Contains(got, "message")) {
			t.Errorf("%s: refused %q, want %q", test.name, got, test.refused)
		}
		if test.refused != "" {
			continue
		}
		if got := dataOf(a); got != test.data {
			t.Errorf("%s: %s, want %s", test.name, got, test.data)
		}
		if e, ok := raise(dataOf(a)); !ok || e.name != test.event || !slices.Equal(e.headers, test.headers) {
			t.Errorf("%s: Asterisk raises %+v", test.name, e)
		}
	}
	full := DialplanUserEvent{Channel: someone, Name: "R"}
	for i := range 99 {
		full.Headers = append(full.Headers, Header{string(rune(0x100 + i)), ","})
	}
	if err := full.Action().Check(); err != nil {
		t.Errorf("99 headers: %v", err)
	}
	if e, ok := raise(dataOf(full.Action())); !ok || !slices.Equal(e.headers, full.Headers) {
		t.Errorf("Asterisk makes of 99 headers %+v", e)
	}
}

func TestDialplanUserEvent_Action(t *testing.T) {
	got := DialplanUserEvent{Channel: someone, Name: "R", ID: "id-1", Timeout: 1500000000}.Action()
	want := raw("Originate", "Channel", someone, "Application", "UserEvent", "Data", "R", "Timeout", "1500", "ChannelId", "id-1", "Async", "true")
	if got.Name != want.Name || !slices.Equal(got.Headers, want.Headers) {
		t.Errorf("%q, want %q", got.Headers, want.Headers)
	}
	for name, e := range map[string]DialplanUserEvent{
		"channel":          {Name: "R"},
		"channel ":         {Name: "R", Channel: "Local"},
		"header ChannelId": {Name: "R", Channel: someone, ID: strings.Repeat("i", 150)},
	} {
		if got := fields(t, e.Action().Check()); got != strings.TrimSpace(name) {
			t.Errorf("refused %q, want %q", got, name)
		}
	}
}

// Arguments written by hand are taken as Asterisk takes them, and refused where
// it would drop or change any.
func TestOriginate_userEvent(t *testing.T) {
	for data, want := range map[string]string{
		"Reboot,Phone: 101,Site:hq": "", `R,"A:1,2",B: "x"`: "", "R": "", `R,A:`: "",
		"": "user event name", ",A:1": "user event name", "R,nocolon": "user event header", "R,A:1,A:2": "user event header A", "R,,A:1": "user event header", `R,"a:b":1`: "", `R,a\:b`: "user event header a",
		"R,A:\xff": "user event header A", "R,eventname:x": "user event header eventname", "R,A:1\r\nAction: Logoff": "user event header A", "R,A:\\ x": "user event header A",
		strings.Repeat("R,", 101): "",
	} {
		got := fields(t, Originate{Channel: someone, Application: "userevent", Data: data}.Action().Check())
		if len(data) > 200 {
			if !strings.HasSuffix(got, "message") {
				t.Errorf("too many: %q", got)
			}
		} else if got != want {
			t.Errorf("%q: refused %q, want %q", data, got, want)
		}
	}
	twice := raw("Originate", "Channel", someone, "Application", "UserEvent", "Data", "R", "data", "x\r\nAction: Logoff")
	if got := fields(t, twice.Check()); got != "header data" {
		t.Errorf("given twice: %q", got)
	}
}

// FuzzDialplanUserEvent: what is not refused, Asterisk raises as it was given;
// what is refused would come to something else, or mislead.
func FuzzDialplanUserEvent(f *testing.F) {
	f.Add("Reboot", "Phone", "101", "Site", "hq")
	f.Add(`a,"b\`, `(k`, `[v,`, `]`, `"`)
	f.Add(" x ", " k ", "a b", "é", "中\t文")
	f.Add("R", "a:b", " v", "a", "v ")
	f.Add("R", "eventname", "x", "A", "\xff")
	f.Add("R", "A", "1", "A", "2")
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, name, key1, value1, key2, value2 string) {
		headers := []Header{{key1, value1}, {key2, value2}}
		a := DialplanUserEvent{Channel: someone, Name: name, Headers: headers}.Action()
		wire, err := a.Append(nil, "id")
		e, ok := raise(dataOf(a))
		same := ok && e.name == name && slices.Equal(e.headers, headers)
		if err == nil {
			if !same {
				t.Fatalf("%q %q: Asterisk raises %+v (%t)", name, headers, e, ok)
			}
			if n := strings.Count(string(wire), "\n"); n != 7 || strings.Count(string(wire), "\r") != n || strings.IndexByte(string(wire), 0) >= 0 {
				t.Fatalf("broken framing: %q", wire)
			}
			return
		}
		if len(wire) != 0 {
			t.Fatalf("refused, but wrote %q", wire)
		}
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			field, ok := errors.AsType[*FieldError](e)
			if !ok {
				t.Fatalf("%v", e)
			}
			if strings.Contains(field.Reason, "control character") || strings.Contains(field.Reason, "its line has") || strings.Contains(field.Reason, "meaning of its own") ||
				strings.Contains(field.Reason, "no name before") || field.Field == FieldName && name == "" {
				return // that is not about what arrives
			}
		}
		if same {
			t.Fatalf("%q %q is refused, and would arrive: %v", name, headers, err)
		}
	})
}

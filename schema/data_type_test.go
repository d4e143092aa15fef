package schema

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

func ptr[T any](v T) *T { return &v }

// sampleData has one of each kind with every field set, and one with as little
// as there can be.
func sampleData() map[string][]any {
	return map[string][]any{
		"pjsip_contacts": {
			&PJSIPContacts{[]PJSIPContact{
				{"1001", "1001", "sip:1001@192.0.2.7:5060", "Yealink SIP-T46S 66.86.0.15", ptr("Reachable"), ptr(12.5), "192.0.2.7:5060", ptr("2026-11-22T10:00:00Z"), false, "abc@192.0.2.7", "<sip:edge>", 2},
				{Endpoint: "door", AOR: "door", URI: "sip:door@192.0.2.9", Static: true, ContactCount: 1},
			}},
			&PJSIPContacts{[]PJSIPContact{}},
		},
		"pjsip_endpoints": {
			&PJSIPEndpoints{[]PJSIPEndpoint{{"1001", []string{"1001", "mobile"}, "udp", "NOT_INUSE", ptr(1), 2}, {Endpoint: "1002", AORs: []string{}}}},
			&PJSIPEndpoints{[]PJSIPEndpoint{}},
		},
		"sip_peers": {
			&SIPPeers{[]SIPPeer{{"1001", "SIP/1001", ptr("192.0.2.7"), ptr(5060), true, "OK", ptr(3.0), ptr("Snom")}, {Peer: "1002", Target: "SIP/1002"}}},
			&SIPPeers{[]SIPPeer{}},
		},
		"device_states":   {&DeviceStates{[]DeviceState{{"PJSIP/1001", "NOT_INUSE"}}}, &DeviceStates{[]DeviceState{}}},
		"voicemail_users": {&VoicemailUsers{[]VoicemailUser{{"default", "1001", 2, 3}}}, &VoicemailUsers{[]VoicemailUser{}}},
		"pbx_info": {
			&PBXInfo{"22.10.1", "11.0.0", "hq", ptr(60), ptr("2026-11-22T10:00:00Z"), ptr("2026-11-22T10:00:00Z"), []string{"chan_pjsip"}, ptr("")},
			&PBXInfo{Version: "16.28.0"},
		},
	}
}

// The table says of each kind what the struct that is read has, no more and no
// less, and what is kept in the state comes back as it was.
func TestDataTypes(t *testing.T) {
	samples := sampleData()
	for _, typ := range DataTypes() {
		if len(samples[typ.Name]) == 0 {
			t.Errorf("%s has no sample", typ.Name)
		}
		for i, rows := range samples[typ.Name] {
			t.Run(fmt.Sprintf("%s %d", typ.Name, i), func(t *testing.T) {
				d := &Data{time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), rows}
				v := d.value()
				if !v.Type().Equals(typ.Type()) || !v.IsWhollyKnown() {
					t.Errorf("value is %#v, not of type %#v", v, typ.Type())
				}
				b, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				back, err := UnmarshalData(typ.Name, b)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(d, back); diff != "" {
					t.Errorf("came back otherwise (-was +is):\n%s", diff)
				}
			})
		}
	}
}

func TestUnmarshalData_refuses(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"sip_phones", `{}`, `decode data: unknown type "sip_phones"`},
		{"sip_peers", `{"rows":{"peers":[{"port":"x"}]}}`, "decode data of sip_peers: json: cannot unmarshal string into Go struct field SIPPeer.rows.peers.port of type int"},
		{"pbx_info", `{"rows":null}`, "decode data of pbx_info: there are no rows"},
	} {
		if _, err := UnmarshalData(c.typ, []byte(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("UnmarshalData(%q, %s): %v, want %s", c.typ, c.text, err, c.want)
		}
	}
}

// A state that another version wrote may lack a list: it is empty then, not null.
func TestData_value_nothing(t *testing.T) {
	d, err := UnmarshalData("pjsip_contacts", []byte(`{"read":"2026-11-22T09:00:00Z","rows":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if v := d.value().GetAttr("contacts"); v.IsNull() || v.LengthInt() != 0 {
		t.Errorf("contacts: %#v", v)
	}
}

// What is kept answers the request that it was read for; of what an earlier version
// has kept, only the type is known.
func TestKeptData_Answers(t *testing.T) {
	ask := func(typ, pbx string, endpoints ...string) *DataRequest {
		args := map[string]cty.Value{}
		if endpoints != nil {
			args["endpoints"] = cty.SetVal(texts(endpoints))
		}
		return &DataRequest{Address: "data.pjsip_contacts.x", Type: typ, PBX: &PBX{Address: pbx}, Args: args}
	}
	r := ask("pjsip_contacts", "pbx.hq", "1001", "1002")
	kept, early := KeptData{Type: r.Type, Question: r.Question()}, KeptData{Type: r.Type}
	for _, c := range []struct {
		name        string
		r           *DataRequest
		kept, early bool
	}{
		{"the same", ask("pjsip_contacts", "pbx.hq", "1002", "1001"), true, true},
		{"fewer", ask("pjsip_contacts", "pbx.hq", "1001"), false, true},
		{"all", ask("pjsip_contacts", "pbx.hq"), false, true},
		{"another PBX", ask("pjsip_contacts", "pbx.other", "1001", "1002"), false, true},
		{"another type", ask("sip_peers", "pbx.hq", "1001", "1002"), false, false},
	} {
		if kept.Answers(c.r) != c.kept || early.Answers(c.r) != c.early {
			t.Errorf("%s: %t, of an earlier version %t", c.name, kept.Answers(c.r), early.Answers(c.r))
		}
	}
}

func BenchmarkData_value(b *testing.B) {
	contacts := make([]PJSIPContact, 20_000)
	for i := range contacts {
		name := fmt.Sprint(100_000 + i)
		contacts[i] = PJSIPContact{name, name, "sip:" + name + "@192.0.2.7:5060", "Yealink SIP-T46S 66.86.0.15", ptr("Reachable"), ptr(12.5), "192.0.2.7:5060", ptr("2026-11-22T10:00:00Z"), false, "abc@192.0.2.7", "", 1}
	}
	d := &Data{time.Now(), &PJSIPContacts{contacts}}
	var v cty.Value
	b.ReportAllocs()
	for b.Loop() {
		v = d.value()
	}
	if v.GetAttr("contacts").LengthInt() != len(contacts) {
		b.Fatal("contacts are missing")
	}
}

package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/schema"
)

// reading evaluates a configuration as it is when these contacts are read.
func reading(t testing.TB, text string, contacts ...schema.PJSIPContact) *schema.Config {
	t.Helper()
	rows := &schema.PJSIPContacts{Contacts: append([]schema.PJSIPContact{}, contacts...)}
	cfg := configureWith(t, text, map[string]*schema.Data{"data.pjsip_contacts.hq": {Read: start, Rows: rows}})
	if len(cfg.Unread) > 0 {
		t.Fatal(cfg.Unread)
	}
	return cfg
}

// toContacts is a job for all contacts that are read.
func toContacts(message, trigger string) string {
	return registered + fmt.Sprintf("sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = data.pjsip_contacts.hq.contacts\n  message {\n    event = \"check-sync\"\n    %s\n  }\n  trigger \"change\" {\n    %s\n  }\n}\n", message, trigger)
}

// Phones that come and go are no change of a job whose targets a data source says:
// those that come get what they have not had.
func TestPlan_liveTargets(t *testing.T) {
	for name, message := range map[string]string{"to each its own": "headers = { X-Was = target.user_agent }", "the same to all": ""} {
		with := func(firmware string, endpoints ...string) *schema.Config {
			var contacts []schema.PJSIPContact
			for _, e := range endpoints {
				contacts = append(contacts, schema.PJSIPContact{Endpoint: e, AOR: e, URI: "sip:" + e + "@192.0.2.1", UserAgent: "Phone of " + e, ContactCount: 1})
			}
			return reading(t, toContacts(message, fmt.Sprintf("on = %q", firmware)), contacts...)
		}
		state := after(t, plan(t, with("1.2.3", "1001", "1002"), &State{}), 2)
		for _, c := range []struct {
			name      string
			firmware  string
			endpoints []string
			op        Op
			fires     []string
		}{
			{"the same", "1.2.3", []string{"1001", "1002"}, NoOp, nil},
			{"one comes", "1.2.3", []string{"1001", "1002", "1003"}, NoOp, []string{"PJSIP/1003"}},
			{"all go", "1.2.3", nil, NoOp, nil},
			{"another revision", "1.2.4", []string{"1002", "1003"}, Change, []string{"PJSIP/1002", "PJSIP/1003"}},
		} {
			jp := plan(t, with(c.firmware, c.endpoints...), state).Jobs[0]
			var fires []string
			if jp.Fire != nil {
				for _, d := range jp.Fire.Deliveries {
					fires = append(fires, d.Target)
				}
			}
			if jp.Op != c.op || !slices.Equal(fires, c.fires) {
				t.Errorf("%s, %s: %s, fires for %v: %+v", name, c.name, jp.Op, fires, jp.Changes)
			}
		}
	}
}

// A phone that has registered an odd contact beside that of its endpoint is left
// out, with the reason, and does not keep the others from their NOTIFY.
func TestPlan_oddContact(t *testing.T) {
	contacts := func(uris ...string) *schema.Config {
		var rows []schema.PJSIPContact
		for _, uri := range uris {
			rows = append(rows, schema.PJSIPContact{Endpoint: "1001", URI: uri, ContactCount: 2})
		}
		return reading(t, toContacts("", ""), rows...)
	}
	jp := plan(t, contacts("sip:1001@192.0.2.1", "sip:a b@192.0.2.1", `sip:1001@192.0.2.2;x="y"`, "sip:1001@192.0.2.3:5062;ob"), &State{}).Jobs[0]
	var sent []string
	for _, d := range jp.Fire.Deliveries {
		sent = append(sent, d.Target)
	}
	if want := []string{"PJSIP/1001/sip:1001@192.0.2.1", "PJSIP/1001/sip:1001@192.0.2.3:5062;ob"}; !slices.Equal(sent, want) {
		t.Errorf("sent to %v", sent)
	}
	if len(jp.Skips) != 2 || !strings.HasPrefix(jp.Skips[0].Reason, "the URI of the contact cannot be sent to: ") || !SkippedForGood(jp.Skips[1].Reason) || jp.Skips[1].Target != `PJSIP/1001/sip:1001@192.0.2.2;x="y"` {
		t.Errorf("left out: %+v", jp.Skips)
	}
	// With no other contact there, it is the same job all the same.
	attrs := plan(t, contacts("sip:a b@192.0.2.1"), &State{}).Jobs[0].Attrs
	if diff := cmp.Diff(jp.Attrs, attrs); diff != "" {
		t.Errorf("the job (-of all +of the odd one):\n%s", diff)
	}
}

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/schema"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// withContacts is a configuration whose phones are those that are registered.
func withContacts(t *testing.T, firmware string, endpoints ...string) *schema.Config {
	t.Helper()
	src, diags := schema.Open(writeConfig(t, fmt.Sprintf(`
		pbx "hq" {
		  simulator {}
		}
		data "pjsip_contacts" "all" {
		  pbx = pbx.hq
		}
		sip_notify "x" {
		  pbx     = pbx.hq
		  targets = data.pjsip_contacts.all.contacts
		  message {
		    event   = "check-sync"
		    headers = { X-Was = target.user_agent }
		  }
		  trigger "change" {
		    on = %q
		  }
		}`, firmware)))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	rows := &schema.PJSIPContacts{}
	for _, name := range endpoints {
		rows.Contacts = append(rows.Contacts, schema.PJSIPContact{Endpoint: name, AOR: name, URI: "sip:" + name + "@192.0.2.1", UserAgent: "Phone of " + name, ContactCount: 1})
	}
	cfg, diags := schema.Load(src, schema.Values{Data: map[string]*schema.Data{"data.pjsip_contacts.all": {Read: start, Rows: rows}}})
	if diags.HasErrors() || len(cfg.Unread) > 0 {
		t.Fatal(diags, cfg.Unread)
	}
	return cfg
}

// Phones that come and go are no change of a job whose targets a data source says:
// those that come get what they have not had.
func TestPlan_liveTargets(t *testing.T) {
	state := after(t, plan(t, withContacts(t, "1.2.3", "1001", "1002"), &State{}), 2)
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
		jp := plan(t, withContacts(t, c.firmware, c.endpoints...), state).Jobs[0]
		var fires []string
		if jp.Fire != nil {
			for _, d := range jp.Fire.Deliveries {
				fires = append(fires, d.Target)
			}
		}
		if jp.Op != c.op || !slices.Equal(fires, c.fires) {
			t.Errorf("%s: %s, fires for %v: %+v", c.name, jp.Op, fires, jp.Changes)
		}
	}
}

// A phone that has registered an odd contact beside that of its endpoint is left
// out, with the reason, and does not keep the others from their NOTIFY.
func TestPlan_oddContact(t *testing.T) {
	contacts := func(uris ...string) *schema.Config {
		src, diags := schema.Open(writeConfig(t, `
			pbx "hq" {
			  simulator {}
			}
			data "pjsip_contacts" "all" {
			  pbx = pbx.hq
			}
			sip_notify "x" {
			  pbx     = pbx.hq
			  targets = data.pjsip_contacts.all.contacts
			  message {
			    event = "check-sync"
			  }
			  trigger "change" {}
			}`))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		rows := &schema.PJSIPContacts{}
		for _, uri := range uris {
			rows.Contacts = append(rows.Contacts, schema.PJSIPContact{Endpoint: "1001", URI: uri, ContactCount: len(uris)})
		}
		cfg, diags := schema.Load(src, schema.Values{Data: map[string]*schema.Data{"data.pjsip_contacts.all": {Read: start, Rows: rows}}})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return cfg
	}
	jp := plan(t, contacts("sip:1001@192.0.2.1", "sip:a b@192.0.2.1", `sip:1001@192.0.2.2;x="y"`, "sip:1001@192.0.2.3:5062;ob"), &State{}).Jobs[0]
	var sent []string
	for _, d := range jp.Fire.Deliveries {
		sent = append(sent, d.Target)
	}
	if want := []string{"PJSIP/1001/sip:1001@192.0.2.1", "PJSIP/1001/sip:1001@192.0.2.3:5062;ob"}; !slices.Equal(sent, want) {
		t.Errorf("sent to %v", sent)
	}
	if len(jp.Skips) != 2 || !strings.Contains(jp.Skips[0].Reason, "the URI of the contact cannot be sent to: ") || jp.Skips[1].Target != `PJSIP/1001/sip:1001@192.0.2.2;x="y"` {
		t.Errorf("left out: %+v", jp.Skips)
	}
}

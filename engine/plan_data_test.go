package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/notifyrun/notifyrun/schema"
)

// withContacts is a configuration whose phones are those that are registered.
func withContacts(t *testing.T, firmware string, endpoints ...string) *schema.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.hcl")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
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
		}`, firmware), 0o600); err != nil {
		t.Fatal(err)
	}
	src, diags := schema.Open(file)
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

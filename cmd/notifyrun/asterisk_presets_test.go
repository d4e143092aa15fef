package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/astconf"
	"github.com/notifyrun/notifyrun/schema"
)

// TestAsterisk_Presets sends every preset of the catalogue through real servers, by
// both of their actions: the phone hears what the catalogue says, byte for byte, and
// nothing else that the server does not add to every NOTIFY.
func TestAsterisk_Presets(t *testing.T) {
	type preset struct {
		name string
		schema.Preset
	}
	var all []preset
	for _, v := range schema.Vendors() {
		for _, p := range v.Presets {
			for _, name := range append([]string{p.Action}, p.Aliases...) {
				all = append(all, preset{"preset." + v.ID + "." + name, p})
			}
		}
	}
	for _, c := range []struct {
		major int
		tech  string
	}{{16, "SIP"}, {16, "PJSIP"}, {22, "PJSIP"}} {
		t.Run(fmt.Sprintf("%s on %d", c.tech, c.major), func(t *testing.T) {
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, c.major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: len(all) + 1})
			var config strings.Builder
			fmt.Fprintf(&config, "pbx \"rig\" {\n  address = %q\n  username = %q\n  secret = var.secret\n}\nvariable \"secret\" {\n  sensitive = true\n}\n", server.Addr, amitest.UserMinimal)
			job := func(i int, message string) {
				fmt.Fprintf(&config, "sip_notify \"p%d\" {\n  pbx = pbx.rig\n  targets = [\"%s/%d\"]\n  message = %s\n  trigger \"change\" {}\n}\n", i, c.tech, 1001+i, message)
			}
			for i, p := range all {
				job(i, p.name)
			}
			job(len(all), "message.bare") // what the server adds to every NOTIFY
			config.WriteString("message \"bare\" {\n  event = \"x\"\n}\n")
			dir := t.TempDir()
			write(t, dir, "main.hcl", config.String())
			environ := []string{"NOTIFYRUN_VAR_secret=" + amitest.Secret}
			if code, out, errs := execute(t, "", environ, "apply", "-auto-approve", dir); code != exitOK {
				t.Fatalf("apply: exit code %d\n%s%s", code, out, errs)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			requests, err := phone.Wait(ctx, len(all)+1)
			if err != nil {
				t.Fatalf("the phone got %d of %d NOTIFYs: %v", phone.Count(), len(all)+1, err)
			}
			// chan_sip does not say in the request which peer it is for, so all are
			// compared at once: what is the preset's own of each, and its body.
			bare := requests[slices.IndexFunc(requests, func(r *amitest.Request) bool { event, _ := r.Get("Event"); return event == "x" })]
			var got, want []string
			for _, r := range requests {
				if r == bare {
					continue
				}
				event, _ := r.Get("Event")
				own := "Event: " + event + "\n"
				for _, h := range r.Headers {
					if _, common := bare.Get(h.Name); !common {
						own += h.Name + ": " + h.Value + "\n"
					}
				}
				got = append(got, own+"\n"+string(r.Body))
			}
			for _, p := range all {
				own, body := "Event: "+p.Event+"\n", ""
				for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
					own += name + ": " + p.Headers[name] + "\n"
				}
				if p.Content != nil {
					own += "Content-Type: " + p.ContentType + "\n"
					body = strings.ReplaceAll(*p.Content, "\n", "\r\n")
				}
				want = append(want, own+"\n"+body)
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the phone heard (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPresets_samples: what the catalogue says it has from a section of Asterisk's
// sample file stands there.
func TestPresets_samples(t *testing.T) {
	config, err := astconf.Parse(astconf.None, "sip_notify.conf", []byte(stockSample(t, 16, "sip_notify.conf")))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, v := range schema.Vendors() {
		for _, p := range v.Presets {
			for _, source := range p.Source {
				name, ok := strings.CutPrefix(source, "Asterisk, configs/samples/sip_notify.conf.sample, ")
				if !ok {
					continue
				}
				found++
				i := slices.IndexFunc(config.Sections, func(s *astconf.Section) bool { return s.Name == name })
				if i < 0 || !slices.ContainsFunc(config.Sections[i].Variables, func(v astconf.Variable) bool { return v.Name == "Event" && v.Value == p.Event }) {
					t.Errorf("preset.%s.%s: the section %s has no Event %s", v.ID, p.Action, name, p.Event)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("%d presets are of the sample file", found)
	}
}

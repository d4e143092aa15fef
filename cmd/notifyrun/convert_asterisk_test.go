package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// TestConvert_asterisk has real servers send each section of odd files, and
// notifyrun the messages that convert makes of them: the phones hear the same.
func TestConvert_asterisk(t *testing.T) {
	own, err := os.ReadFile("testdata/convert/odd.conf")
	if err != nil {
		t.Fatal(err)
	}
	included, err := os.ReadFile("testdata/convert/included.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		major      int
		tech, file string
	}{{16, "SIP", "sip_notify.conf"}, {16, "PJSIP", "pjsip_notify.conf"}, {22, "PJSIP", "pjsip_notify.conf"}} {
		for _, source := range []string{"odd", "stock", "random"} {
			t.Run(fmt.Sprintf("%s %s on %d", source, c.tech, c.major), func(t *testing.T) {
				text := string(own)
				switch source {
				case "stock":
					text = stockSample(t, c.major, c.file)
				case "random":
					text = randomSections(rand.New(rand.NewPCG(3, uint64(c.major))), 100)
				}
				if c.tech == "PJSIP" {
					text = strings.Replace(text, "[general]", "[not-general]", 1)
				}
				files := map[string]string{c.file: text, "included.conf": string(included)}
				dir := t.TempDir()
				for name, text := range files {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				code, converted, errs := execute(t, "", nil, "convert", filepath.Join(dir, c.file))
				if code != exitOK {
					t.Fatalf("convert: exit code %d\n%s", code, errs)
				}
				sections := regexp.MustCompile(`(?m)^# \[(.*)\], `).FindAllStringSubmatch(converted, -1)
				messages := regexp.MustCompile(`(?m)^message "(.*)" \{`).FindAllStringSubmatch(converted, -1)
				n := len(sections)
				if n < 12 || len(messages) != n {
					t.Fatalf("%d sections gave %d messages:\n%s", n, len(messages), converted)
				}

				phone := amitest.StartPhone(t)
				server := amitest.StartAsterisk(t, c.major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: n, Files: files})
				ami, err := amiclient.Dial(t.Context(), amiclient.Config{Address: server.Addr, Username: amitest.UserFull, Secret: amitest.Secret})
				if err != nil {
					t.Fatal(err)
				}
				defer ami.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
				defer cancel()
				for i := range n {
					command := fmt.Sprintf(`pjsip send notify "%s" endpoint %d`, sections[i][1], 1001+i)
					if c.tech == "SIP" {
						command = fmt.Sprintf(`sip notify "%s" %d`, sections[i][1], 1001+i)
					}
					output, err := (amiclient.Command{Command: command}).Do(ctx, ami)
					if err != nil {
						t.Fatalf("%s: %v\n%s", command, err, server.Log())
					}
					if _, err := phone.Wait(ctx, i+1); err != nil {
						t.Fatalf("%s: %v: %q", command, err, output.Lines)
					}
				}
				want := phone.Requests()
				phone.Reset()

				var jobs strings.Builder
				for i := range n {
					fmt.Fprintf(&jobs, "sip_notify \"job%d\" {\n  pbx = pbx.rig\n  targets = [\"%s/%d\"]\n  message = message.%s\n  trigger \"change\" { on = \"1\" }\n}\n", i, c.tech, 1001+i, messages[i][1])
				}
				configuration := converted + fmt.Sprintf("pbx \"rig\" {\n  address = %q\n  username = %q\n  secret = var.secret\n  max_in_flight = 1\n  rate_limit = \"unlimited\"\n}\nvariable \"secret\" {\n  type = string\n  sensitive = true\n}\n", server.Addr, amitest.UserMinimal) + jobs.String()
				write(t, dir, "main.hcl", configuration)
				code, out, errs := execute(t, "", []string{"NOTIFYRUN_VAR_secret=" + amitest.Secret}, "apply", "-auto-approve", dir)
				if code != exitOK {
					t.Fatalf("apply: exit code %d\n%s%s\n%s", code, out, errs, configuration)
				}
				got, err := phone.Wait(ctx, n)
				if err != nil {
					t.Fatal(err)
				}
				if c.tech == "PJSIP" { // whose workers do not keep the order
					byUser := map[string]*amitest.Request{}
					for _, r := range got {
						byUser[r.User()] = r
					}
					for i, r := range want {
						got[i] = byUser[r.User()]
					}
				}
				for i := range n {
					if got[i] == nil {
						t.Errorf("[%s]: the phone heard nothing", sections[i][1])
						continue
					}
					if diff := cmp.Diff(comparable(want[i]), comparable(got[i])); diff != "" {
						t.Errorf("[%s]: Asterisk (-) sends other things than the message (+):\n%s", sections[i][1], diff)
					}
				}
			})
		}
	}
}

// randomSections puts sections together that can all be sent.
func randomSections(r *rand.Rand, n int) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	value := func() string {
		b := strings.Builder{}
		for range 1 + r.IntN(6) {
			b.WriteString(pick("a", "b c", " ", "\t", `\;`, `\\;`, `\\\;`, `\`, `"`, "'", ",", "(", ")", "[", "]", "{", "}", "$", "$"+"{x}", "%", "%{y}", "=", ">", "<", "é", "電", "#", "-", "--", ":", "EOT", "~", "|", "*/"))
		}
		return b.String()
	}
	var b strings.Builder
	b.WriteString("[t](!)\nX-Template = t\n[u](!,t)\nX-Second = " + value() + "\n")
	for i := range n {
		fmt.Fprintf(&b, "[s%d]%s%s\n", i, pick("", "", "(t)", "(u)", "(t,u)"), pick("", " ; comment", ";-- x --;"))
		lines := []string{pick("Event", "Event", "event", "EVENT") + pick("=", "=>", " => ") + pick("check-sync", "a"+value())}
		for range r.IntN(4) {
			lines = append(lines, pick("X-A", "X-B", "x-c", "Alert-Info", "Subject")+pick("=", "=>", " = ", " => ")+value())
		}
		if r.IntN(2) == 0 {
			lines = append(lines, pick("Content-Type", "Content-type", "content-type")+" => "+pick("text/plain", "application/xml"+`\;charset=utf-8`))
			for range 1 + r.IntN(4) {
				lines = append(lines, pick("Content", "content")+pick("=", "=>")+pick("", value(), value()))
			}
		}
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		for _, line := range lines {
			b.WriteString(pick("", "", " ", "\t") + line + pick("\n", "\n", "\r\n", " ; c\n", "\n\n"))
		}
	}
	return b.String()
}

// TestConvert_asterisk_general: of a file with a section general PJSIP takes
// nothing.
func TestConvert_asterisk_general(t *testing.T) {
	const text = "[GENERAL]\n[a]\nEvent=check-sync\n"
	for _, major := range []int{16, 22} {
		server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Files: map[string]string{"pjsip_notify.conf": text}})
		if output := server.CLI(t, "pjsip send notify a endpoint 1001"); !strings.Contains(output, "No such command") {
			t.Errorf("%d says %q", major, output)
		}
	}
	code, out, errs := execute(t, text, nil, "convert", "-tech", "PJSIP", "-")
	if code != exitError || !strings.Contains(errs, "PJSIP reserves the name") || !strings.Contains(out, `message "a"`) {
		t.Errorf("convert: exit code %d\n%s%s", code, out, errs)
	}
}

// stockSample is the sample file that Asterisk comes with.
func stockSample(t *testing.T, major int, name string) string {
	t.Helper()
	cache := os.Getenv("NOTIFYRUN_CACHE")
	if cache == "" {
		cache = "/var/cache/notifyrun"
	}
	text, err := os.ReadFile(filepath.Join(cache, "asterisk", fmt.Sprint(major), "usr/share/asterisk/conf/samples", name+".sample"))
	if err != nil {
		unavailable(t, err.Error())
	}
	return string(text)
}

// differs is what is another in each request: of Via and From a parameter.
var differs = regexp.MustCompile(`(branch|tag)=[^;>]*`)

// comparable is a request without what is another in each.
func comparable(r *amitest.Request) string {
	var b strings.Builder
	for line := range strings.SplitAfterSeq(string(r.Raw), "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "via", "from":
			line = differs.ReplaceAllString(line, "$1=*")
		case "call-id", "cseq", "date":
			line = name + "\r\n"
		}
		if strings.HasPrefix(line, "NOTIFY ") || strings.HasPrefix(line, "To:") || strings.HasPrefix(line, "Contact:") {
			line = regexp.MustCompile(`\b1\d\d\d@`).ReplaceAllString(line, "phone@")
		}
		b.WriteString(line)
	}
	return b.String()
}

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// page is one file of docs, by its headings of any level.
type page struct {
	text     string
	sections []pageSection
}

type pageSection struct {
	heading, body string // body: up to the next heading
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	p := page{text: string(b)}
	inCode := false
	for line := range strings.Lines(p.text) {
		if strings.HasPrefix(line, "```") {
			inCode = !inCode
		}
		if !inCode && strings.HasPrefix(line, "#") {
			p.sections = append(p.sections, pageSection{heading: strings.TrimSpace(strings.TrimLeft(line, "#"))})
		} else if n := len(p.sections); n > 0 {
			p.sections[n-1].body += line
		}
	}
	return p
}

func (p page) section(t *testing.T, heading string) string {
	t.Helper()
	i := slices.IndexFunc(p.sections, func(s pageSection) bool { return s.heading == heading })
	if i < 0 {
		t.Fatalf("the page has no section %q", heading)
	}
	return p.sections[i].body
}

// tables gives the rows of all tables whose header is this. No cell has a "|".
func tables(body, header string) (rows [][]string) {
	in := false
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		switch {
		case line == header:
			in = true
		case !strings.HasPrefix(line, "|"):
			in = false
		case in && !strings.HasPrefix(line, "|---"):
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// code gives the text of a cell that is all code.
func code(t *testing.T, cell string) string {
	t.Helper()
	text, ok := strings.CutPrefix(cell, "`")
	if text, ok2 := strings.CutSuffix(text, "`"); ok && ok2 && !strings.Contains(text, "`") {
		return text
	}
	t.Fatalf("the cell %s is not code alone", cell)
	return ""
}

// codeBlocks gives the blocks of code in a language.
func codeBlocks(text, language string) (blocks []string) {
	for _, part := range strings.Split("\n"+text, "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		blocks = append(blocks, block+"\n")
	}
	return blocks
}

// docFiles are what the examples of the pages read.
func docFiles(t *testing.T) map[string]string {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer server.Close()
	return map[string]string{
		"mailboxes.csv": "target,mailbox,new,old\nPJSIP/1001,1001,2,5\n",
		"ca.pem":        string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		"hq.secret":     "canary\n",
		"motd.txt":      "Site: hq\n",
		"hello.tftpl":   "Hello ${name}!",
		"site/site.hcl": "locals {\n}\n",
	}
}

// examine loads a configuration and checks what it would send, as validate
// does. The config is nil where there is a mistake.
func examine(t *testing.T, dir, text string) (*schema.Config, hcl.Diagnostics) {
	t.Helper()
	file := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	src, diags := schema.Open(file)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cfg, diags := schema.Load(src, schema.Values{Version: version, Environ: []string{
		schema.EnvPrefix + "hq_secret=canary", schema.EnvPrefix + "provisioning_token=canary",
	}})
	if !diags.HasErrors() {
		diags = append(diags, engine.Check(cfg)...)
	}
	if diags.HasErrors() {
		return nil, diags
	}
	return cfg, diags
}

func docDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range docFiles(t) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The frames into which fragments are put, by their first line.
const topFrame = `
pbx "hq" {
  simulator {}
}
message "reboot" {
  event = "check-sync;reboot=true"
}
window "any" {
  start = "22:00"
  end   = "05:00"
}
`

var frames = map[string]string{
	"# fragment": topFrame + "%s",
	"# fragment of a sip_notify": topFrame + `
sip_notify "x" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
%s
}
`,
}

// Every example in the pages is valid, and in canonical form.
func TestDocs_examples(t *testing.T) {
	dir := docDir(t)
	for _, name := range []string{"language.md", "operations.md", "schedules.md"} {
		for i, block := range codeBlocks(readPage(t, name).text, "hcl") {
			if formatted := string(schema.Format([]byte(block))); formatted != block {
				t.Errorf("docs/%s: block %d is not in canonical form:\n%s", name, i+1, cmp.Diff(block, formatted))
			}
			first, _, _ := strings.Cut(block, "\n")
			text := block
			if strings.HasPrefix(first, "# fragment") {
				frame, ok := frames[first]
				if !ok {
					t.Errorf("docs/%s: block %d: there is no frame for %q", name, i+1, first)
					continue
				}
				text = fmt.Sprintf(frame, block)
			}
			if _, diags := examine(t, dir, text); len(diags) > 0 {
				t.Errorf("docs/%s: block %d: %v\n%s", name, i+1, diags, block)
			}
		}
	}
}

// argumentFrames are configurations with each kind of block, %s in place of its
// arguments.
var argumentFrames = map[string]string{
	"notifyrun":       "notifyrun {\n%s\n}\n",
	"notifyrun state": "notifyrun {\n  state \"sqlite\" {\n%s\n}\n}\n",
	"variable":        "variable \"x\" {\n%s\n}\n",
	"variable validation": "variable \"x\" {\n default = 1\n validation {\n%s\n" +
		"}\n}\n",
	"pbx":                                "pbx \"hq\" {\n  simulator {}\n%s\n}\n",
	"pbx tls":                            "pbx \"hq\" {\n  simulator {}\n  tls {\n%s\n}\n}\n",
	"pbx simulator":                      "pbx \"hq\" {\n  simulator {\n%s\n}\n}\n",
	"message":                            usingIt + "message \"x\" {\n%s\n}\n",
	"message message_summary":            usingIt + "message \"x\" {\n  message_summary {\n%s\n}\n}\n",
	"data":                               topFrame + "data \"pbx_info\" \"x\" {\n%s\n}\nuser_event \"other\" {\n  pbx = pbx.hq\n}\n",
	"module":                             topFrame + otherJob + "module \"x\" {\n%s\n}\n",
	"output":                             topFrame + otherJob + "output \"x\" {\n%s\n}\n",
	"output precondition":                topFrame + "output \"x\" {\n  value = 1\n  precondition {\n%s\n}\n}\n",
	"check":                              topFrame + "check \"x\" {\n%s\n}\n",
	"check assert":                       topFrame + "check \"x\" {\n  assert {\n%s\n}\n}\n",
	"sip_notify precondition":            inJob("message = message.reboot\n  precondition {\n%s\n}"),
	"sip_notify postcondition":           inJob("message = message.reboot\n  postcondition {\n%s\n}"),
	"sip_notify lifecycle":               inJob("message = message.reboot\n  lifecycle {\n%s\n}"),
	"sip_notify lifecycle precondition":  inJob("message = message.reboot\n  lifecycle {\n  precondition {\n%s\n}\n}"),
	"sip_notify lifecycle postcondition": inJob("message = message.reboot\n  lifecycle {\n  postcondition {\n%s\n}\n}"),
	"user_event precondition":            inEvent("precondition {\n%s\n}"),
	"user_event postcondition":           inEvent("postcondition {\n%s\n}"),
	"user_event lifecycle":               inEvent("lifecycle {\n%s\n}"),
	"user_event lifecycle precondition":  inEvent("lifecycle {\n  precondition {\n%s\n}\n}"),
	"user_event lifecycle postcondition": inEvent("lifecycle {\n  postcondition {\n%s\n}\n}"),
	"window":                             topFrame + "window \"x\" {\n%s\n}\nuser_event \"x\" {\n  pbx    = pbx.hq\n  window = window.x\n}\n",
	"moved":                              topFrame + "sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/1001\"]\n  message = message.reboot\n}\nmoved {\n%s\n}\n",
	"sip_notify":                         topFrame + "sip_notify \"x\" {\n%s\n}\n",
	"sip_notify message":                 inJob("message {\n%s\n}"),
	"sip_notify message message_summary": inJob("message {\n  message_summary {\n%s\n}\n}"),
	"sip_notify retry":                   inJob("message = message.reboot\n  retry {\n%s\n}"),
	"sip_notify trigger change":          inJob("message = message.reboot\n  trigger \"change\" {\n%s\n}"),
	"sip_notify trigger schedule":        inJob("message = message.reboot\n  trigger \"schedule\" {\n%s\n}"),
	"sip_notify trigger event":           inJob("message = message.reboot\n  trigger \"event\" {\n%s\n}"),
	"sip_notify trigger after":           inJob("message = message.reboot\n  trigger \"after\" {\n%s\n}") + otherJob,
	"user_event trigger event":           topFrame + "user_event \"x\" {\n  pbx = pbx.hq\n  trigger \"event\" {\n%s\n}\n}\n",
	"user_event trigger after":           topFrame + "user_event \"x\" {\n  pbx = pbx.hq\n  trigger \"after\" {\n%s\n}\n}\n" + otherJob,
	"user_event":                         topFrame + "user_event \"x\" {\n%s\n}\n",
	"user_event retry":                   topFrame + "user_event \"x\" {\n  pbx = pbx.hq\n  retry {\n%s\n}\n}\n",
	"user_event trigger change":          topFrame + "user_event \"x\" {\n  pbx = pbx.hq\n  trigger \"change\" {\n%s\n}\n}\n",
	"user_event trigger schedule":        topFrame + "user_event \"x\" {\n  pbx = pbx.hq\n  trigger \"schedule\" {\n%s\n}\n}\n",
}

const otherJob = "user_event \"other\" {\n  pbx = pbx.hq\n}\n"

const usingIt = topFrame + "sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/1001\"]\n  message = message.x\n}\n"

func inJob(rest string) string {
	return topFrame + "sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/1001\"]\n" + rest + "\n}\n"
}

func inEvent(rest string) string {
	return topFrame + "user_event \"x\" {\n  pbx = pbx.hq\n" + rest + "\n}\n"
}

// argumentValues has a value for each argument of each section; with a second
// line, also what it cannot do without.
var argumentValues = map[string]map[string]string{
	"notifyrun":       {"required_version": `">= 0.0.1"`, "retention": `"720h"`},
	"state":           {"path": `"x.db"`},
	"variable":        {"type": `string` + "\ndefault = \"x\"", "default": `1`, "description": `"x"` + "\ndefault = 1", "sensitive": `true` + "\ndefault = 1", "nullable": `false` + "\ndefault = 1", "secret_file": `"hq.secret"` + "\nsensitive = true"},
	"data":            {"pbx": `pbx.hq`, "for_each": `{ a = 1 }`, "count": `2`, "depends_on": `[user_event.other]`},
	"module":          {"source": `"./site"`, "for_each": `{ a = 1 }`, "count": `2`, "depends_on": `[user_event.other]`},
	"output":          {"value": `1`, "description": `"x"`, "sensitive": `true`, "depends_on": `[user_event.other]`},
	"precondition":    {"condition": `1 == 1`, "error_message": `"x"`},
	"postcondition":   {"condition": `self.name == "x"`, "error_message": `"x"`},
	"assert":          {"condition": `1 == 1`, "error_message": `"x"`},
	"validation":      {"condition": `var.x == 1`, "error_message": `"x"`},
	"pbx":             {"address": `"pbx.example.net"`, "username": `"x"`, "secret": `"x"`, "secret_file": `"hq.secret"`, "auth": `"plain"`, "max_in_flight": `10000`, "rate_limit": `"unlimited"`, "timeout": `"1ms"`, "for_each": `{ a = 1 }`, "count": `2`, "depends_on": `[]`},
	"tls":             {"ca_file": `"ca.pem"`, "server_name": `"x"`},
	"simulator":       {"phones": `100000`, "version": `16`},
	"message":         {"event": `"x"`, "headers": `{ X-A = "b" }` + "\nevent = \"x\"", "content_type": `"a/b"` + "\nevent = \"x\"\ncontent = \"c\"", "content": `"c"` + "\nevent = \"x\"\ncontent_type = \"a/b\"", "option": `"x"`, "call_id": `null` + "\nevent = \"x\"", "channel": `"PJSIP/1001-1"` + "\nevent = \"x\""},
	"message_summary": {"account": `"sip:a"`, "new": `1`, "old": `1`, "urgent_new": `1`, "urgent_old": `1`},
	"window":          {"start": `"22:00"`, "end": `"05:00"`, "days": `["mon"]`, "timezone": `"Europe/Berlin"`, "except": `["2026-12-24"]`},
	"sip_notify":      {"pbx": `pbx.hq`, "window": `window.any`, "targets": `["PJSIP/1001"]`, "message": `message.reboot`, "enabled": `false`, "on_unknown": `"resend"`, "unknown_phone": `"skip"`, "for_each": `{ a = 1 }`, "count": `2`, "depends_on": `[pbx.hq]`, "exclude": `["PJSIP/1002"]`},
	"user_event":      {"pbx": `pbx.hq`, "window": `window.any`, "name": `"x"`, "body": `"A:b"`, "via": `"dialplan"` + "\npbx = pbx.hq\nchannel = \"Local/s@notify\"", "channel": `"Local/s@notify"` + "\npbx = pbx.hq\nvia = \"dialplan\"", "enabled": `false`, "on_unknown": `"resend"`, "for_each": `toset(["a"])`, "count": `2`, "depends_on": `[pbx.hq]`},
	"moved":           {"from": `sip_notify.old`, "to": `sip_notify.x`},
	"retry":           {"attempts": `1000`, "backoff": `"2s"`},
	"change":          {"on": `1`, "initial": `"record"`},
	"schedule":        {"cron": `"@daily"`, "timezone": `"Europe/Berlin"`, "jitter": `"5m"`, "missed": `"once"`, "grace": `"0s"`, "overlap": `"queue"`},
	"event":           {"name": `"Hangup"`, "where": `true`, "key": `"${event.Channel}"` + "\nname = \"UserEvent\"\nthrottle = \"1/s\"", "debounce": `"2s"`, "throttle": `"6/m"`, "own_events": `"fire"`, "on_reconnect": `"fire"`, "pbx": `pbx.hq`},
	"after":           {"job": `user_event.other`, "on": `"failure"`, "delay": `"5m"`, "grace": `"10m"`},
}

// needed are the lines that a block cannot do without, by argument; a job needs
// a message, too, in one of two ways.
var needed = map[string]map[string]string{
	"sip_notify":    {"pbx": "pbx = pbx.hq", "targets": `targets = ["PJSIP/1001"]`, "message": "message = message.reboot"},
	"user_event":    {"pbx": "pbx = pbx.hq"},
	"validation":    {"condition": "condition = var.x == 1", "error_message": `error_message = "x"`},
	"precondition":  {"condition": "condition = 1 == 1", "error_message": `error_message = "x"`},
	"postcondition": {"condition": "condition = 1 == 1", "error_message": `error_message = "x"`},
	"assert":        {"condition": "condition = 1 == 1", "error_message": `error_message = "x"`},
	"data":          {"pbx": "pbx = pbx.hq"},
	"module":        {"source": `source = "./site"`},
	"output":        {"value": "value = 1"},
	"variable":      {"default": "default = 1"},
	"schedule":      {"cron": `cron = "@hourly"`},
	"window":        {"start": `start = "01:00"`, "end": `end = "02:00"`},
	"message":       {"event": `event = "x"`},
	"event":         {"name": `name = "UserEvent"`},
	"after":         {"job": "job = user_event.other"},
	"moved":         {"from": "from = sip_notify.old", "to": "to = sip_notify.x"},
}

// TestLanguage_arguments holds the tables of arguments against the program:
// each kind of block has all its arguments and no others; each is taken with a
// value and refused when misspelt; the block is refused without those that are
// required and taken without the others; and defaults, spelt out, change nothing.
func TestLanguage_arguments(t *testing.T) {
	p := readPage(t, "language.md")
	dir := docDir(t)
	documented := map[string]bool{}
	for _, b := range schema.Blocks() {
		word := b.Path[strings.LastIndex(b.Path, " ")+1:]
		i := slices.IndexFunc(p.sections, func(s pageSection) bool { return strings.HasPrefix(s.heading, "`"+word+"`") })
		if i < 0 {
			t.Errorf("docs/language.md has no section for the block %s", b.Path)
			continue
		}
		documented[p.sections[i].heading] = true
		if b.Arguments == nil {
			continue // locals
		}
		t.Run(b.Path, func(t *testing.T) {
			rows := tables(p.sections[i].body, "| argument | type | default | meaning |")
			var names []string
			for _, row := range rows {
				name := code(t, row[0])
				names = append(names, name)
				checkArgument(t, dir, b, word, name, row[1], row[2])
			}
			slices.Sort(names)
			if diff := cmp.Diff(names, b.Arguments); diff != "" {
				t.Errorf("docs/language.md (-) has other arguments than the program (+):\n%s", diff)
			}
		})
	}
	for _, s := range p.sections {
		if strings.Contains(s.body, "| argument |") && !documented[s.heading] {
			t.Errorf("docs/language.md has the block %s, the program has not", s.heading)
		}
	}
}

func checkArgument(t *testing.T, dir string, b schema.BlockDoc, word, name, typ, standard string) {
	t.Helper()
	frame, framed := argumentFrames[b.Path]
	value, ok := argumentValues[word][name]
	if !framed || !ok {
		t.Errorf("the test has no frame for %s, or no value for %s", b.Path, name)
		return
	}
	value, rest, _ := strings.Cut(value, "\n")
	load := func(lines ...string) (*schema.Config, hcl.Diagnostics) {
		return examine(t, dir, fmt.Sprintf(frame, strings.Join(lines, "\n")))
	}
	var others []string // what else is needed
	for other, line := range needed[word] {
		if other != name && rest == "" && (other != "event" || name != "option") {
			others = append(others, line)
		}
	}
	if rest != "" {
		others = []string{rest}
	}
	if _, diags := load(append(others, name+" = "+value)...); diags.HasErrors() {
		t.Errorf("%s is documented, but the program refuses it: %v", name, diags)
	}
	// Without its source there is no telling what the inputs of a module are.
	if _, diags := load(append(others, name+"x = "+value)...); b.Path+" "+name != "module source" && !strings.Contains(allOf(diags), `"`+name+`x"`) {
		t.Errorf("the program takes %sx: %v", name, diags)
	}
	left, diags := load(others...)
	inNeed := diags.HasErrors()
	if (standard == "required") != slices.Contains(b.Required, name) && name != "pbx" {
		t.Errorf("%s: documented as %s, but the program has it otherwise", name, standard)
	}
	if standard == "required" != inNeed && b.Path+" "+name != "variable secret_file" && !slices.Contains([]string{"message", "event", "option", "content_type", "content", "default", "via", "channel"}, name) {
		t.Errorf("%s: documented as %s; without it: %v", name, standard, diags)
	}
	// The value is of the documented type, and what is not is refused.
	if form := map[string]string{"number": `^\d+$`, "bool": "^(true|false)$", "duration": `^"\d+(ms|s|m|h)"$`, "string": `^".*"$|^null$`}[typ]; form != "" && !slices.Contains([]string{"validation", "precondition", "postcondition", "assert"}, word) && !regexp.MustCompile(form).MatchString(value) {
		t.Errorf("%s is documented as %s, but the program takes %s", name, typ, value)
	}
	if wrong := map[string]string{"number": "[]", "bool": "[]", "duration": `"soon"`, "string": "[]"}[typ]; wrong != "" && name != "error_message" && word != "assert" { // a check only warns
		if _, diags := load(append(others, name+" = "+wrong)...); !diags.HasErrors() {
			t.Errorf("%s is documented as %s, but the program takes %s", name, typ, wrong)
		}
	}
	if !strings.HasPrefix(standard, "`") || inNeed {
		return
	}
	same, diags := load(append(others, name+" = "+code(t, standard))...)
	if diags.HasErrors() {
		t.Errorf("the program refuses the default of %s: %v", name, diags)
		return
	}
	other, diags := load(append(others, name+" = "+value)...)
	if diags.HasErrors() {
		return // told above
	}
	if diff := cmp.Diff(essence(t, left), essence(t, same)); diff != "" {
		t.Errorf("%s: without it (-) is not as with its documented default (+):\n%s", name, diff)
	}
	if b.Path != "variable" && cmp.Equal(essence(t, left), essence(t, other)) {
		t.Errorf("%s: the value %s changes nothing; the comparison is blind", name, value)
	}
}

// allOf is what all of the diagnostics say.
func allOf(diags hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Error() + "\n")
	}
	return b.String()
}

// essence is all of a configuration but where it stands in the file: its PBXs
// and jobs, and what they send.
func essence(t *testing.T, cfg *schema.Config) string {
	t.Helper()
	plan, diags := engine.NewPlan(cfg, &engine.State{}, time.Unix(0, 0), engine.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var all []any
	for _, p := range cfg.PBXs {
		unplaced := *p
		unplaced.DeclRange = hcl.Range{}
		all = append(all, unplaced)
	}
	for _, j := range plan.Jobs {
		all = append(all, j.Address, j.Attrs, j.First)
	}
	for _, o := range cfg.Outputs {
		all = append(all, o.Name, schema.FormatValue(o.Value))
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLanguage_expressions evaluates the expressions of the page.
func TestLanguage_expressions(t *testing.T) {
	evaluateRows(t, tables(readPage(t, "language.md").text, "| expression | result |"))
}

// evaluateRows holds the results of expressions, in the last two cells of each
// row, against what the console says in a configuration that pages refer to.
func evaluateRows(t *testing.T, rows [][]string) {
	t.Helper()
	dir := docDir(t)
	config := "variable \"firmware\" {\n  default = \"1.2.3\"\n}\nvariable \"secret\" {\n  default   = \"hunter2\"\n  sensitive = true\n}\n" +
		"locals {\n  greeting = \"Hello $${name}!\"\n}\n"
	write(t, dir, "main.hcl", config)
	var input strings.Builder
	for _, row := range rows {
		input.WriteString(code(t, row[len(row)-2]) + "\n")
	}
	exit, out, errs := execute(t, input.String(), nil, "console", "-json", dir)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if exit != exitOK || len(lines) != len(rows) || len(rows) == 0 {
		t.Fatalf("exit code %d, %d results for %d expressions\n%s%s", exit, len(lines), len(rows), out, errs)
	}
	for i, row := range rows {
		var want, got bytes.Buffer
		if err := json.Compact(&want, []byte(`{"value":`+code(t, row[len(row)-1])+`}`)); err != nil {
			t.Errorf("%s: the result is not JSON: %v", row[len(row)-2], err)
			continue
		}
		if got.WriteString(lines[i]); got.String() != want.String() {
			t.Errorf("%s is %s, not %s", row[len(row)-2], lines[i], row[len(row)-1])
		}
	}
}

// TestLanguage_refused tries everything that the page says is refused.
func TestLanguage_refused(t *testing.T) {
	p := readPage(t, "language.md")
	dir := docDir(t)
	messages := strings.SplitN(p.section(t, "What is refused"), "Of a user event", 2)
	if len(messages) != 2 {
		t.Fatal("the section has no user events")
	}
	event := argumentFrames["user_event"]
	for _, c := range []struct{ body, frame string }{
		{p.section(t, "Targets"), topFrame + "sip_notify \"x\" {\n  pbx = pbx.hq\n  targets = [%s]\n  message = message.reboot\n}\n"},
		{messages[0], argumentFrames["sip_notify message"]},
		{messages[1], strings.Replace(event, "%s", "pbx = pbx.hq\n%s", 1)},
	} {
		rows := tables(c.body, "| refused | since |")
		if len(rows) == 0 {
			t.Errorf("nothing is refused in %.80s", c.body)
		}
		for _, row := range rows {
			lines := regexp.MustCompile(`, ([a-z_]+ = )`).ReplaceAllString(code(t, row[0]), "\n$1")
			_, diags := examine(t, dir, fmt.Sprintf(c.frame, lines))
			if !diags.HasErrors() || !strings.Contains(strings.ToLower(allOf(diags)), strings.ToLower(row[1])) {
				t.Errorf("%s: the program does not say %q but %v", row[0], row[1], diags)
			}
		}
	}
	for _, row := range tables(p.section(t, "Targets"), "| target | sent by | to |") {
		target, err := schema.ParseTarget(strings.Trim(code(t, row[0]), `"`))
		if by := (map[schema.TargetTech]string{schema.TechPJSIP: "PJSIPNotify", schema.TechSIP: "SIPnotify", schema.TechURI: "PJSIPNotify"})[target.Tech]; err != nil || by != row[1] {
			t.Errorf("%s is sent by %q (%v), not by %s", row[0], by, err, row[1])
		}
	}
}

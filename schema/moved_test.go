package schema

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMove_Apply(t *testing.T) {
	for _, tt := range []struct{ from, to, job, want string }{
		{"sip_notify.a", "sip_notify.b", "sip_notify.a", "sip_notify.b"},
		{"sip_notify.a", "sip_notify.b", `sip_notify.a["x.y[0]"]`, `sip_notify.b["x.y[0]"]`},
		{"sip_notify.a", "sip_notify.b", "sip_notify.a[3]", "sip_notify.b[3]"},
		{"sip_notify.a", "sip_notify.b", "sip_notify.ab", ""},
		{"sip_notify.a", "sip_notify.b", "user_event.a", ""},
		{"sip_notify.a", "sip_notify.b", "module.x.sip_notify.a", ""},
		{"sip_notify.a", `sip_notify.a["x"]`, "sip_notify.a", `sip_notify.a["x"]`},
		{"sip_notify.a", `sip_notify.a["x"]`, `sip_notify.a["x"]`, ""},
		{`sip_notify.a["x"]`, "sip_notify.a", `sip_notify.a["x"]`, "sip_notify.a"},
		{`sip_notify.a["x"]`, "sip_notify.a", "sip_notify.a", ""},
		{`sip_notify.a["x"]`, `sip_notify.a["y"]`, `sip_notify.a["x2"]`, ""},
		{"sip_notify.a[0]", `sip_notify.a["hq"]`, "sip_notify.a[0]", `sip_notify.a["hq"]`},
		{"sip_notify.a[0]", `sip_notify.a["hq"]`, "sip_notify.a[01]", ""},
		{`sip_notify.a["a\"]"]`, `sip_notify.a["$${b}"]`, `sip_notify.a["a\"]"]`, `sip_notify.a["$${b}"]`},
		{"sip_notify.a", "module.x.sip_notify.a", `sip_notify.a["k"]`, `module.x.sip_notify.a["k"]`},
		{"module.x", "module.y", "module.x.sip_notify.a", "module.y.sip_notify.a"},
		{"module.x", "module.y", `module.x["k"].sip_notify.a[0]`, `module.y["k"].sip_notify.a[0]`},
		{"module.x", "module.y", "module.x2.sip_notify.a", ""},
		{"module.x", `module.x["k"]`, "module.x.sip_notify.a", `module.x["k"].sip_notify.a`},
		{"module.x", `module.x["k"]`, `module.x["k"].sip_notify.a`, ""},
		{`module.x["k"]`, "module.x", `module.x["k"].sip_notify.a`, "module.x.sip_notify.a"},
		{`module.x["k"].sip_notify.a`, `module.x["k"].sip_notify.b`, `module.x["k"].sip_notify.a`, `module.x["k"].sip_notify.b`},
		{"module.x.module.z", "module.z", `module.x.module.z["1"].user_event.a`, `module.z["1"].user_event.a`},
	} {
		m, err := ParseMove(tt.from, tt.to)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := m.Apply(tt.job)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s → %s: %s becomes %q, want %q", tt.from, tt.to, tt.job, got, tt.want)
		}
	}
}

// TestLoad_moves holds in which order moves are done: what one leads to before
// those that go on from there, and one instance before all of its block.
func TestLoad_moves(t *testing.T) {
	cfg := one(t, `
sip_notify "c" {
  for_each = { x = 1 }
  pbx      = pbx.hq
  targets  = ["PJSIP/1001"]
  message  { event = "check-sync" }
}
user_event "z" { pbx = pbx.hq }
moved {
  from = sip_notify.b
  to   = sip_notify.c
}
moved {
  from = sip_notify.a
  to   = sip_notify.b
}
moved {
  from = sip_notify.a["special"]
  to   = sip_notify.c["x"]
}
moved {
  from = user_event.z[0]
  to   = user_event.z
}
moved {
  from = module.old
  to   = module.new
}
moved {
  from = module.new.user_event.w
  to   = user_event.z[0]
}
`)
	var got []string
	for _, m := range cfg.Moves {
		got = append(got, m.From+" "+m.To)
	}
	want := []string{
		`sip_notify.a["special"] sip_notify.c["x"]`,
		"sip_notify.a sip_notify.b",
		"sip_notify.b sip_notify.c",
		"module.old module.new",
		"module.new.user_event.w user_event.z[0]",
		"user_event.z[0] user_event.z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

func TestContainers(t *testing.T) {
	for job, want := range map[string]string{
		"sip_notify.a":                     "sip_notify.a",
		`sip_notify.a["k.[\"]"]`:           `sip_notify.a sip_notify.a["k.[\"]"]`,
		`module.m["a.b"].user_event.e[12]`: `module.m module.m["a.b"] module.m["a.b"].user_event.e module.m["a.b"].user_event.e[12]`,
		"module.m.module.n.user_event.e":   "module.m module.m.module.n module.m.module.n.user_event.e",
		"":                                 "",
		"nonsense":                         "",
	} {
		if got := strings.Join(Containers(job), " "); got != want {
			t.Errorf("Containers(%q) = %s, want %s", job, got, want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"sip_notify.a":               "sip_notify.a",
		`sip_notify.a [ "x" ]`:       `sip_notify.a["x"]`,
		`module.m["k"].user_event.e`: `module.m["k"].user_event.e`,
		`sip_notify.a["$${x}"]`:      `sip_notify.a["$${x}"]`,
		"module.m":                   "module.m",
		"user_event.e[07]":           "user_event.e[7]",
	} {
		if got, err := ParseAddress(text); got != want || err != nil {
			t.Errorf("ParseAddress(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "a", "sip_notify", "sip_notify.", "sip_notify.a[", `sip_notify.a["x`, "sip_notify.a.b", "pbx.hq", "sip_notify.a[*]", "sip_notify.a\nb", `sip_notify.a["${x}"]`, "sip_notify.a[-1]", "module.m[1.5]", "sip_notify.a[x]", "sip_notify.a[1e999999999]"} {
		if got, err := ParseAddress(text); err == nil {
			t.Errorf("ParseAddress(%q) = %q, want an error", text, got)
		}
	}
}

// TestLoad_movesModules moves into modules and within them, and holds what is wrong
// with that.
func TestLoad_movesModules(t *testing.T) {
	src := opened(t,
		"main.hcl", `
pbx "hq" {
  simulator {}
}
module "site" {
  source   = "./site"
  for_each = toset(["north", "south"])
  pbx      = pbx.hq
}
moved {
  from = user_event.flat
  to   = module.site["north"].user_event.now
}
moved {
  from = module.place
  to   = module.site
}
moved {
  from = module.single
  to   = module.site["south"]
}
moved {
  from = user_event.gone
  to   = module.site["north"].user_event.nwo
}
moved {
  from = module.site["north"].user_event.now
  to   = module.site["south"].user_event.other
}
`,
		"site/main.hcl", `
variable "pbx" {}
user_event "now" { pbx = var.pbx }
moved {
  from = user_event.before
  to   = user_event.now
}
`)
	cfg, diags := Load(src, Values{})
	var told []string
	for _, d := range diags {
		told = append(told, d.Summary+": "+d.Detail)
	}
	want := []string{
		`Ambiguous move: module.site["north"].user_event.now can take over the past of one job only; the moved block at `,
		`Move to nothing: The configuration declares no module.site["north"].user_event.nwo to take over what user_event.gone has had. Did you mean "module.site[\"north\"].user_event.now"?`,
		`Moved and still there: module.site["north"].user_event.now is declared, so that it cannot have become module.site["south"].user_event.other. Take the moved block out, or what is declared under the old name.`,
	}
	for _, w := range want {
		if !slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, w) }) {
			t.Errorf("not reported: %s", w)
		}
	}
	if t.Failed() {
		t.Logf("reported:\n%s", strings.Join(told, "\n"))
	}
	var moves []string
	for _, m := range cfg.Moves {
		moves = append(moves, m.From+" "+m.To)
	}
	for _, w := range []string{"module.place module.site", `module.single module.site["south"]`, `module.site["south"].user_event.before module.site["south"].user_event.now`} {
		if !slices.Contains(moves, w) {
			t.Errorf("no move %s among %v", w, moves)
		}
	}
}

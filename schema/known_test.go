package schema

import (
	"strings"
	"testing"
)

func TestJob_ChangeDetail(t *testing.T) {
	cfg := one(t, `
variable "s" {
  default   = "hunter2"
  sensitive = true
}
sip_notify "x" {
  for_each = { "1" = { a = "x", b = var.s }, "2" = [1, 2], "3" = null }
  pbx      = pbx.hq
  targets  = ["PJSIP/1"]
  message { event = "a" }
  trigger "change" { on = each.value }
}
user_event "y" {
  pbx = pbx.hq
  trigger "change" {}
}
`)
	for i, want := range []string{`a = "x", b = (sensitive value)`, "[ 1, 2, ]", "null", ""} {
		if got := cfg.Jobs[i].ChangeDetail(); got != want {
			t.Errorf("%s: got %s, want %s", cfg.Jobs[i].Address, got, want)
		}
	}
}

func TestBlankSecrets(t *testing.T) {
	for src, want := range map[string]string{
		`secret = "hunter2"`:                        `secret = "*******"`,
		`{ secret : "hunter2" }`:                    `{ secret : "*******" }`,
		`secret = var.secrets["hq"]`:                `secret = var.secrets["hq"]`,
		`secret = "x-${var.a}-y"`:                   `secret = "**${var.a}**"`,
		`secret = trimspace(file("hq.secret"))`:     `secret = trimspace(file("hq.secret"))`,
		`a = sensitive("hunter2")`:                  `a = sensitive("*******")`,
		`a = "hunter2"`:                             `a = "hunter2"`,
		"secret = <<EOT\nhunter2\nEOT\na = \"b\"\n": "secret = <<EOT\n*******\nEOT\na = \"b\"\n",
		"variable \"v\" {\n  default   = \"hunter2\"\n  sensitive = true\n}\n":      "variable \"v\" {\n  default   = \"*******\"\n  sensitive = true\n}\n",
		"variable \"v\" {\n  default   = \"public\"\n  sensitive = false\n}\n":      "variable \"v\" {\n  default   = \"public\"\n  sensitive = false\n}\n",
		"variable \"v\" {\n  sensitive = true\n  default   = [\"a\", 12]\n}\n":      "variable \"v\" {\n  sensitive = true\n  default   = [\"*\", **]\n}\n",
		"}\n  variable \"v\" {\n  default   = \"hunter2\"\n  sensitive = true\n}\n": "}\n  variable \"v\" {\n  default   = \"*******\"\n  sensitive = true\n}\n",
		"secret = \"hunter2\nnext": "secret = \"*******\n****",
	} {
		if got := string(BlankSecrets([]byte(src))); got != want {
			t.Errorf("%s\n became\n%s\n want\n%s", src, got, want)
		}
		if strings.Count(src, "\n") != strings.Count(string(BlankSecrets([]byte(src))), "\n") {
			t.Errorf("%s: lines are lost", src)
		}
	}
}

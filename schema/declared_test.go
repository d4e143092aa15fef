package schema

import (
	"strings"
	"testing"
)

func TestSource_Declared(t *testing.T) {
	src := opened(t,
		"a.hcl", "sip_notify \"a\" {\n  message {\n  pbx = var.\n user_event \"b\" {\nvariable \"v\" {}\ndata \"pbx_info\" \"i\" {}\ntrigger \"change\" {}\nsip_notify \"${x}\" {}\nsip_notify \"n\" \"m\" {}\nmodule",
		"b.hcl", "pbx \"hq\" {\nmodule \"m\" {\n# user_event \"comment\" {\nx = \"sip_notify \\\"text\\\" {\"\nsip_notify \"a\" {",
		"c.txt", "user_event \"no\" {}")
	want := "data.pbx_info.i module.m pbx.hq sip_notify.a user_event.b var.v"
	if got := strings.Join(src.Declared(), " "); got != want {
		t.Errorf("declared are %s, want %s", got, want)
	}
}

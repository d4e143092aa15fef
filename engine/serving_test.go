package engine

import (
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/schema"
)

// Two configurations without a circle may have one between jobs that go by
// different ones.
func TestNewServing_circle(t *testing.T) {
	follows := func(job, after string) string {
		return "user_event \"" + job + "\" {\n pbx = pbx.hq\n trigger \"after\" {\n job = user_event." + after + "\n }\n}\n"
	}
	const plain = "pbx \"hq\" {\n simulator {}\n}\nuser_event \"a\" {\n pbx = pbx.hq\n}\n"
	before := configure(t, plain+"user_event \"c\" {\n pbx = pbx.hq\n}\n"+follows("b", "a"))
	after := configure(t, "pbx \"hq\" {\n simulator {}\n}\n"+follows("a", "c")+follows("c", "b")+"user_event \"b\" {\n pbx = pbx.hq\n}\n")
	a := &Applied{Serial: 2, Jobs: map[string]uint64{"user_event.a": 2, "user_event.b": 1, "user_event.c": 1}}
	configs := map[uint64]*schema.Config{1: before, 2: after}
	if _, diags := NewServing(a, configs); diags.HasErrors() {
		t.Errorf("without a circle: %v", diags)
	}
	a.Jobs["user_event.c"] = 2
	_, diags := NewServing(a, configs)
	if want := "user_event.a, then user_event.b, then user_event.c, then user_event.a"; !diags.HasErrors() || !strings.Contains(diags[0].Detail, want) {
		t.Errorf("with a circle: %v, want %s", diags, want)
	}
}

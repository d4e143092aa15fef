package main

import (
	"strings"
	"testing"
)

// TestCompletions_write keeps from the terminal what files and the state have of
// control characters.
func TestCompletions_write(t *testing.T) {
	var c completions
	c.add("sip_notify.a", "of \x1b[31m\u202ered\nand more")
	for _, word := range []string{"var.\x1b[31m", "var.\u202e", "var.\na", "var.\xff", ":files"} {
		c.add(word, "")
	}
	for described, want := range map[bool]string{true: "sip_notify.a\tof \\x1b[31m\\u202ered and more\n", false: "sip_notify.a\n"} {
		var b strings.Builder
		c.write(&b, func(w string) string { return w }, described)
		if b.String() != want {
			t.Errorf("it writes %q, want %q", b.String(), want)
		}
	}
}

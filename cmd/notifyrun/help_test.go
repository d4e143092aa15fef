package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// Every command explains itself in lines that a terminal of 80 columns has room
// for.
func TestHelp_width(t *testing.T) {
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			a := &app{stdout: &b, stderr: io.Discard, lookupEnv: os.LookupEnv}
			a.dispatch(context.Background(), append(strings.Fields(c.name), "-help"))
			if !strings.HasPrefix(b.String(), "Usage: notifyrun "+c.name) {
				t.Fatalf("the help of the command begins %.40q", b.String())
			}
			for line := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

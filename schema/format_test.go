package schema

import (
	"bytes"
	"strings"
	"testing"
)

// formatCases are files and their canonical form.
var formatCases = []struct{ name, src, want string }{
	{"lined up", "a=1\nbcd   =   2 # two\n", "a   = 1\nbcd = 2 # two\n"},
	{"nested", "a \"x\" {\nb {\nc=1\n}\n}\n", "a \"x\" {\n  b {\n    c = 1\n  }\n}\n"},
	{"comments", "# one\n\n  // two\na = 1 // three\n/* four\n      five */\n b=2/*six*/\n", "# one\n\n// two\na = 1 // three\n/* four\n      five */\nb = 2 /*six*/\n"},
	{"comment at the end", "a=1\n  # last", "a = 1\n# last"},
	{"CR LF", "a {\r\nb=1 # c\r\n}\r\n# d\r\n", "a {\r\n  b = 1 # c\r\n}\r\n# d\r\n"},
	{"byte order mark", "\xef\xbb\xbfa=1\n", "a = 1\n"},
	{"no line end", "a=1", "a = 1"},
	{"empty", "", ""},
	{"blank", " \n\t\n", "\n\n"},
	{"here document", "a=<<EOT\n  kept\n   as it is   \n\tEOT\nb=<<-EOT\n    x ${ 1+1 }\n  EOT\n", "a = <<EOT\n  kept\n   as it is   \n\tEOT\nb = <<-EOT\n    x ${1 + 1}\n  EOT\n"},
	{"here document with CR LF", "a=<<EOT\r\n x\r\nEOT\r\n", "a = <<EOT\r\n x\r\nEOT\r\n"},
	{"text", "a=\"x  ${ b }  $${ c }\"\n", "a = \"x  ${b}  $${ c }\"\n"},
	{"numbers apart", "a=0 .0\nbcd=1\n", "a=0 .0\nbcd=1\n"},
	{"list", "a=[\n1,\n   2, # two\n]\n", "a = [\n  1,\n  2, # two\n]\n"},
}

func TestFormat(t *testing.T) {
	for _, c := range formatCases {
		if got := string(Format([]byte(c.src))); got != c.want {
			t.Errorf("%s: %q becomes\n%q, not\n%q", c.name, c.src, got, c.want)
		}
		if got := string(Format([]byte(c.want))); got != c.want {
			t.Errorf("%s: %q becomes\n%q", c.name, c.want, got)
		}
	}
	long := "a = \"" + strings.Repeat("x", 1<<18) + "\" # " + strings.Repeat("y", 1<<18) + "\nbcd = 1\n"
	if got, want := Format([]byte(long)), strings.Replace(long, "a = ", "a   = ", 1); !bytes.Equal(got, []byte(want)) {
		t.Errorf("a long line becomes one of %d bytes", len(got))
	}
}

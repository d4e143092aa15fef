package main

import (
	"strings"
	"testing"
)

func TestParseLine(t *testing.T) {
	const breaks = " \t\n\"'><=;|&(:"
	for _, tt := range []struct{ line, words, candidate, put string }{
		{`n fire `, "n|fire|", `a.b["x y"]`, `a.b\[\"x\ y\"\]`},
		{`n fire a.b`, "n|fire|a.b", `a.b["x"]`, `a.b\[\"x\"\]`},
		{`n fire a.b\[\"x\ `, `n|fire|a.b["x `, `a.b["x y"]`, `a.b\[\"x\ y\"\]`},
		{`n fire 'a.b["`, `n|fire|a.b["`, `a.b["it's"]`, `a.b["it'\''s"]`},
		{`n fire "a.b[\"\$`, `n|fire|a.b["$`, "a.b[\"$`\\\"]", "a.b[\\\"\\$\\`\\\\\\\"]"},
		{`n plan -target=a`, "n|plan|-target=a", "-target=a.b", "a.b"},
		{`n plan -target='a`, "n|plan|-target=a", `-target=a.b["x"]`, `a.b["x"]`},
		{`n fire a.b\[\"x:y`, `n|fire|a.b["x:y`, `a.b["x:yz"]`, `yz\"\]`},
		{`n  "a b"   'c'\d e`, "n|a b|cd|e", "e", "e"},
		{`n "a\qb" ''`, `n|a\qb|`, "", ""},
		{`ü ä`, "ü|ä", "äö", "äö"},
	} {
		l := parseLine(tt.line, breaks)
		if got := strings.Join(l.words, "|"); got != tt.words {
			t.Errorf("%s: the words %s, want %s", tt.line, got, tt.words)
		}
		if got := l.quote(tt.candidate); got != tt.put {
			t.Errorf("%s: %s is put as %s, want %s", tt.line, tt.candidate, got, tt.put)
		}
	}
	// Where the quote begins in the midst of a word, or has ended, nothing that is
	// put there would mean what is meant.
	for line, open := range map[string]bool{`n a["`: false, `n 'a'`: false, `n "a"b`: false, `n a=b'c`: false, `n a='c`: true, `n 'a' `: true, `n 'a`: true} {
		if l := parseLine(line, breaks); l.open() != open {
			t.Errorf("%s can be completed: %v", line, !open)
		}
	}
}

package amiclient

import (
	"regexp"
	"strings"
	"testing"
)

func TestFilterIsSafe(t *testing.T) {
	for version, want := range map[string]bool{
		"16.28.0~dfsg-0+deb11u4": true, "22.10.1+dfsg+~cs6.17.60671434-1": true, "13.38.3": true, "18.25.0": true, "19.8.1": true, "20.10.0": true, "20.18.0": true, "21.5.0": true,
		"22.0.0": true, "22.8.0-rc1": true, "22.8": true, "23.2.1": true, "24.0.0": true,
		"18.26.0": false, "18.26.4": false, "20.11.0": false, "20.17.0": false, "21.6.0": false, "21.12.1": false, "22.1.0": false, "22.7.0": false, "23.0.0": false, "23.1.0": false,
		"1.8.32.3": false, "11.25.3": false, "": false, "GIT-master-0123abc": false, "GIT-22-0123abc": false, "SVN-branch-11-r1": false, "certified/18.9-cert9": false, "18.9-cert9": false,
		"20.7-cert5": false, "22": false, "22.": false, "22.x": false, "v22.10.1": false, " 22.10.1": false, "22.10x": false, "Asterisk 22.10.1": false, "22.99999999999999999999.0": false,
	} {
		if got := filterIsSafe(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

// matches tells whether one of the expressions matches the text of an event, as
// regexec does without REG_NEWLINE.
func matches(t *testing.T, patterns []string, event string) bool {
	t.Helper()
	found := false
	for _, p := range patterns {
		if n := len("Filter: " + p); n > maxLine {
			t.Errorf("a line of %d bytes", n)
		}
		re, err := regexp.Compile("(?s)" + p)
		if err != nil {
			t.Fatal(err)
		}
		found = found || re.MatchString(event)
	}
	return found
}

// FuzzPatterns: an event is let through if its name is one of those given, and
// no other, whatever they look like.
func FuzzPatterns(f *testing.F) {
	f.Add("UserEvent", "Newchannel", "UserEvent")
	f.Add("User", "UserEventX", "UserEvent")
	f.Add(".*", "a|b", "a")
	f.Add(`(`, `[[:cntrl:]]`, `\`)
	f.Add(`^$`, `x{2}`, "xx")
	f.Add("é", "+?", "e")
	f.Add(strings.Repeat("a", 600), strings.Repeat("b", 600), strings.Repeat("b", 600))
	f.Add("a\r\nEvent: b", "", "b")
	f.Fuzz(func(t *testing.T, a, b, name string) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) || len(name) > 400 {
			return // no event's
		}
		found := patterns([]string{a, b})
		event := "Event: " + name + "\r\nPrivilege: user,all\r\nX: Event: " + a + "\r\nEvent: " + b + "\r\n\r\n"
		if got := matches(t, found, event); got != (a == name || b == name) {
			t.Errorf("%q and %q as %q, event %q: %v", a, b, found, name, got)
		}
	})
}

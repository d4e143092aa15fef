package amievent

import "strings"

// known gives "" for what the server writes where there is nothing: "<unknown>",
// in old versions also "<null>".
func known(s string) string {
	if s == "<unknown>" || s == "<null>" {
		return ""
	}
	return s
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

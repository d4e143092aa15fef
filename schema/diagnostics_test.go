package schema

import (
	"testing"

	"github.com/agext/levenshtein"
)

func TestEdits(t *testing.T) {
	words := []string{"", "a", "b", "ab", "ba", "abc", "acb", "abcd", "xabcd", "abcdx", "north", "noth", "norht", "south", "nörth", "text", "bool", "number", "numbr"}
	for _, a := range words {
		for _, b := range words {
			if got, want := edits([]rune(a), []rune(b), 2), min(levenshtein.Distance(a, b, nil), 3); got != want {
				t.Errorf("edits(%q, %q, 2) = %d, want %d", a, b, got, want)
			}
		}
	}
}

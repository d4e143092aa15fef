package schema

import (
	"slices"
	"strings"
	"testing"
)

// Blocks has just the blocks that a file may begin with, and does not repeat
// one.
func TestBlocks(t *testing.T) {
	var outer, paths []string
	for _, b := range Blocks() {
		if slices.Contains(paths, b.Path) {
			t.Errorf("%s is listed twice", b.Path)
		}
		paths = append(paths, b.Path)
		if !strings.Contains(b.Path, " ") {
			outer = append(outer, b.Path)
		}
	}
	var want []string
	for _, b := range rootSchema.Blocks {
		want = append(want, b.Type)
	}
	slices.Sort(outer)
	slices.Sort(want)
	if !slices.Equal(outer, want) {
		t.Errorf("got %v, want %v", outer, want)
	}
	for _, path := range []string{"pbx tls", "sip_notify message message_summary", "user_event trigger change"} {
		if !slices.Contains(paths, path) {
			t.Errorf("%s is missing among %v", path, paths)
		}
	}
}

package amiclient

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestClassOf_documented holds docs/amiclient.md to the classes that subscribing
// goes by: each event of its table has the class beside it.
func TestClassOf_documented(t *testing.T) {
	page, err := os.ReadFile("../docs/amiclient.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| events | `read` |\n|---|---|\n")
	table, _, found := strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("the page has no table of events")
	}
	seen := 0
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "| \n"), " | ")
		for _, name := range strings.Split(strings.ReplaceAll(cells[0], " and ", ", "), ", ") {
			if strings.Contains(name, " ") { // "the others of …"
				continue
			}
			if seen++; classOf[name] != strings.Trim(cells[1], "`") {
				t.Errorf("%s is class %q here, %s on the page", name, classOf[name], cells[1])
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d events are on the page", seen)
	}
	for name, class := range classOf {
		if !slices.Contains(classes, class) {
			t.Errorf("%s is class %q, which there is not", name, class)
		}
	}
}

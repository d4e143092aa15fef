package engine

import (
	"os"
	"strings"
	"testing"
	"time"
)

// The table of clock changes in docs/schedules.md says what Next says.
func TestDueTimes_documented(t *testing.T) {
	text, err := os.ReadFile("../docs/schedules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| cron | timezone | after | due next, and then | why |\n|---|---|---|---|---|\n")
	if !ok {
		t.Fatal("docs/schedules.md has no table of due times")
	}
	rows := 0
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		rows++
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		expr, zone, want := strings.Trim(cells[1], "`"), loadZone(t, cells[2]), cells[4]
		after, err := time.ParseInLocation("2006-01-02 15:04", cells[3], zone)
		if err != nil {
			t.Fatal(err)
		}
		d := dueTimes(t, expr, zone)
		var got []string
		for range strings.Split(want, ", ") {
			due := d.Next(after)
			got = append(got, documented(due))
			after = due.At
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s in %s\n got %s\nwant %s", expr, zone, s, want)
		}
	}
	if rows < 10 {
		t.Errorf("only %d rows", rows)
	}
}

func documented(d Due) string {
	s := d.At.Format("2006-01-02 15:04 -07:00")
	switch {
	case !d.Moved():
		return s
	case d.Meant.Day() == d.At.Day():
		return s + d.Meant.Format(" for 15:04")
	}
	return s + d.Meant.Format(" for 2006-01-02 15:04")
}

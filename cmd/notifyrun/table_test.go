package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTable_flush(t *testing.T) {
	columns := []column{{title: "ID", whole: true}, {title: "N", right: true, whole: true}, {title: "JOB", ends: true}, {title: "SUM", keep: true}, {title: "TEXT"}}
	rows := [][]string{
		{"01M807CE7KP74R78KY7SWXQ0NF", "7", `sip_notify.firmware_update["south"]`, "300 accepted", "short"},
		{"01M807CE7KP74R78KY7SWXQ0NG", "1234", "sip_notify.x", "1 accepted", "a text that is far too long for its cell"},
		{"01M807CE7KP74R78KY7SWXQ0NH", "", "sip_notify.y", "1 accepted", "two\nlines\x1b[31m"},
	}
	for _, c := range []struct {
		name  string
		width int
		want  string
	}{
		{"narrow", 80, `
ID                             N  JOB              SUM           TEXT
01M807CE7KP74R78KY7SWXQ0NF     7  sip_not…south"]  300 accepted  short
01M807CE7KP74R78KY7SWXQ0NG  1234  sip_notify.x     1 accepted    a text that is…
01M807CE7KP74R78KY7SWXQ0NH        sip_notify.y     1 accepted    two\nlines\x1b…
`},
		{"no limit", 0, `
ID                             N  JOB                                  SUM           TEXT
01M807CE7KP74R78KY7SWXQ0NF     7  sip_notify.firmware_update["south"]  300 accepted  short
01M807CE7KP74R78KY7SWXQ0NG  1234  sip_notify.x                         1 accepted    a text that is far too long for its cell
01M807CE7KP74R78KY7SWXQ0NH        sip_notify.y                         1 accepted    two\nlines\x1b[31m
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := &table{columns: columns, width: c.width}
			for _, r := range rows {
				table.add(append([]string(nil), r...)...)
			}
			var b strings.Builder
			if err := table.flush(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), b.String()); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTable_parts writes a list in two parts: one title, and columns that only
// grow.
func TestTable_parts(t *testing.T) {
	table := &table{columns: []column{{title: "A"}, {title: "B"}}}
	var b strings.Builder
	for _, cell := range []string{"x", "longer", "y"} {
		table.add(cell, "b")
		if err := table.flush(&b); err != nil {
			t.Fatal(err)
		}
	}
	want := "A  B\nx  b\nlonger  b\ny       b\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestClipMiddle(t *testing.T) {
	for width := range 12 {
		got := clipMiddle("sip_notify", width)
		if n := utf8.RuneCountInString(got); n > max(width, 1) {
			t.Errorf("clipMiddle to %d gives %d columns: %q", width, n, got)
		}
	}
	if got, want := clipMiddle(`sip_notify.reboot["hq"]`, 15), `sip_not…["hq"]`; len([]rune(got)) != 15 || !strings.HasSuffix(got, `"hq"]`) {
		t.Errorf("clipMiddle gives %q, want something like %q", got, want)
	}
}

// What is left of the addresses of jobs in modules tells them apart.
func TestClipAddress(t *testing.T) {
	for _, c := range []struct {
		address string
		width   int
		want    string
	}{
		{`module.site["north"].sip_notify.firmware`, 40, `module.site["north"].sip_notify.firmware`},
		{`module.site["north"].sip_notify.firmware`, 39, `…site["north"].firmware`},
		{`module.site["north"].sip_notify.firmware`, 18, `…site["no…firmware`},
		{`module.a["x.y]\"z"].module.b.user_event.e["k"]`, 30, `…a["x.y]\"z"].b.e["k"]`},
		{`sip_notify.reboot["hq"]`, 15, `sip_not…t["hq"]`},
		{`module.`, 3, `…`},
		{`module.a["`, 5, `…a["`},
		{`module.a.b.c.`, 5, `…a.c.`},
	} {
		if got := clipAddress(c.address, c.width); got != c.want {
			t.Errorf("%s in %d columns is %s, want %s", c.address, c.width, got, c.want)
		}
	}
}

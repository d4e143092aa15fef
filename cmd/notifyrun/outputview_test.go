package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/engine"
)

// TestOutputs shows of long outputs so much that those behind them are seen, and no
// more rows than there are.
func TestOutputs(t *testing.T) {
	var many strings.Builder
	for n := range 30 {
		fmt.Fprintf(&many, "output \"n%02d\" {\n  value = %d\n}\n", n, n)
	}
	const long = "output \"a_long_one\" {\n  value = range(40)\n}\noutput \"b_long_one\" {\n  value = range(40)\n}\noutput \"short\" {\n  value = \"here\"\n}\n"
	for _, tt := range []struct {
		config string
		rows   int
		want   []string
	}{
		{long, fewOutputs, []string{
			"  a_long_one = tolist([\n    0,\n    1,\n    2,\n    … and 38 more lines of a_long_one; -full shows all\n",
			"  b_long_one = tolist([\n", "\n  short = \"here\"\n",
		}},
		{long, 30, []string{"\n    … and 30 more lines of a_long_one; -full shows all\n", "\n  short = \"here\"\n"}},
		{long, math.MaxInt, []string{"\n    39,\n  ])\n  b_long_one = tolist([\n", "\n  short = \"here\"\n"}},
		{many.String(), fewOutputs, []string{"\n  n10 = 10\n  … and 19 more outputs; -full shows all\n"}},
		{many.String(), 32, []string{"\n  n29 = 29\n"}},
		{"output \"line\" {\n  value = join(\" \", range(1000))\n}\n" + long, fewOutputs, []string{"\n    … and the rest of this line of line; -full shows all\n", "\n  short = \"here\"\n"}},
		{"output \"hostile\" {\n  value = { \"\\u001b[31m\" = \"\\u001b[31m\\u202e\" }\n}\n", fewOutputs, []string{"  hostile = {\n"}},
	} {
		var b strings.Builder
		s := screen{w: &b}
		s.outputs(planOf(t, hq+tt.config, &engine.State{}).Config.Outputs, tt.rows)
		for _, want := range tt.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("in %d rows %q is not shown:\n%s", tt.rows, want, b.String())
			}
		}
		if rows := s.rowsOf(linesOf(b.String())); rows > tt.rows {
			t.Errorf("it has %d rows, want %d at most:\n%s", rows, tt.rows, b.String())
		}
		if strings.ContainsAny(b.String(), "\x1b\u202e") {
			t.Errorf("it has control characters: %q", b.String())
		}
	}
}

// TestOutputs_plan gives outputs the rows that a plan leaves of two screens.
func TestOutputs_plan(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.hcl", hq+"output \"list\" {\n  value = range(20)\n}\noutput \"last\" {\n  value = \"here\"\n}\n")
	code, out, errs := execute(t, "", nil, "plan", dir)
	if code != exitOK || !strings.Contains(out, "\n  last = \"here\"\n") || !strings.Contains(out, "\n    19,\n") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	write(t, dir, "main.hcl", hq+"output \"list\" {\n  value = range(200)\n}\noutput \"last\" {\n  value = \"here\"\n}\n")
	code, out, errs = execute(t, "", nil, "plan", dir)
	if rows := (screen{}).rowsOf(linesOf(out)); code != exitOK || !strings.HasSuffix(out, "\n  last = \"here\"\n") || rows != twoScreens {
		t.Errorf("exit code %d, %d rows\n%s%s", code, rows, out, errs)
	}
}

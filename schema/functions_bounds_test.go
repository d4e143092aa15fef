package schema

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// TestBounds has functions make more than there is memory: each refuses, before
// it has taken much of it.
func TestBounds(t *testing.T) {
	if underRace() {
		t.Skip("takes many minutes with the race detector, which has nothing to find in it")
	}
	ctx := conformanceScope(t)
	many := make([]cty.Value, 1<<17)
	for i := range many {
		many[i] = cty.StringVal("x")
	}
	var aliases strings.Builder
	aliases.WriteString("a0: &a0 [1, 1]\n")
	for i := 1; i < 100; i++ {
		fmt.Fprintf(&aliases, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	local := ctx.Variables["local"].AsValueMap()
	local["ones"], local["twos"] = cty.StringVal("${x}${x}${x}${x}${x}"), cty.StringVal("%{ for a in l }%{ for b in l }${a}${b}%{ endfor }%{ endfor }")
	ctx.Variables["local"] = cty.ObjectVal(local)
	ctx.Variables["big"] = cty.StringVal(strings.Repeat("x", 16<<20))
	ctx.Variables["half"] = cty.StringVal(strings.Repeat("x", maxItems+1))
	ctx.Variables["lines"] = cty.StringVal(strings.Repeat("\n", 16<<20))
	ctx.Variables["commas"] = cty.StringVal("[" + strings.Repeat("1,", 16<<20) + "1]")
	ctx.Variables["many"] = cty.ListVal(many)
	ctx.Variables["aliases"] = cty.StringVal(aliases.String())
	for _, test := range []struct{ expr, want string }{
		{`format("%[1]s%[1]s%[1]s%[1]s%[1]s", big)`, "64 MiB"},
		{`format("%[1]q%[1]q", big)`, "64 MiB"},
		{`format("%99999d%99999d", 1)`, "not enough arguments"},
		{`format(replace(substr(big, 0, 1000), "x", "%99999[1]d"), 1)`, "64 MiB"},
		{`format(replace(substr(big, 0, 1000), "x", "%.99999[1]f"), 1)`, "64 MiB"},
		{`format("%999999d", 1)`, "more than five digits"},
		{`formatlist("%s%s", many, big)`, "64 MiB"},
		{`formatlist("%99999d", range(1000))`, "64 MiB"},
		{`formatlist(join("", [for i in range(1000): "%[1]s"]), many)`, "64 MiB"},
		{`join(big, many)`, "64 MiB"},
		{`join(",", [for i in range(5): big])`, "64 MiB"},
		{`replace(big, "x", big)`, "64 MiB"},
		{`replace(big, "", "aaaaa")`, "64 MiB"},
		{`replace(half, "/x/", "aaaaaaaaaaaaaaaaa")`, "elements"},
		{`replace(big, "/(.*)/", "$1$1$1$1$1$1")`, "64 MiB"},
		{`length(replace(half, "/()/", "a"))`, ""},
		{`replace(join("", many), "/x/", big)`, "64 MiB"},
		{`replace(join("", many), "/(.*y)?x/", "a")`, "again"},
		{`regexall(".*y|x", join("", many))`, "again"},
		{`length(regexall("[^y]*y|x", join("", slice(many, 0, 1000))))`, ""},
		{`regexall("\\B.*y|x", join("", many))`, "again"},
		{`length(regexall("^x.*y|x\\b|x", join("", many)))`, ""},
		{`length(regexall("\\Qx", join("", many)))`, ""},
		{`length(regexall("x|y+z*", join("", many)))`, ""},
		{`regex("(x{0,1000}y){0,1}", big)`, "too long"},
		{`length(regexall(".*y|x", join("", slice(many, 0, 4000))))`, ""},
		{`regex(big, "x")`, "1024 KiB"},
		{`indent(100, lines)`, "64 MiB"},
		{`split("", big)`, "elements"},
		{`split("x", big)`, "elements"},
		{`regexall("x", half)`, "elements"},
		{`setproduct(many, many)`, "elements"},
		{`setproduct(many, range(20))`, "elements"},
		{`concat([for i in range(33): many]...)`, "elements"},
		{`flatten([for i in range(33): many])`, "elements"},
		{`jsonencode([big, big, big, big, big])`, "64 MiB"},
		{`yamlencode([big, big, big, big, big])`, "64 MiB"},
		{`jsondecode(commas)`, "elements"},
		{`yamldecode(commas)`, "elements"},
		{`yamldecode(aliases)`, "elements"},
		{`csvdecode(lines)`, "elements"},
		{`base64encode(urlencode(base64encode(urlencode(join("", [big, big, big])))))`, "64 MiB"},
		{`base64gunzip(base64gzip(big)) == big`, ""},
		{`base64gunzip(local.bomb)`, "64 MiB"},
		{`textencodebase64(big, "UTF-32")`, "64 MiB"},
		{`templatestring(local.ones, { x = big })`, "64 MiB"},
		{`templatestring(local.twos, { l = many })`, "1048576 times"},
		{`range(0, 1e99)`, "1024"},
		{`length(formatlist("PJSIP/%d %s", range(1000), "x"))`, ""},
		{`length(distinct(many))`, ""},
		{`length(formatlist("%s.%s", many, "0123456789"))`, ""},
	} {
		if strings.Contains(test.expr, "local.bomb") {
			local["bomb"] = cty.StringVal(base64Of(zipped(strings.Repeat("x", maxText+1))))
			ctx.Variables["local"] = cty.ObjectVal(local)
		}
		expr := parsedExpression(t, test.expr)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, diags := expr.Value(ctx)
		runtime.ReadMemStats(&after)
		switch {
		case test.want == "":
			if diags.HasErrors() {
				t.Errorf("%s: %v", test.expr, diags)
			}
		case !strings.Contains(allErrors(diags), test.want):
			t.Errorf("%s: %v is not an error with %q", test.expr, diags, test.want)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 3<<30 {
			t.Errorf("%s took %d MiB", test.expr, taken>>20)
		}
	}
}

package schema

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	bombMemory = 1536 << 20 // bytes; what is not bounded takes ten or a thousand times as much
	someJobs   = "pbx \"hq\" {\n  simulator {}\n}\n"
)

// repeated writes a line for each number below n.
func repeated(n int, form string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.NewReplacer("{i}", fmt.Sprint(i), "{j}", fmt.Sprint(i+1)).Replace(form))
	}
	return b.String()
}

// bigValues has big, a text of 1 MiB, and k, 1000 numbers.
const bigValues = `  big  = join("", [for i in range(1024) : join("", [for j in range(128) : "01234567"])])
  k    = range(1000)
`

// bombs are small configurations that would take all memory, or for ever. says is
// in what is reported; "" where nothing needs to be, since there is little to do.
var bombs = []struct {
	name, says string
	files      func() map[string]string
}{
	{"count", "Too many instances", mainFile(someJobs + "user_event \"x\" {\n  pbx   = pbx.hq\n  count = 1000000000\n}\n")},
	{"count of servers", "Too many instances", mainFile("pbx \"hq\" {\n  count = 1000000000\n  simulator {}\n}\n")},
	{"for_each", "more than", mainFile(someJobs + "user_event \"x\" {\n  pbx      = pbx.hq\n  for_each = toset([for p in setproduct(range(1000), range(1000), range(1000)) : join(\",\", p)])\n}\n")},
	{"for in for", "Too much to compute", locals(bigValues + "  a = [for a in local.k : [for b in local.k : [for c in local.k : [for d in local.k : d]]]]\n")},
	{"for in for that keeps nothing", "Too much to compute", locals(bigValues + "  a = [for a in local.k : [for b in local.k : [for c in local.k : c if false]]]\n")},
	{"for in for of an object", "Too much to compute", locals(bigValues + "  a = { for a in local.k : \"x${a}\" => { for b in local.k : \"x${b}\" => { for c in local.k : \"x${c}\" => c } } }\n")},
	{"for in for in a template", "Too much to compute", locals(bigValues + "  a = \"%{for a in local.k}%{for b in local.k}%{for c in local.k}x%{endfor}%{endfor}%{endfor}\"\n")},
	{"for in for in the targets", "Too much to compute", mainFile(someJobs + "sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = flatten([for a in range(1000) : [for b in range(1000) : [for c in range(1000) : \"PJSIP/${a}${b}${c}\"]]])\n  message { event = \"x\" }\n}\n")},
	{"for in for in a message", "Too much to compute", mainFile(someJobs + "sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/1\"]\n  message {\n    event   = \"x\"\n    content = join(\",\", flatten([for a in range(1000) : [for b in range(1000) : [for c in range(1000) : target.target]]]))\n  }\n}\n")},
	{"long lists of a condition", "", locals(bigValues + "  l = flatten([for i in range(100) : local.k])\n  a = length(local.l) > 0 ? [for i in local.l : { a = i, b = \"x${i}\" }] : []\n  b = length(local.l) > 0 ? local.l : [for i in range(3) : \"x\"]\n  c = setproduct(local.l, [1, 2])\n")},
	{"a union of many sets", "", locals(bigValues + "  a = setunion([for i in local.k : [for j in range(100) : i * 100 + j]]...)\n")},
	{"splat in splat", "", locals(bigValues + "  a = [for a in local.k : local.k[*]][*][*]\n")},
	{"a function in for", "Too much to compute", locals(bigValues + "  a = [for a in local.k : length(setproduct(local.k, local.k))]\n")},
	{"a function in for, indexed", "Too much to compute", locals(bigValues + "  a = [for a in local.k : setproduct(local.k, local.k)[0]]\n")},
	{"texts in for", "Too much to compute", locals(bigValues + "  a = [for a in local.k : \"${local.big}${a}\"]\n")},
	{"keys in for", "Too much to compute", locals(bigValues + "  a = { for a in local.k : \"${local.big}${a}\" => a }\n")},
	{"keys of objects in for", "Too much to compute", locals(bigValues + "  a = [for a in local.k : { \"${local.big}${a}\" = a }]\n")},
	{"many texts in a list", "Too much to compute", locals(bigValues + "  a = [\n" + repeated(2000, "    \"${local.big}{i}\",\n") + "  ]\n")},
	{"many texts in an object", "Too much to compute", locals(bigValues + "  a = {\n" + repeated(2000, "    a{i} = \"${local.big}{i}\"\n") + "  }\n")},
	{"many local values", "Values too large", locals(bigValues + repeated(20, "  a{i} = setproduct(local.k, local.k)\n"))},
	{"many local texts", "Values too large", locals(bigValues + "  b = join(\"\", [for i in range(60) : local.big])\n" + repeated(500, "  a{i} = \"${local.b}{i}\"\n"))},
	{"texts that double", "Text too long", locals("  a0 = \"0123456789\"\n" + repeated(60, "  a{j} = \"${local.a{i}}${local.a{i}}\"\n"))},
	{"objects that double", "", locals("  a0 = { a = 1 }\n" + repeated(20, "  a{j} = { a = local.a{i}, b = local.a{i} }\n"))},
	{"lists that double", "Values too large", locals("  a0 = [1, 2]\n" + repeated(60, "  a{j} = concat(local.a{i}, local.a{i})\n"))},
	{"lists in lists that double", "Value too large", locals("  a0 = [1, 2]\n" + repeated(60, "  a{j} = [local.a{i}, local.a{i}]\n") + "  b = jsonencode(local.a60)\n")},
	{"maps in maps that double", "Value too large", locals("  a0 = { a = 1 }\n" + repeated(60, "  a{j} = { for k in [\"a\", \"b\"] : k => local.a{i} }\n") + "  b = jsonencode(local.a60)\n")},
	{"merged objects that double", "Value too large", locals("  a0 = { a = 1 }\n" + repeated(60, "  a{j} = merge({ a = local.a{i} }, { b = local.a{i} })\n") + "  b = jsonencode(local.a60)\n")},
	{"outputs that double", "Value too large", func() map[string]string {
		all := map[string]string{"double/main.hcl": "variable \"x\" {}\noutput \"x\" {\n  value = [var.x, var.x]\n}\n"}
		all["main.hcl"] = "module \"a0\" {\n  source = \"./double\"\n  x      = 1\n}\n" + repeated(60, "module \"a{j}\" {\n  source = \"./double\"\n  x      = module.a{i}.x\n}\n")
		return all
	}},
	{"inputs that double", "nested", func() map[string]string {
		all := map[string]string{"main.hcl": "module \"x\" {\n  source = \"./m0\"\n  x      = 1\n}\n"}
		for i := range 60 {
			all[fmt.Sprintf("m%d/main.hcl", i)] = fmt.Sprintf("variable \"x\" {}\nmodule \"x\" {\n  source = \"../m%d\"\n  x      = [var.x, var.x]\n}\n", i+1)
		}
		all["m60/main.hcl"] = "variable \"x\" {}\noutput \"x\" {\n  value = jsonencode(var.x)\n}\n"
		return all
	}},
	{"inputs that grow twentyfold", "Value too large", func() map[string]string {
		all := map[string]string{"main.hcl": "module \"x\" {\n  source = \"./m0\"\n  x      = 1\n}\n"}
		for i := range 12 {
			all[fmt.Sprintf("m%d/main.hcl", i)] = fmt.Sprintf("variable \"x\" {}\nmodule \"x\" {\n  source = \"../m%d\"\n  x      = [%s]\n}\n", i+1, strings.Repeat("var.x, ", 20))
		}
		all["m12/main.hcl"] = "variable \"x\" {}\noutput \"x\" {\n  value = 1\n}\n"
		return all
	}},
	{"inputs with a type that double", "nested", func() map[string]string {
		all := map[string]string{"main.hcl": "module \"x\" {\n  source = \"./m0\"\n  x      = []\n}\n"}
		for i := range 60 {
			all[fmt.Sprintf("m%d/main.hcl", i)] = fmt.Sprintf("variable \"x\" {\n  type = any\n}\nmodule \"x\" {\n  source = \"../m%d\"\n  x      = { a = var.x, b = var.x }\n}\n", i+1)
		}
		all["m60/main.hcl"] = "variable \"x\" {\n  type = any\n}\nsip_notify \"x\" {\n  pbx     = var.x\n  targets = var.x\n  message {\n    event = var.x\n  }\n}\n"
		return all
	}},
	{"numbers that double", "too large", locals("  a0 = 99999999999999999999\n" + repeated(60, "  a{j} = local.a{i} * local.a{i}\n"))},
	{"powers", "digits", locals("  a = pow(10, 1000000000)\n")},
	{"one long template", "Text too long", locals(bigValues + "  a = \"" + repeated(3000, "${local.big}") + "\"\n")},
	{"messages that double", "Text too long", mainFile(someJobs + "message \"a0\" {\n  event   = \"x\"\n  content = target.target\n}\n" +
		repeated(60, "message \"a{j}\" {\n  event   = \"x\"\n  content = \"${message.a{i}.content}${message.a{i}.content}\"\n}\n") +
		"sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = [\"PJSIP/1\"]\n  message = message.a60\n}\n")},
	{"a format", "", locals("  a = format(\"%1000000000d\", 1)\n")},
	{"JSON in JSON", "inside one another", locals("  a = jsondecode(join(\"\", [for i in range(1000) : join(\"\", [for j in range(1000) : \"[\"])]))\n")},
	{"YAML in YAML", "", locals("  a = yamldecode(join(\"\", [for i in range(1000) : join(\"\", [for j in range(1000) : \"[\"])]))\n")},
	{"aliases in YAML", "", locals("  a = yamldecode(<<EOT\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + repeated(20, "a{j}: &a{j} [*a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}, *a{i}]\n") + "EOT\n  )\n")},
	{"a template that is its own", "", files("main.hcl", "locals {\n  a = templatefile(\"t.tpl\", {})\n}\n", "t.tpl", "${templatefile(\"t.tpl\", {})}${templatefile(\"t.tpl\", {})}")},
	{"a template with loops", "more than", files("main.hcl", "locals {\n  a = templatefile(\"t.tpl\", { k = range(1000) })\n}\n", "t.tpl", "%{for a in k}%{for b in k}%{for c in k}x%{endfor}%{endfor}%{endfor}")},
	{"brackets", "nested too deeply", locals("  a = " + strings.Repeat("[", 1<<20) + "\n")},
	{"braces", "nested too deeply", mainFile(strings.Repeat("a {\n", 1<<18))},
	{"interpolations", "nested too deeply", locals("  a = \"" + strings.Repeat("${\"", 1<<18) + "\n")},
	{"operators", "nested too deeply", locals("  a = 1" + strings.Repeat(" + 1", 1<<18) + "\n")},
	{"conditions", "nested too deeply", locals("  a = " + strings.Repeat("true ? 1 : ", 1<<18) + "1\n")},
	{"here documents without end", "Unclosed here document", mainFile(repeated(2000, "message \"m{i}\" {\n  content = <<EOT\n}\n"))},
	{"quotes without end", "closing quote", mainFile(repeated(2000, "message \"m{i}\" {\n  content = \"x\n}\n"))},
	{"brackets without end", "Missing comma", mainFile(repeated(2000, "message \"m{i}\" {\n  content = [1\n  event = 1\n}\n"))},
	{"blocks without end", "Unclosed block", mainFile(repeated(2000, "message \"m{i}\" {\n"))},
	{"blocks that there are not", "no blocks", mainFile(repeated(2000, "mesage \"m{i}\" {}\n"))},
	{"arguments that there are not", "no argument", mainFile(repeated(2000, "message \"m{i}\" {\n  event = \"x\"\n  evnt  = 1\n}\n"))},
	{"names that there are not", "Did you mean", locals(repeated(1000, "  local_value_{i} = local.locla_value_{i}\n"))},
	{"long names that there are not", "undeclared local value", locals("  b" + strings.Repeat("a", 1<<18) + "b = 1\n  x = local.c" + strings.Repeat("a", 1<<18) + "c\n")},
	{"many more names that there are not", "undeclared local value", locals(repeated(20000, "  local_value_{i} = local.locla_value_{i}\n"))},
	{"many instances that are wrong", "Invalid target", mainFile(someJobs + "sip_notify \"x\" {\n  pbx     = pbx.hq\n  count   = 1000000\n  targets = [count.index]\n  message { event = \"x\" }\n}\n")},
	{"CSV of 100 MiB", "elements", func() map[string]string {
		return map[string]string{"main.hcl": "locals {\n  a = csvdecode(file(\"x.csv\"))\n}\n", "x.csv": strings.Repeat("a,b,c,d\n", 100<<20/8)}
	}},
	{"CSV of many rows", "", func() map[string]string {
		return map[string]string{"main.hcl": "locals {\n  a = csvdecode(file(\"x.csv\"))\n}\n", "x.csv": "a,b,c,d\n" + strings.Repeat("1,2,3,4\n", 700000)}
	}},
	{"modules of modules", "Too many", func() map[string]string {
		call := "module \"x\" {\n  source = \"%sm%d\"\n  count  = 1000\n}\n"
		all := map[string]string{"main.hcl": fmt.Sprintf(call, "./", 0), "m9/main.hcl": "locals {\n  a = 1\n}\n"}
		for i := range 9 {
			all[fmt.Sprintf("m%d/main.hcl", i)] = fmt.Sprintf(call, "../", i+1)
		}
		return all
	}},
	{"a module that is its own", "", files("main.hcl", "module \"x\" {\n  source = \"./m\"\n}\n", "m/main.hcl", "module \"x\" {\n  source = \"../m\"\n}\n")},
	{"a long line", "", locals("  a = [" + repeated(5000, "local.b, ") + "1]\n")},
	{"a cycle of many", "Reference cycle", locals("  a0 = local.a3000\n" + repeated(3000, "  a{j} = local.a{i}\n"))},
	{"many targets that are wrong", "Invalid target", mainFile(someJobs + "sip_notify \"x\" {\n  pbx     = pbx.hq\n  targets = [for i in range(1000) : i]\n  message { event = \"x\" }\n}\n")},
}

func files(pairs ...string) func() map[string]string {
	return func() map[string]string {
		all := make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		return all
	}
}

func mainFile(content string) func() map[string]string { return files("main.hcl", content) }

func locals(content string) func() map[string]string {
	return mainFile("locals {\n" + content + "}\n")
}

// loadFiles loads a configuration that is on no disk.
func loadFiles(all map[string]string) (*Source, *Config, []string, func() string) {
	snap := &Snapshot{Dir: ".", Configuration: []string{"main.hcl"}, Files: make(map[string][]byte), Modules: make(map[string][]string)}
	for name, content := range all {
		snap.Files[name] = []byte(content)
		if dir, _, ok := strings.Cut(name, "/"); ok {
			snap.Modules[dir] = append(snap.Modules[dir], name)
		}
	}
	src := snap.Source()
	cfg, diags := Load(src, Values{Version: "0.1.0"})
	shown := func() string {
		var out bytes.Buffer
		if err := WriteDiagnostics(&out, src.Files(), diags, 80, false); err != nil {
			return err.Error()
		}
		return out.String()
	}
	return src, cfg, slices.Sorted(maps.Keys(all)), shown
}

// TestLoad_bombs loads what would fill the memory or take for ever, and holds the
// memory in use against a bound meanwhile. How long it takes is left to the limit
// of the whole test, since other things go on, too.
func TestLoad_bombs(t *testing.T) {
	if testing.Short() || underRace() {
		t.Skip("takes a minute, and many with the race detector")
	}
	for _, bomb := range bombs {
		t.Run(bomb.name, func(t *testing.T) {
			var before runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			stop, peak := make(chan struct{}), make(chan uint64)
			go func() {
				most := uint64(0)
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-stop:
						peak <- most
						return
					case <-tick.C:
						var m runtime.MemStats
						if runtime.ReadMemStats(&m); m.HeapAlloc > bombMemory {
							runtime.GC() // of what is in use, not of garbage
							runtime.ReadMemStats(&m)
						}
						most = max(most, m.HeapAlloc)
					}
				}
			}()
			begun := time.Now()
			_, cfg, _, shown := loadFiles(bomb.files())
			said := shown()
			took := time.Since(begun)
			runtime.KeepAlive(cfg)
			close(stop)
			most := <-peak
			if !strings.Contains(said, bomb.says) || bomb.says != "" && said == "" {
				t.Errorf("nothing says %q:\n%s", bomb.says, said[:min(len(said), 2000)])
			}
			if most > before.HeapAlloc+bombMemory {
				t.Errorf("the heap grew to %d MiB", most>>20)
			}
			t.Logf("%v, %d MiB, %d bytes said", took.Round(time.Millisecond), most>>20, len(said))
		})
	}
}

// underRace tells whether the race detector is on.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

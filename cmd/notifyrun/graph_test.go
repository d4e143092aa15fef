package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dotGraph reads what graph prints, by the grammar of DOT: the labels and colours of
// nodes, and edges.
type dotGraph struct {
	tokens   []string
	nodes    map[string]string // labels
	red      map[string]bool   // nodes, and edges as "a -> b"
	edges    []string
	clusters []string
}

func parseDOT(text string) (g *dotGraph, err error) {
	g = &dotGraph{nodes: map[string]string{}, red: map[string]bool{}}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v, before %.100s", r, strings.Join(g.tokens, " "))
		}
	}()
	for text = strings.TrimLeft(text, " \n"); text != ""; text = strings.TrimLeft(text, " \n") {
		n := 1
		switch c := text[0]; {
		case c == '"':
			for text[n] != '"' {
				if text[n] == '\\' {
					n++
				}
				n++
			}
			n++
		case strings.HasPrefix(text, "->"):
			n = 2
		case strings.ContainsRune("{}[]=,;", rune(c)):
		default:
			for n < len(text) && !strings.ContainsRune(" \n{}[]=,;\"", rune(text[n])) {
				n++
			}
		}
		g.tokens, text = append(g.tokens, text[:n]), text[n:]
	}
	g.want("digraph")
	g.id()
	g.statements()
	if len(g.tokens) > 0 {
		panic("something follows the graph")
	}
	return g, nil
}

func (g *dotGraph) next() string {
	t := g.tokens[0]
	g.tokens = g.tokens[1:]
	return t
}

func (g *dotGraph) want(t string) {
	if got := g.next(); got != t {
		panic(fmt.Sprintf("%s where %s is to be", got, t))
	}
}

func (g *dotGraph) id() string {
	t := g.next()
	if s, ok := strings.CutPrefix(t, `"`); ok { // of escapes DOT takes this one alone away; labels know others
		return strings.ReplaceAll(strings.TrimSuffix(s, `"`), `\"`, `"`)
	}
	if strings.Trim(t, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" {
		panic(t + " is no name")
	}
	return t
}

func (g *dotGraph) statements() {
	g.want("{")
	for g.tokens[0] != "}" {
		switch {
		case g.tokens[0] == "subgraph":
			g.next()
			g.clusters = append(g.clusters, g.id())
			g.statements()
		case g.tokens[1] == "=":
			g.id()
			g.next()
			g.id()
		default:
			name := g.id()
			if g.tokens[0] == "->" {
				g.next()
				name += " -> " + g.id()
				g.edges = append(g.edges, name)
			} else {
				g.nodes[name] = ""
			}
			g.attributes(name)
		}
	}
	g.next()
}

func (g *dotGraph) attributes(of string) {
	if g.tokens[0] != "[" {
		return
	}
	for g.next() != "]" { // [ or ,
		key := g.id()
		g.want("=")
		switch value := g.id(); key {
		case "label":
			g.nodes[of] = strings.ReplaceAll(value, `\\`, `\`)
		case "color":
			g.red[of] = value == "red"
		}
		if g.tokens[0] != "," && g.tokens[0] != "]" {
			panic("neither , nor ]")
		}
	}
}

// TestGraph reads the graph of a configuration with modules, awkward keys and a
// circle.
func TestGraph(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "site"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "site"), "main.hcl", "variable \"pbx\" {}\noutput \"it\" {\n  value = var.pbx\n}\n")
	write(t, dir, "main.hcl", `
variable "wanted" {}
pbx "hq" {
  simulator {}
}
module "site" {
  source   = "./site"
  for_each = toset(["a \"quoted\\\" key", "b -> c; {}"])
  pbx      = pbx.hq
}
locals {
  ring = local.round
  round = local.ring
  out = local.ring
}
sip_notify "one" {
  pbx     = pbx.hq
  targets = var.wanted
  message {
    event = "check-sync"
  }
}
`)
	code, out, errs := execute(t, "", nil, "graph", dir)
	if code != exitOK || !strings.Contains(errs, "Reference cycle") || !strings.Contains(errs, "wanted") {
		t.Fatalf("exit code %d\n%s\n%s", code, out, errs)
	}
	g, err := parseDOT(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	awkward := []string{`module.site["a \"quoted\\\" key"]`, `module.site["b -> c; {}"]`}
	for _, module := range awkward {
		if g.nodes[strings.ReplaceAll(module, `\`, `\\`)+".output.it"] != "output.it" {
			t.Errorf("no output of %s among %v", module, g.nodes)
		}
	}
	if label := g.nodes["sip_notify.one"]; label != "sip_notify.one" || len(g.clusters) != 2 {
		t.Errorf("the label of a job is %s, the clusters are %v", label, g.clusters)
	}
	var edges []string
	for _, e := range g.edges {
		if g.red[e] {
			e += " (red)"
		}
		if !strings.Contains(e, "module") {
			edges = append(edges, e)
		}
	}
	want := []string{
		"local.ring -> local.round (red)", "local.round -> local.ring (red)", "local.out -> local.ring",
		"sip_notify.one -> pbx.hq", "sip_notify.one -> var.wanted",
	}
	if diff := cmp.Diff(want, edges); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
	if !g.red["local.ring"] || g.red["local.out"] {
		t.Errorf("red are %v", g.red)
	}
	if n := len(g.edges) - len(want); n != 7 { // the module to the pbx and its two outputs; each output to its variable, and that to the pbx
		t.Errorf("%d edges of modules: %v", n, g.edges)
	}

	code, out, _ = execute(t, "", nil, "graph", "-json", dir)
	if code != exitOK || !strings.Contains(out, `{"address":"local.ring","refers_to":["local.round"],"in_circle":true,"range":{`) || !strings.Contains(out, `"severity":"error"`) {
		t.Errorf("as JSON, exit code %d: %s", code, out)
	}

	write(t, dir, "broken.hcl", "pbx {")
	if code, out, errs = execute(t, "", nil, "graph", dir); code != exitError || out != "" || !strings.Contains(errs, "broken.hcl") {
		t.Errorf("of a broken file: exit code %d\n%s%s", code, out, errs)
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/notifyrun/notifyrun/schema"
)

var graphCommand = &command{
	name: "graph", args: "[PATH]",
	short: "print what refers to what, for Graphviz",
	long: `Prints the references of the configuration as a graph in DOT, the language of
Graphviz: variables, local values, pbxs, data, messages, windows, jobs, checks
and modules, with an arrow from each to what it refers to. To see it:

  notifyrun graph | dot -Tsvg > graph.svg

What leads back to itself is red. So it prints the graph also of a configuration
with mistakes, which it tells on the standard error, as long as its files can be
read; the exit code is 0 then. It needs no values of variables and asks no PBX.`,
	run: (*app).graph,
}

// graphJSON is graph -json.
type graphJSON struct {
	FormatVersion string           `json:"format_version"`
	Type          string           `json:"type"` // "graph"
	Nodes         []graphNodeJSON  `json:"nodes"`
	Diagnostics   []diagnosticJSON `json:"diagnostics"`
}

type graphNodeJSON struct {
	Address  string     `json:"address"`
	Module   string     `json:"module,omitempty"`
	RefersTo []string   `json:"refers_to"`
	InCircle bool       `json:"in_circle"`
	Range    *rangeJSON `json:"range,omitempty"`
}

func (a *app) graph(ctx context.Context, args []string) error {
	var v values
	a.flagSet()
	a.valueFlags(&v)
	path, err := a.parsePath(args)
	if err != nil {
		return err
	}
	src, diags := schema.Open(path)
	if diags.HasErrors() {
		return a.mistakes(src, diags)
	}
	var cfg *schema.Config
	if err := unlessInterrupted(ctx, func() {
		var more hcl.Diagnostics
		cfg, more = schema.Load(src, a.schemaValues(v))
		diags = append(diags, more...)
	}); err != nil {
		return err
	}
	all := cfg.References()
	if all == nil && diags.HasErrors() {
		return a.mistakes(src, diags)
	}
	if a.json {
		return a.graphJSON(src, all, diags)
	}
	a.showDiagnostics(src.Files(), diags)
	return writeDOT(a.stdout, all)
}

func (a *app) graphJSON(src *schema.Source, all []*schema.Referrer, diags hcl.Diagnostics) error {
	out := graphJSON{formatVersion, "graph", []graphNodeJSON{}, toDiagnosticJSON(src.Files(), diags)}
	for _, r := range all {
		n := graphNodeJSON{Address: r.Address, Module: r.Module, RefersTo: []string{}, InCircle: r.InCircle}
		n.RefersTo = append(n.RefersTo, r.RefersTo...)
		if rng := r.DeclRange; rng.Filename != "" {
			n.Range = &rangeJSON{rng.Filename, posJSON(rng.Start), posJSON(rng.End)}
		}
		out.Nodes = append(out.Nodes, n)
	}
	return writeJSON(a.stdout, out)
}

// dotShapes tell the kinds of nodes apart, by the first word of the address within
// its module.
var dotShapes = map[string]string{
	"var": "note", "local": "plaintext", "pbx": "box3d", "data": "cylinder", "message": "component", "window": "tab",
	"module": "folder", "output": "rarrow", "check": "octagon", "sip_notify": "box", "user_event": "box",
}

// writeDOT writes a graph in Graphviz's language, modules as clusters.
func writeDOT(w io.Writer, all []*schema.Referrer) error {
	var b strings.Builder
	b.WriteString("digraph notifyrun {\n  rankdir = \"LR\"\n  node [fontname = \"sans-serif\"]\n")
	circle := map[string]bool{}
	for i := 0; i < len(all); { // those of a module stand together
		module := all[i].Module
		margin := "  "
		if module != "" {
			fmt.Fprintf(&b, "  subgraph %s {\n    label = %s\n", dotID("cluster "+module), dotID(module))
			margin = "    "
		}
		for ; i < len(all) && all[i].Module == module; i++ {
			r := all[i]
			name := strings.TrimPrefix(strings.TrimPrefix(r.Address, module), ".")
			kind, _, _ := strings.Cut(name, ".")
			fmt.Fprintf(&b, "%s%s [label = %s, shape = %s", margin, dotID(r.Address), dotID(name), dotShapes[kind])
			if r.InCircle {
				b.WriteString(", color = red")
				circle[r.Address] = true
			}
			b.WriteString("]\n")
		}
		if module != "" {
			b.WriteString("  }\n")
		}
	}
	for _, r := range all {
		for _, to := range r.RefersTo {
			fmt.Fprintf(&b, "  %s -> %s", dotID(r.Address), dotID(to))
			if circle[r.Address] && circle[to] {
				b.WriteString(" [color = red]")
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// dotID quotes a name. A backslash has a meaning in labels.
func dotID(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(s)) + `"`
}

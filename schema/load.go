package schema

import (
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

var (
	settingsType = &blockType{
		name: "notifyrun", optional: []string{"required_version", "retention"},
		nested: []*blockType{{name: "state", labels: []string{"type"}, optional: []string{"path"}}},
	}
	variableType = &blockType{
		name: "variable", labels: []string{"name"},
		optional: []string{"type", "default", "description", "sensitive", "nullable", "secret_file"},
		nested:   []*blockType{conditionType("validation", 0)},
	}
	// rootSchema has the blocks of a file.
	rootSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "notifyrun"},
		{Type: "variable", LabelNames: []string{"name"}},
		{Type: "locals"},
		{Type: "pbx", LabelNames: []string{"name"}},
		{Type: "data", LabelNames: []string{"type", "name"}},
		{Type: "message", LabelNames: []string{"name"}},
		{Type: "check", LabelNames: []string{"name"}},
		{Type: "output", LabelNames: []string{"name"}},
		{Type: "module", LabelNames: []string{"name"}},
		{Type: "window", LabelNames: []string{"name"}},
		{Type: "user_event", LabelNames: []string{"name"}},
		{Type: "sip_notify", LabelNames: []string{"name"}},
		{Type: "moved"},
	}}
)

// loader turns a source into a Config: parse all files, and evaluate the root
// module, see module. It has what all modules share.
type loader struct {
	*collector
	*decoder
	src       *Source
	config    *Config
	functions *hcl.EvalContext
	modules   []*module                    // the root first
	parsed    map[string][]*hclsyntax.Body // of modules, by directory; nil: they cannot be used
	read      map[string]*Data
	only      string // the address of the one job that is wanted; empty: all

	pbxs      map[string]*PBX // by Address
	windows   map[string]*Window
	zones     map[string]*time.Location
	after     map[*arg][]string // the jobs that an argument of after triggers names, where it is the same for all
	addresses map[string]bool   // of all jobs; nil: not asked for yet
	instances int
	targets   int                // of all jobs
	kept      int64              // what all local values hold, see weightOf
	walked    int                // elements that were looked through, see walkable
	told      map[toldKey]string // by the address of which it was told, see once
}

// Load evaluates the configuration of a source. It reports every mistake that
// it finds. Load reads no clock and no network, and from the environment only
// what values has.
//
// The Config is never nil, but it is whole only if no diagnostic is an error:
// who wants to act on it must look at them first. Beside errors its PBXs and
// Jobs are those without a mistake in them or in what they refer to, so that
// these can be checked further and all be reported at once; it has neither
// Snapshot nor Scope. Nor has it with Values.Only, when its Jobs are that one job,
// or none if there is no such job.
func Load(src *Source, values Values) (*Config, hcl.Diagnostics) {
	c := &collector{}
	l := &loader{
		collector: c,
		decoder:   &decoder{collector: c, schemas: make(map[*blockType]*hcl.BodySchema)},
		src:       src, config: &Config{}, parsed: make(map[string][]*hclsyntax.Body), read: values.Data, only: values.Only, functions: &hcl.EvalContext{Functions: functions(src)},
		pbxs: make(map[string]*PBX), windows: make(map[string]*Window), zones: make(map[string]*time.Location), after: make(map[*arg][]string),
		told: make(map[toldKey]string),
	}
	if src.snapshot != nil && len(src.snapshot.Missing) > 0 {
		return l.config, failf(nil, "Secrets missing from the applied configuration",
			"Secrets stand literally in the configuration, at %s. They are not kept in the state, so that the applied configuration cannot be run without its files. Declare a variable with sensitive = true for each, and apply again.", enumerate(src.snapshot.Missing))
	}
	src.planTime = values.Now.UTC().Truncate(time.Second)
	if src.snapshot != nil {
		src.planTime = src.snapshot.PlanTime
	}
	bodies := l.parse(src.main)
	broken := l.diags.HasErrors()
	root := l.newModule("", ".")
	for _, body := range bodies {
		root.declareAll(body)
	}
	if broken {
		// What is declared in a broken file is not known, so that complaints
		// about references would mislead.
		return l.config, l.sorted()
	}
	root.assign(values)
	root.evaluate()
	l.config.modules = l.modules
	for _, m := range l.modules {
		l.once(strings.TrimSuffix(m.path, "."), hcl.Range{}, m.finish)
	}
	for _, n := range root.order {
		if n.root == "output" && !n.failed {
			l.config.Outputs = append(l.config.Outputs, &Output{n.name, n.value, n.rng})
		}
	}
	l.config.Settings = root.evalSettings(values.Version)
	for _, m := range l.modules {
		for _, j := range m.jobs {
			m.evalJobs(j)
		}
	}
	if l.only == "" {
		l.checkAfter()
		l.evalMoves()
	}
	if l.diags.HasErrors() || l.only != "" {
		return l.config, l.sorted()
	}
	snap, err := src.takeSnapshot(root.variables)
	if err == nil {
		err = snap.keep(l.config.Data, l.read)
	}
	if err != nil {
		l.add(failf(nil, "Configuration cannot be kept", "A snapshot of the configuration could not be made: %s.", err)...)
		return l.config, l.diags
	}
	l.config.Snapshot = snap
	l.config.scope = &Scope{graph: root.graph, root: root.root}
	return l.config, l.sorted()
}

// parse reads the files of a module.
func (l *loader) parse(names []string) []*hclsyntax.Body {
	var bodies []*hclsyntax.Body
	for _, name := range names {
		shown := l.src.locate(name)
		b, err := l.src.read(name, maxSourceSize)
		if err != nil {
			l.add(failf(nil, "Configuration not readable", "The file %q could not be read: %s.", shown, cause(err))...)
			continue
		}
		body, diags := l.src.parse(b, shown)
		l.add(diags...)
		if body != nil {
			bodies = append(bodies, body)
		}
	}
	return bodies
}

package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// completionPlace is where in a command line something is to be completed.
type completionPlace struct {
	app     *app
	ctx     context.Context
	all     *completions
	command *command
	values  values // as given before
}

// given notes a flag that says where the state or the values of variables are.
func (p *completionPlace) given(flag, value string) {
	switch flag {
	case "state":
		p.values.state = value
	case "var":
		if name, value, ok := strings.Cut(value, "="); ok {
			p.values.assignments = append(p.values.assignments, schema.Assignment{Name: name, Value: value})
		}
	case "var-file":
		p.values.assignments = append(p.values.assignments, schema.Assignment{File: value})
	}
}

// flag adds the values of a flag, with what stands before them in the word.
func (p *completionPlace) flag(f flagJSON, before string) {
	from := len(p.all.words)
	switch {
	case f.Name == "pbx":
		p.declared("pbx.", "", "")
	case f.Name == "var":
		p.declared("var.", "var.", "=")
		p.all.nospace = true
	case f.Value == "file" || f.Value == "directory":
		p.all.files = true
	case f.Value == "level":
		p.words("debug", "info", "warn", "error")
	case f.Value == "format":
		p.words("text", "json")
	case f.Value == "outcome":
		p.words(outcomeNames...)
	case f.Value == "id":
		p.runs()
	case f.Name == "job":
		p.jobs(true, true, false)
	case f.Value == "address" && f.Name != "http":
		p.jobs(true, true, true)
	}
	for i := range p.all.words[from:] {
		p.all.words[from+i].word = before + p.all.words[from+i].word
	}
}

func (p *completionPlace) words(words ...string) {
	for _, w := range words {
		p.all.add(w, "")
	}
}

// position adds what may stand as an argument that is no flag, by the number of
// those before it.
func (p *completionPlace) position(n int) {
	kinds := strings.Fields(strings.NewReplacer("[", "", "]", "", " | ", "|").Replace(p.command.args))
	if len(kinds) == 0 {
		return
	}
	for i, kind := range kinds {
		name, repeated := strings.CutSuffix(kind, "…")
		if kind == "..." {
			name, repeated = kinds[i-1], true
		}
		if i != n && !(repeated && n > i) {
			continue
		}
		for name := range strings.SplitSeq(name, "|") {
			p.kind(name)
		}
		if repeated { // what is behind may stand there too
			for _, kind := range kinds[i+1:] {
				p.kind(kind)
			}
		}
	}
}

// kind adds what an argument may be that the usage of a command calls so.
func (p *completionPlace) kind(kind string) {
	switch kind {
	case "PATH", "FILE", "PLANFILE":
		p.all.files = true
	case "COMMAND":
		completeCommands(p.all, "")
	case "RUN":
		p.runs()
	case "ADDRESS", "FROM", "TO":
		switch name := p.command.name; {
		case name == resumeCommand.name:
			p.paused()
		case name == fireCommand.name:
			p.jobs(true, false, false)
		case kind == "TO":
			p.jobs(true, false, true)
		case name == stateShowCommand.name:
			p.jobs(false, true, false)
		case strings.HasPrefix(name, "state "):
			p.jobs(false, true, true)
		default:
			p.jobs(true, true, true)
		}
	default:
		if kind == strings.ToLower(kind) { // a word as it stands
			p.all.add(kind, "")
		}
	}
}

// evaluates is how long a configuration may take to be evaluated, so that the keys
// of for_each are known, before it goes without.
const evaluates = time.Second

// jobs adds the addresses of jobs that are declared or known to the state, and
// those of the blocks and modules that they are in.
func (p *completionPlace) jobs(declared, known, blocks bool) {
	src, cfg := p.load()
	instances := map[string]bool{}
	places := map[string]bool{}
	add := func(job string) {
		instances[job] = true
		for _, at := range schema.Containers(job) {
			places[at] = true
		}
	}
	if known {
		if state := p.state(src, cfg); state != nil {
			for _, job := range state.Addresses() {
				add(job)
			}
		}
	}
	if declared && cfg != nil {
		for _, j := range cfg.Jobs {
			add(j.Address)
		}
	}
	if declared && src != nil {
		for _, address := range src.Declared() { // those too that cannot be evaluated
			if _, err := schema.ParseAddress(address); err == nil && !places[address] {
				add(address)
			}
		}
	}
	shown := instances
	if blocks {
		shown = places
	}
	for _, address := range slices.Sorted(maps.Keys(shown)) {
		p.all.add(address, "")
	}
}

// paused adds the jobs that are paused.
func (p *completionPlace) paused() {
	if state := p.state(p.load()); state != nil {
		for _, job := range slices.Sorted(maps.Keys(state.Pauses)) {
			p.all.add(job, state.Pauses[job].Reason)
		}
	}
}

// runs adds the last runs.
func (p *completionPlace) runs() {
	const last = 20
	src, cfg := p.load()
	place := p.place(src, cfg)
	if place == "" {
		return
	}
	led, err := p.app.reader(p.ctx, place)
	if err != nil {
		return
	}
	defer led.Close()
	runs, err := led.Runs(p.ctx, engine.RunQuery{Limit: last})
	if err != nil {
		return
	}
	for _, r := range runs {
		p.all.add(r.ID, r.Job+", "+localTime(r.Created))
	}
}

// declared adds the names of what is declared with a prefix, less what is cut off
// and with what is put behind.
func (p *completionPlace) declared(prefix, cut, behind string) {
	src, _ := schema.Open(".")
	if src == nil {
		return
	}
	for _, address := range src.Declared() {
		if strings.HasPrefix(address, prefix) {
			p.all.add(strings.TrimPrefix(address, cut)+behind, "")
		}
	}
}

// load evaluates the configuration of the directory, as far as it can be.
func (p *completionPlace) load() (*schema.Source, *schema.Config) {
	src, diags := schema.Open(".")
	if src == nil || diags.HasErrors() {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(p.ctx, evaluates)
	defer cancel()
	var cfg *schema.Config
	if unlessInterrupted(ctx, func() { cfg, _ = schema.Load(src, p.app.schemaValues(p.values)) }) != nil {
		src, _ := schema.Open(".") // one that nobody else uses
		return src, nil
	}
	return src, cfg
}

// place is where the state lies; "": nobody knows.
func (p *completionPlace) place(src *schema.Source, cfg *schema.Config) string {
	switch {
	case p.values.state != "":
		return p.values.state
	case src != nil:
		return src.StatePath(cfg)
	}
	return ""
}

// state reads the state, if there is one.
func (p *completionPlace) state(src *schema.Source, cfg *schema.Config) *engine.State {
	place := p.place(src, cfg)
	if place == "" {
		return nil
	}
	led, err := p.app.reader(p.ctx, filepath.Clean(place))
	if err != nil {
		return nil
	}
	defer led.Close()
	state, err := led.State(p.ctx)
	if err != nil {
		return nil
	}
	return state
}

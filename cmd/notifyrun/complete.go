package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
	"github.com/notifyrun/notifyrun/schema"
)

// completeWord is the command that the shells' completions call, and nobody else.
const completeWord = "__complete"

// complete tells a shell what may stand where its user is. For zsh and fish the
// arguments are the words behind notifyrun as they mean, the unfinished one last;
// the answers are the words that may take its place, with what they are behind a
// tab, and the shell quotes them. For bash they are the name by which the program
// was called, the characters that bash breaks words at, and the line as typed; the
// answers are what bash is to put in the place of the last piece, quoted as that
// is. ":files" says that it may also be a path, ":nospace" that no blank is to
// follow.
//
// It says nothing of its own mistakes: nobody has asked for anything yet.
func (a *app) complete(ctx context.Context, args []string) error {
	if len(args) < 2 {
		return exitCode(exitError)
	}
	shell, words := args[0], args[1:]
	mute := *a
	mute.stderr, mute.json = io.Discard, false
	if shell != "bash" {
		c := mute.completions(ctx, words)
		c.write(a.stdout, func(w string) string { return w }, true)
		return nil
	}
	if len(words) != 3 {
		return exitCode(exitError)
	}
	line := parseLine(words[2], words[1])
	begin := slices.Index(line.words, words[0])
	if begin < 0 || !line.open() {
		return nil
	}
	c := mute.completions(ctx, line.words[begin+1:])
	c.write(a.stdout, line.quote, false)
	return nil
}

// completions are what may stand at a place.
type completions struct {
	words   []completionOf
	files   bool // a path may stand there too
	nospace bool // what is to follow belongs to the same word
}

type completionOf struct{ word, what string }

func (c *completions) add(word, what string) { c.words = append(c.words, completionOf{word, what}) }

func (c *completions) write(w io.Writer, quote func(string) string, described bool) {
	for _, of := range c.words {
		line := quote(of.word)
		if described && of.what != "" {
			line += "\t" + strings.Join(strings.Fields(of.what), " ")
		}
		if strings.ContainsAny(of.word, "\n\r") || strings.HasPrefix(line, ":") {
			continue
		}
		fmt.Fprintln(w, line)
	}
	if c.nospace {
		fmt.Fprintln(w, ":nospace")
	}
	if c.files {
		fmt.Fprintln(w, ":files")
	}
}

// completions finds what the last of the words may become.
func (a *app) completions(ctx context.Context, words []string) *completions {
	all := &completions{}
	if len(words) == 0 {
		return all
	}
	last := len(words) - 1
	prefix := words[last]
	c, args := commandIn(words[:last])
	switch {
	case last == 0:
		completeCommands(all, "")
	case c == nil && len(subcommands(words[0])) > 0 && last == 1:
		completeCommands(all, words[0]+" ")
	case c == nil:
		return all
	default:
		if last == 1 && len(subcommands(words[0])) > 0 { // history is a command and a group
			completeCommands(all, words[0]+" ")
		}
		a.completeArgument(ctx, all, c, args, prefix)
	}
	all.words = slices.DeleteFunc(all.words, func(of completionOf) bool { return !strings.HasPrefix(of.word, prefix) })
	return all
}

// commandIn finds the command that words begin with, and its arguments.
func commandIn(words []string) (*command, []string) {
	for n := min(2, len(words)); n > 0; n-- {
		if c := commandOf(strings.Join(words[:n], " ")); c != nil {
			return c, words[n:]
		}
	}
	return nil, nil
}

// completeCommands adds the commands that begin with the words of a group.
func completeCommands(all *completions, group string) {
	seen := map[string]bool{}
	for _, c := range commands {
		rest, ok := strings.CutPrefix(c.name, group)
		if !ok || rest == "" {
			continue
		}
		word, sub, _ := strings.Cut(rest, " ")
		if seen[word] {
			continue
		}
		seen[word] = true
		what := c.short
		if sub != "" {
			what = "commands: " + strings.Join(subcommands(group+word), ", ")
		}
		all.add(word, what)
	}
}

// completeArgument adds what may stand as the last argument of a command.
func (a *app) completeArgument(ctx context.Context, all *completions, c *command, args []string, prefix string) {
	described := c.describe(ctx, a)
	place := completionPlace{app: a, ctx: ctx, all: all, command: c}
	find := func(word string) (flagJSON, string, bool) {
		name, value, has := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
		i := slices.IndexFunc(described.Flags, func(f flagJSON) bool { return f.Name == name })
		if i < 0 {
			return flagJSON{}, "", false
		}
		return described.Flags[i], value, has
	}
	positions := 0
	only := false // behind a lone --
	for i := 0; i < len(args); i++ {
		f, value, has := find(args[i])
		switch {
		case only || !strings.HasPrefix(args[i], "-") || args[i] == "-":
			positions++
		case args[i] == "--":
			only = true
		case f.Value == "":
		case !has && i+1 == len(args): // its value is what is asked for
			place.flag(f, "")
			return
		case !has:
			i++
			place.given(f.Name, args[i])
		default:
			place.given(f.Name, value)
		}
	}
	if f, _, has := find(prefix); has && f.Value != "" && !only && strings.HasPrefix(prefix, "-") {
		place.flag(f, prefix[:strings.Index(prefix, "=")+1])
		return
	}
	if strings.HasPrefix(prefix, "-") && !only {
		for _, f := range described.Flags {
			all.add("-"+f.Name, f.Usage)
			if strings.HasPrefix(prefix, "--") {
				all.add("--"+f.Name, f.Usage)
			}
		}
		return
	}
	place.position(positions)
}

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
		for _, o := range shownOutcomes {
			p.all.add(string(o), "")
		}
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
	loaded := make(chan *schema.Config, 1)
	go func() {
		cfg, _ := schema.Load(src, schema.Values{Environ: p.app.environ, Assignments: p.values.assignments, Version: version})
		loaded <- cfg
	}()
	select {
	case cfg := <-loaded:
		return src, cfg
	case <-time.After(evaluates):
		src, _ := schema.Open(".") // one that nobody else uses
		return src, nil
	}
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

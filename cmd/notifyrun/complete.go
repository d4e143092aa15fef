package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
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
		if printable(of.word) != of.word || strings.Contains(of.word, "\n") || strings.HasPrefix(line, ":") {
			continue // nobody could read what it is, nor the shell where it ends
		}
		if described && of.what != "" {
			line += "\t" + printable(strings.Join(strings.Fields(of.what), " "))
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

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
)

var completionCommand = &command{
	name: "completion", args: "bash|zsh|fish",
	short: "print what makes a shell complete commands, flags and addresses",
	long: `Prints the completion for a shell. It completes commands, flags, paths, and the
addresses of jobs, as they are declared in the directory where one is and known
to its state. To use it in this shell:

  bash   source <(notifyrun completion bash)
  zsh    source <(notifyrun completion zsh)
  fish   notifyrun completion fish | source

and in all to come: the same line in ~/.bashrc, in ~/.zshrc behind compinit, or
in ~/.config/fish/config.fish.`,
	run: (*app).completion,
}

// What the shells run; each asks the program for what may stand at a place, see
// complete.
var (
	//go:embed completion.bash
	completionBash string
	//go:embed completion.zsh
	completionZsh string
	//go:embed completion.fish
	completionFish string
)

// completionJSON is completion -json.
type completionJSON struct {
	FormatVersion string `json:"format_version"`
	Type          string `json:"type"` // "completion"
	Shell         string `json:"shell"`
	Script        string `json:"script"`
}

func (a *app) completion(_ context.Context, args []string) error {
	a.flagSet()
	rest, err := a.parse(args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return errors.New("completion needs the name of a shell: bash, zsh or fish")
	}
	script, ok := map[string]string{"bash": completionBash, "zsh": completionZsh, "fish": completionFish}[rest[0]]
	if !ok {
		return fmt.Errorf("there is no completion for %s; there is one for bash, zsh and fish", rest[0])
	}
	if a.json {
		return writeJSON(a.stdout, completionJSON{formatVersion, "completion", rest[0], script})
	}
	_, err = io.WriteString(a.stdout, script)
	return err
}

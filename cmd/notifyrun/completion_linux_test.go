package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompletion_shells types into real shells, presses the tab key, and looks which
// words the shell makes of what it has put there.
func TestCompletion_shells(t *testing.T) {
	home := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(home, "notifyrun")); err != nil {
		t.Fatal(err)
	}
	write(t, home, "main.hcl", `
pbx "hq" {
  simulator {}
}
sip_notify "reboot" {
  pbx     = pbx.hq
  targets = ["PJSIP/1001"]
  message {
    event = "check-sync"
  }
}
user_event "site" {
  for_each = toset(["north one", "it's $${5}: \"a\\b\"", "south"])
  pbx      = pbx.hq
}
variable "firmware" {
  default = "1"
}
`)
	const awkward = `user_event.site["it's $${5}: \"a\\b\""]`
	for _, shell := range []struct {
		name  string
		args  []string
		setup string
	}{
		{"bash", []string{"--norc", "--noprofile", "-i"}, "source <(notifyrun completion bash)\n"},
		{"zsh", []string{"-f", "-i"}, "autoload -U compinit && compinit -u -D; source <(notifyrun completion zsh)\n"},
		{"fish", []string{"--no-config", "-i"}, "notifyrun completion fish | source\n"},
	} {
		t.Run(shell.name, func(t *testing.T) {
			path, err := exec.LookPath(shell.name)
			if err != nil {
				unavailable(t, "there is no "+shell.name)
			}
			cmd := exec.Command(path, shell.args...)
			cmd.Dir = home
			cmd.Env = []string{asProgram + "=1", "PATH=" + home + ":" + os.Getenv("PATH"), "HOME=" + home, "TERM=xterm", "LC_ALL=C.UTF-8", "PS1=> "}
			p := startOnTerminal(t, cmd)
			p.types(shell.setup)
			p.types("echo rea''dy\n")
			at := p.shows("ready\r", 0)
			for _, tt := range []struct{ typed, want string }{
				{"notifyrun fire sip_not\t", "fire|sip_notify.reboot"},
				{"notifyrun fire user_event.site\tn\t", `fire|user_event.site["north one"]`},
				{"notifyrun fire user_event.site\ti\t", "fire|" + awkward},
				{"notifyrun fire 'user_event.site[\"n\t", `fire|user_event.site["north one"]`},
				{"notifyrun fire \"user_event.site[\\\"i\t", "fire|" + awkward},
				{"notifyrun plan -target=sip_\t", "plan|-target=sip_notify.reboot"},
				{"notifyrun plan -exclude user_event.site\\[\ts\t", `plan|-exclude|user_event.site["south"]`},
				{"notifyrun pla\t -detailed\t", "plan|-detailed-exitcode"},
				{"notifyrun state sh\t", "state|show"},
				{"notifyrun plan -var firm\t2", "plan|-var|firmware=2"},
				{"notifyrun validate mai\t", "validate|main.hcl"},
			} {
				// Then the words are printed in place of being run: Ctrl-A leads to the
				// beginning of the line.
				p.types(tt.typed + "\x01printf '<%s>' \r")
				want := "<notifyrun><" + strings.ReplaceAll(tt.want, "|", "><") + ">"
				at = p.shows(want, at)
			}
		})
	}
}

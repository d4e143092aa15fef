package main

import (
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// TestConsole_terminal types into a console on a terminal: it completes names, edits
// lines, brings back earlier ones, and takes Ctrl-C and Ctrl-D for what they are.
func TestConsole_terminal(t *testing.T) {
	dir := t.TempDir()
	sim := startPBX(t, amisim.Config{})
	write(t, dir, "main.hcl", filePBX(t, dir, "hq", sim.Addr(), sim.Users()[0])+`
variable "firmware" {
  default = "1.2.3"
}
variable "firmly" {
  default = "yes"
}
variable "canary" {
  default   = { hunter2 = "hunter3" }
  sensitive = true
}
user_event "site" {
  for_each = toset(["north one"])
  pbx      = pbx.hq
}
`)
	cmd := program(dir, "console")
	cmd.Env = append(cmd.Env, "TERM=xterm")
	p := startOnTerminal(t, cmd)
	at := p.shows("> ", 0)
	type step struct{ keys, shows string }
	const up, down, left, tab, ctrlC, ctrlD, ctrlA = "\x1b[A", "\x1b[B", "\x1b[D", "\t", "\x03", "\x04", "\x01"
	for _, s := range []step{
		{"var.firmw" + tab + "\r", "\r\n\"1.2.3\"\r\n"},
		{"upp" + tab + "var.firmw" + tab + ")\r", "\"1.2.3\"\r\n"},
		{"user_event.site[" + tab + ".ad" + tab + "\r", "user_event.site[\\\"north one\\\"]"},
		// As far as all go, and a list at the second tab.
		{"var.fir" + tab + tab + "", "firmly    firmware\r\n"},
		{"", "> var.firm"},
		{"l" + tab + "\r", "\"yes\"\r\n"},
		// What is sensitive shows no names of its own.
		{"var.canary." + tab + tab + "\r", "Error:"},
		// Earlier lines, edited.
		{up + up + "\r", "\"yes\"\r\n"},
		{up + up + up + down + down + left + left + "X\r", "Error: "},
		// A line that is cleared, and an expression of several lines that is.
		{"1 + 41" + ctrlC, "> "},
		{"40 + 2\r", "\r\n42\r\n"},
		{"[\r1,\r" + ctrlC, "> "},
		{"[\r7,\rvar.firmw" + tab + "]\r", "\"1.2.3\",\r\n"},
		{"3" + ctrlA + "1\r", "\r\n13\r\n"},
	} {
		if s.keys != "" {
			p.types(s.keys)
		}
		at = p.shows(s.shows, at)
		if strings.HasSuffix(s.keys, "\r") { // only behind its prompt it takes Ctrl-C for the line
			at = p.shows("\n> ", at-1)
		}
	}
	p.types("1 + 1" + ctrlD + "\r")
	at = p.shows("\r\n2\r\n", at)
	p.shows("\n> ", at-1) // before, the terminal would take it for its own
	p.types(ctrlD)
	<-p.done
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

package amisim

import (
	"fmt"
	"slices"
	"strings"
)

// blacklisted are the first words of commands that the action Command refuses (main/manager.c: command_blacklist).
var blacklisted = [][]string{{"module", "load"}, {"module", "unload"}, {"restart", "gracefully"}}

// main/manager.c: action_command.
func (c *session) runCommand(r *request) {
	command := r.get("Command")
	words := strings.Fields(strings.ToLower(command))
	switch {
	case command == "":
		c.fail(r, "No command provided")
		return
	case slices.ContainsFunc(blacklisted, func(b []string) bool { return len(words) >= 2 && slices.Equal(words[:2], b) }):
		c.fail(r, "Command blacklisted")
		return
	}
	output, success := c.cli(command)
	if c.server.config.Version.CommandFollows {
		c.reply = append(c.reply, "Response: Follows\r\nPrivilege: Command\r\n"...)
		if id := r.get("ActionID"); id != "" {
			c.put("ActionID", id)
		}
		c.reply = append(c.reply, output+"\n--END COMMAND--\r\n\r\n"...)
		return
	}
	c.respond(r, map[bool]string{true: "Success", false: "Error"}[success])
	c.put("Message", "Command output follows")
	for line := range strings.Lines(output) {
		c.put("Output", strings.TrimSuffix(line, "\n"))
	}
	c.blank()
}

// cli runs a CLI command. One of Config.Commands fails if its output says so in the last line.
func (c *session) cli(command string) (output string, success bool) {
	output, known := c.server.config.Commands[command]
	if known {
		return output, !strings.HasSuffix(strings.TrimSuffix(output, "\n"), "Command '"+command+"' failed.")
	}
	switch strings.Join(strings.Fields(strings.ToLower(command)), " ") {
	case "core show version":
		return "Asterisk " + c.server.config.Version.Asterisk, true
	case "channel request hangup all":
		calls := c.server.Calls()
		c.after = append(c.after, func() {
			for _, call := range calls {
				c.server.HangUp(call.Channel)
			}
		})
		for _, call := range calls {
			output += fmt.Sprintf("Requested Hangup on channel '%s'\n", call.Channel)
		}
		return output, true
	}
	return "No such command '" + command + "' (type 'core show help " + command + "' for other possible commands)", false
}

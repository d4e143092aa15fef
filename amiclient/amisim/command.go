package amisim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
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
	case "core show uptime seconds":
		return c.server.uptime(), true
	case "module show":
		return c.server.config.Version.moduleList(), true
	case "pjsip show settings":
		return c.server.settings(), true
	}
	return "No such command '" + command + "' (type 'core show help " + command + "' for other possible commands)", false
}

// main/cli.c: handle_showuptime.
func (s *Server) uptime() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ago := func(t time.Time) int { return int(time.Since(t) / time.Second) }
	return fmt.Sprintf("System uptime: %d\nLast reload: %d\n", ago(s.started), ago(s.reloaded))
}

// main/cli.c: handle_modlist.
func (v Version) moduleList() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-30s %-40.40s %-10s %-11s %13s\n", "Module", "Description", "Use Count", "Status", "Support Level")
	names := slices.Sorted(maps.Keys(v.modules()))
	names = slices.DeleteFunc(names, func(name string) bool { return name == "manager" })
	for _, name := range names {
		fmt.Fprintf(&b, "%-30s %-40.40s %-10d %-11s %13s\n", name+".so", "Simulated", 0, "Running", "core")
	}
	fmt.Fprintf(&b, "%d modules loaded\n", len(names))
	return b.String()
}

// settings is what the simulator has of the many settings (res/res_pjsip/config_global.c). The one that nobody has set has
// a name, too, of an endpoint that is mostly not there.
func (s *Server) settings() string {
	line := func(name, value string) string { return fmt.Sprintf(" %-42s : %s\n", name, value) }
	return "\nGlobal Settings:\n\n" + line("ParameterName", "ParameterValue") + " " + strings.Repeat("=", 80) + "\n" +
		line("debug", "no") + line("default_outbound_endpoint", orDefault(s.config.DefaultOutbound, "default_outbound_endpoint")) +
		line("user_agent", "Asterisk PBX "+s.config.Version.Asterisk)
}

package amisim

import (
	"strconv"
	"strings"
	"time"
)

// modules are those that are loaded, and whether they can be reloaded; manager stands for the parts of the core that can.
func (v Version) modules() map[string]bool {
	m := map[string]bool{
		"manager": true, "pbx_config": true, "res_pjsip": true, "res_pjsip_notify": true,
		"chan_pjsip": false, "app_userevent": false, "app_echo": false, "res_manager_devicestate": false,
	}
	if v.ChanSIP {
		m["chan_sip"] = true
	}
	if v.Voicemail == AppVoicemail {
		m["app_voicemail"] = true
	}
	return m
}

// module finds a loaded module by its name, in any case, with or without ".so".
func (s *Server) module(name string) (reloads, loaded bool) {
	reloads, loaded = s.config.Version.modules()[strings.TrimSuffix(strings.ToLower(name), ".so")]
	return reloads, loaded
}

func (c *session) runModuleCheck(r *request) {
	if _, loaded := c.server.module(r.get("Module")); !loaded {
		c.fail(r, "Module not loaded")
		return
	}
	c.respond(r, "Success")
	c.put("Version", "")
	c.blank()
}

// main/manager.c: action_reload; main/loader.c: ast_module_reload, which raises the event.
func (c *session) runReload(r *request) {
	name, status := r.get("Module"), 0
	reloads, loaded := c.server.module(name)
	switch {
	case name == "":
		name = "All"
		c.server.mu.Lock()
		c.server.reloaded = time.Now()
		c.server.mu.Unlock()
		c.ack(r, "Module Reloaded")
	case !loaded:
		status = 2
		c.fail(r, "No such module")
	case !reloads:
		status = 6
		c.fail(r, "Module does not support reload")
	default:
		c.ack(r, "Module Reloaded")
	}
	c.after = append(c.after, func() {
		c.server.emit("Reload", classSystem, []Header{{"Module", name}, {"Status", strconv.Itoa(status)}})
	})
}

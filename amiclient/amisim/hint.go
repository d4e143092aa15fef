package amisim

import (
	"strconv"
	"strings"
)

// Hint is a hint of the dialplan: an extension that has the state of a device, such as "PJSIP/1001".
type Hint struct{ Exten, Context, Device string }

// extensionStates are the numbers and words for the device states that an extension can have (main/pbx.c:
// extension_states, ast_devstate_to_extenstate).
var extensionStates = map[string]struct {
	number int
	text   string
}{
	"UNKNOWN": {0, "Idle"}, "NOT_INUSE": {0, "Idle"}, "INUSE": {1, "InUse"}, "BUSY": {2, "Busy"}, "INVALID": {4, "Unavailable"}, "UNAVAILABLE": {4, "Unavailable"},
	"RINGING": {8, "Ringing"}, "RINGINUSE": {9, "InUse&Ringing"}, "ONHOLD": {16, "Hold"},
}

// extensionStatus are the headers that tell of a hint; the caller holds mu.
func (s *Server) extensionStatus(h Hint) []Header {
	state := "UNKNOWN"
	driver, name, _ := strings.Cut(h.Device, "/")
	if p := s.phones[name]; p != nil && (driver == "PJSIP" || driver == "SIP") {
		state = p.stateOf(driver)
	}
	of := extensionStates[state]
	return []Header{{"Exten", h.Exten}, {"Context", h.Context}, {"Hint", h.Device}, {"Status", strconv.Itoa(of.number)}, {"StatusText", of.text}}
}

// hinted are the events of the hints on a device whose state has changed; the caller holds mu.
func (s *Server) hinted(device string) []event {
	var events []event
	for _, h := range s.config.Hints {
		if h.Device == device {
			events = append(events, event{"ExtensionStatus", classCall, s.extensionStatus(h)})
		}
	}
	return events
}

// main/pbx.c: action_extensionstatelist.
func (c *session) runExtensionStateList(r *request) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.startList(r, "Extension Statuses will follow")
	for _, h := range c.server.config.Hints {
		c.item(r, "ExtensionStatus", c.server.extensionStatus(h))
	}
	c.endList(r, "ExtensionStateListComplete", len(c.server.config.Hints))
}

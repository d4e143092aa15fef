package amisim

import "strings"

// request is one AMI message from the client: its lines as they came, without line ends.
type request struct{ lines []string }

// header returns the value of a line if its header is called name: the name, in any case, and at once a colon
// (main/manager.c: __astman_get_header).
func header(line, name string) (string, bool) {
	if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(line[:len(name)], name) {
		return skipBlanks(line[len(name)+1:]), true
	}
	return "", false
}

// get returns the value of the first header called name, "" if there is none.
func (r *request) get(name string) string {
	for _, line := range r.lines {
		if value, ok := header(line, name); ok {
			return value
		}
	}
	return ""
}

// action returns the action's name: an empty Action header counts as absent, unlike any other.
func (r *request) action() string {
	for _, line := range r.lines {
		if value, ok := header(line, "Action"); ok && value != "" {
			return value
		}
	}
	return ""
}

// variables cuts up all Variable headers, in order.
func (r *request) variables() []Header {
	var vars []Header
	for _, line := range r.lines {
		if value, ok := header(line, "Variable"); ok {
			vars = cutVariable(vars, value)
		}
	}
	return vars
}

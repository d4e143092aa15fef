package amisim

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"strings"
)

// eventFilter is a filter that a session has added: which events it strikes, and whether those are kept or dropped.
type eventFilter struct {
	exclude bool
	name    string            // of the event, "" for any
	header  string            // the value of which is looked at, "" for the whole event
	match   func([]byte) bool // nil: being there is enough
}

// The answers to a filter that cannot be added.
const (
	filterBroken    = "Filter did not compile.  Check the syntax of the filter given."
	filterMalformed = "Filter was formatted incorrectly.  Check the syntax of the filter given."
)

// main/manager.c: action_filter.
func (c *session) runFilter(r *request) {
	if !strings.EqualFold(r.get("Operation"), "Add") {
		c.fail(r, "Unknown operation")
		return
	}
	f, trouble := c.server.config.Version.filter(r.get("MatchCriteria"), r.get("Filter"))
	if trouble != "" {
		c.fail(r, trouble)
		return
	}
	if f != nil {
		c.mu.Lock()
		c.filters = append(c.filters, f)
		c.mu.Unlock()
	}
	c.ack(r, "Success")
}

// filter makes a filter of its two headers, or tells the trouble with them (main/manager.c: manager_add_filter). Versions
// without criteria take the pattern as a regular expression over the whole event, whatever the criteria say, and an empty
// one for nothing at all.
func (v Version) filter(criteria, pattern string) (f *eventFilter, trouble string) {
	f = new(eventFilter)
	given := pattern
	pattern, f.exclude = strings.CutPrefix(pattern, "!")
	if !v.FilterCriteria {
		if given == "" {
			return nil, ""
		}
		return f, f.compile("regex", pattern)
	}
	if criteria == "" {
		if pattern == "" {
			return nil, filterMalformed
		}
		return f, f.compile("regex", pattern)
	}
	method := "none"
	for option := range strings.FieldsFuncSeq(criteria, func(r rune) bool { return r == ' ' || r == ',' }) {
		name, value, found := strings.Cut(strings.TrimSuffix(option, ")"), "(")
		switch {
		case !found || value == "":
			return nil, filterMalformed
		case name == "action" && (value == "include" || value == "exclude"):
			f.exclude = f.exclude || value == "exclude"
		case name == "name":
			f.name = value
		case name == "header":
			f.header = value
		case name == "method":
			method = value
		default:
			return nil, filterMalformed
		}
	}
	if (method == "none") != (pattern == "") || pattern == "" && f.name == "" && f.header == "" {
		return nil, filterMalformed
	}
	return f, f.compile(method, pattern)
}

// compile sets how a filter looks at its data.
func (f *eventFilter) compile(method, pattern string) (trouble string) {
	text := []byte(pattern)
	switch method {
	case "none":
	case "exact":
		f.match = func(data []byte) bool { return bytes.Equal(data, text) }
	case "starts_with":
		f.match = func(data []byte) bool { return bytes.HasPrefix(data, text) }
	case "ends_with":
		f.match = func(data []byte) bool { return bytes.HasSuffix(data, text) }
	case "contains":
		f.match = func(data []byte) bool { return bytes.Contains(data, text) }
	case "regex":
		// POSIX extended, compiled without REG_NEWLINE: a dot is a line end too, and ^ and $ are the ends of all.
		parsed, err := syntax.Parse(pattern, syntax.DotNL|syntax.OneLine)
		if err != nil {
			return filterBroken
		}
		expr, err := regexp.Compile(parsed.String())
		if err != nil {
			return filterBroken
		}
		f.match = expr.Match
	default:
		return filterMalformed
	}
	return ""
}

// strikes tells whether an event is one that the filter means. Names count with their case; of a repeated header each
// value is looked at.
func (f *eventFilter) strikes(event []byte) bool {
	if f.name != "" && !bytes.HasPrefix(event, []byte("Event: "+f.name+"\r\n")) {
		return false
	}
	if f.header == "" {
		return f.match == nil || f.match(event)
	}
	for line := range bytes.SplitSeq(event, []byte("\r\n")) {
		if value, found := bytes.CutPrefix(line, []byte(f.header+": ")); found && (f.match == nil || f.match(value)) {
			return true
		}
	}
	return false
}

// wanted tells whether filters let an event through: one that includes must strike if there are any such, and none that
// excludes (main/manager.c: should_send_event).
func wanted(filters []*eventFilter, event []byte) bool {
	included, include := false, false
	for _, f := range filters {
		switch {
		case !f.exclude:
			include = true
			included = included || f.strikes(event)
		case f.strikes(event):
			return false
		}
	}
	return included || !include
}

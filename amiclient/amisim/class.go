package amisim

import (
	"strconv"
	"strings"
)

// class is a set of AMI permission classes: what a user may read and write, what an event or action belongs to, and
// the event mask of a session.
type class uint32

// include/asterisk/manager.h: EVENT_FLAG_*.
const (
	classSystem    class = 1 << 0
	classCall      class = 1 << 1
	classCommand   class = 1 << 4
	classUser      class = 1 << 6
	classConfig    class = 1 << 7
	classReporting class = 1 << 9
	classOriginate class = 1 << 12
	classSecurity  class = 1 << 18
	classAll       class = 1<<31 - 1
)

// classNames has all labels in the order in which authority_to_str writes them.
var classNames = []struct {
	name string
	bit  class
}{
	{"system", classSystem}, {"call", classCall}, {"log", 1 << 2}, {"verbose", 1 << 3}, {"command", classCommand}, {"agent", 1 << 5},
	{"user", classUser}, {"config", classConfig}, {"dtmf", 1 << 8}, {"reporting", classReporting}, {"cdr", 1 << 10},
	{"dialplan", 1 << 11}, {"originate", classOriginate}, {"agi", 1 << 13}, {"cc", 1 << 15}, {"aoc", 1 << 16}, {"test", 1 << 17},
	{"security", classSecurity}, {"message", 1 << 30}, {"all", classAll},
}

// String returns the classes as an event's Privilege line and ListCommands show them.
func (c class) String() string {
	if c == 0 {
		return "<none>"
	}
	var names []string
	for _, n := range classNames {
		if c&n.bit != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ",")
}

// parseClasses reads a list of class names (main/manager.c: get_perm over ast_instring). It is as odd as the original:
// no blanks are trimmed, case counts, and an item that is not the last matches every class that it is a prefix of, so
// an empty one matches all.
func parseClasses(list string) class {
	var c class
	for _, n := range classNames {
		if inString(list, n.name) {
			c |= n.bit
		}
	}
	return c
}

func inString(list, name string) bool {
	for {
		item, rest, more := strings.Cut(list, ",")
		switch {
		case !more:
			return item == name
		case strings.HasPrefix(name, item):
			return true
		case rest == "":
			return false
		}
		list = rest
	}
}

// parseMask reads an event mask (main/manager.c: strings_to_mask). ok is false for the empty one, which changes nothing.
// A misspelt word is a mask of nothing: all events off, without an error.
func parseMask(text string) (mask class, ok bool) {
	if text == "" {
		return 0, false
	}
	if strings.Trim(text, "0123456789") == "" {
		n, _ := strconv.ParseUint(text, 10, 31)
		return class(n), true
	}
	switch strings.ToLower(text) {
	case "off", "no", "false", "n", "f":
		return 0, true
	case "on", "yes", "true", "y", "t":
		return classAll, true
	}
	return parseClasses(text), true
}

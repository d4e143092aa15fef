package amiclient

import (
	"fmt"
	"slices"
	"strings"
)

// classes are those of main/manager.c: perms, but for all: the list of these
// turns everything on as well, and, other than "on" and "all", is answered with
// brokeneventsaction=yes too (main/manager.c: action_events).
var classes = []string{"system", "call", "log", "verbose", "command", "agent", "user", "config", "dtmf", "reporting", "cdr",
	"dialplan", "originate", "agi", "cc", "aoc", "test", "security", "message"}

// classOf has the class of the events whose class is known here. A session gets
// an event only if its user has that class in manager.conf's read.
var classOf = map[string]string{
	"ContactStatus": "system", "PeerStatus": "system", "Registry": "system", "FullyBooted": "system", "Shutdown": "system", "Reload": "system",
	"DeviceStateChange": "call", "ExtensionStatus": "call", "MessageWaiting": "call", "OriginateResponse": "call",
	"UserEvent":      "user",
	"SuccessfulAuth": "security", "ChallengeSent": "security", "ChallengeResponseFailed": "security", "InvalidPassword": "security",
	"InvalidAccountID": "security", "FailedACL": "security", "RequestBadFormat": "security",
	"TestEvent": "reporting",
}

// checkClasses refuses what Asterisk would misread without a word: a misspelt
// class turns all events off, a blank hides the class after it, and an item
// matches every class it begins (main/manager.c: strings_to_mask, ast_instring).
func checkClasses(names []string) error {
	for _, name := range names {
		if !slices.Contains(classes, name) {
			return fmt.Errorf("check event classes: %s is not one; Asterisk would take it for none or for several: use %s",
				quote(name), strings.Join(classes, ", "))
		}
	}
	return nil
}

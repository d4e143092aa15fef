package amitest

import (
	"fmt"
	"strings"
)

// filtered adds a filter, or more, sends two user events, and tells which of them get through: "one", "two", "both" or
// "none", by 16 and, if it differs, by 22.
func filtered(name, headers string, seen ...string) dialogue {
	d := dialogue{
		name: "filter " + name, mask: "user",
		send: "Action: Filter\nOperation: Add\n" + headers + "\n\nAction: UserEvent\nUserEvent: One\nPhone: 101\nPhone: 202\n\nAction: UserEvent\nUserEvent: Two\nphone: 101\n\n",
	}
	one := "Event: UserEvent\nPrivilege: user,all\nUserEvent: One\nPhone: 101\nPhone: 202\n\n"
	two := "Event: UserEvent\nPrivilege: user,all\nUserEvent: Two\nphone: 101\n\n"
	const ack = "Response: Success\nMessage: Event Sent\n\n"
	answer := func(seen string) string {
		// An event can come before or after the answer to the next action.
		return strings.Repeat("Response: Success\nMessage: Success\n\n", strings.Count(d.send, "Action: Filter")) + map[string]string{
			"both": ack + "«(" + one + ack + two + "|" + ack + one + two + ")»", "one": ack + "«(" + one + ack + "|" + ack + one + ")»", "two": ack + ack + two, "none": ack + ack,
		}[seen]
	}
	d.want16, d.want22 = answer(seen[0]), answer(seen[len(seen)-1])
	return d
}

// refused adds a filter that 22 does not take, and 16 does, since it does not look at the criteria.
func refused(headers string) dialogue {
	return dialogue{name: fmt.Sprintf("filter refused %q", headers), send: "Action: Filter\nOperation: Add\n" + headers + "\n\n",
		want16: "Response: Success\nMessage: Success\n\n", want22: failure("Filter was formatted incorrectly.  Check the syntax of the filter given.")}
}

var filters = []dialogue{
	{name: "filters that cannot be", want: "Response: Success\nMessage: Success\n\n" + failure("Unknown operation") + failure("Filter did not compile.  Check the syntax of the filter given."),
		send: "Action: Filter\nOperation: add\nFilter: Event: X\n\nAction: Filter\nOperation: Del\n\nAction: Filter\nOperation: Add\nFilter: (\n\n"},
	filtered("includes", "Filter: Phone: 101", "one"),
	filtered("excludes", "Filter: !Phone: 101", "two"),
	filtered("spans lines", "Filter: ^Event: UserEvent.*Phone: 101.*202", "one"),
	filtered("has one beginning", "Filter: ^UserEvent: One", "none"),
	filtered("has one end", "Filter: 101$", "none"),
	filtered("includes by two", "Filter: Phone: 101\n\nAction: Filter\nOperation: Add\nFilter: Two", "both"),
	filtered("includes and excludes", "Filter: UserEvent\n\nAction: Filter\nOperation: Add\nFilter: !One", "two"),
	filtered("as the client names events", `Filter: ^Event: (FullyBooted|Shutdown|UserEvent)[[:cntrl:]]`, "both"),
	filtered("as the client names others", `Filter: ^Event: (FullyBooted|Shutdown|UserEven|User|serEvent|UserEventX)[[:cntrl:]]`, "none"),
	filtered("as the client names more", "Filter: ^Event: (Other)[[:cntrl:]]\n\nAction: Filter\nOperation: Add\nFilter: ^Event: (UserEvent)[[:cntrl:]]", "both"),
	filtered("as the client gives up", "Filter: ^Event: (Other)[[:cntrl:]]\n\nAction: Filter\nOperation: Add\nFilter: ^Event: ", "both"),
	filtered("with what is special in names", `Filter: ^Event: (\.\*|U\.\*|\(a\|b\)|a\[b]|a\{2}|\^\$|\\|\+\?\(\)|é)[[:cntrl:]]`, "none"),
	filtered("by name", "MatchCriteria: name(UserEvent)", "both"),
	filtered("by another name", "MatchCriteria: name(userevent)", "both", "none"),
	filtered("by header", "MatchCriteria: header(Phone)", "both", "one"),
	filtered("exact", "MatchCriteria: action(include),name(UserEvent),header(UserEvent),method(exact)\nFilter: Two", "two"),
	filtered("starts_with in a repeated header", "MatchCriteria: name(UserEvent), header(Phone), method(starts_with), action(exclude)\nFilter: 20", "one", "two"),
	filtered("ends_with", "MatchCriteria: header(Phone),method(ends_with)\nFilter: 02", "one"),
	filtered("contains", "MatchCriteria: method(contains)\nFilter: UserEvent: One", "one"),
	filtered("regex", "MatchCriteria: header(Phone),method(regex)\nFilter: ^1.1$", "none", "one"),
	filtered("excludes by a mark", "MatchCriteria: header(UserEvent),method(exact)\nFilter: !One", "two"),
	refused("X: y"), refused("MatchCriteria: nonsense\nFilter: x"), refused("Filter: !"), refused("MatchCriteria: action(include)"), refused("MatchCriteria: name(X),method(exact)"),
	refused("MatchCriteria: name(X),method(none)\nFilter: x"), refused("MatchCriteria: name(X)\nFilter: x"), refused("MatchCriteria: action(nonsense),name(X)"),
	refused("MatchCriteria: method(nonsense)\nFilter: x"),
}

// reloaded reloads a module and looks at the event that tells of it.
func reloaded(module, answer string, status int) dialogue {
	return dialogue{name: "reload " + module, mask: "system", send: "Action: Reload\nActionID: r\nModule: " + module + "\n\n", want: answer,
		events: []string{fmt.Sprintf("Event: Reload\nPrivilege: system,all\nModule: %s\nStatus: %d\n\n", module, status)}}
}

const moduleReloaded = "Response: Success\nActionID: r\nMessage: Module Reloaded\n\n"

var modulesLoaded = []dialogue{
	{name: "modules that are loaded", send: "Action: ModuleCheck\nActionID: m\nModule: res_pjsip_notify\n\nAction: ModuleCheck\nModule: RES_pjsip_notify.so\n\nAction: ModuleCheck\nModule: manager\n\n",
		want: "Response: Success\nActionID: m\nVersion: \n\nResponse: Success\nVersion: \n\nResponse: Success\nVersion: \n\n"},
	{name: "modules that are not loaded", send: "Action: ModuleCheck\nModule: nope\n\nAction: ModuleCheck\n\n", want: failure("Module not loaded") + failure("Module not loaded")},
	{name: "module of chan_sip", send: "Action: ModuleCheck\nModule: chan_sip\n\n", want16: "Response: Success\nVersion: \n\n", want22: failure("Module not loaded")},
	reloaded("res_pjsip_notify.so", moduleReloaded, 0), reloaded("res_pjsip_notify", moduleReloaded, 0), reloaded("manager", moduleReloaded, 0),
	reloaded("nope", "Response: Error\nActionID: r\nMessage: No such module\n\n", 2),
	reloaded("app_userevent.so", "Response: Error\nActionID: r\nMessage: Module does not support reload\n\n", 6),
}

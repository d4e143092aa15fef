package main

// insteadOfCommand says what takes the place of commands of Terraform that are not here.
var insteadOfCommand = map[string]string{
	"destroy":      "take the blocks out of the configuration and apply: what is removed sends nothing any more",
	"force-unlock": "a lock ends with the process that has it, whatever ends that",
	"get":          "modules are local folders, so that there is nothing to fetch",
	"import":       "there is nothing to import: what phones have had is recorded when they get it",
	"output":       "notifyrun plan shows the outputs, and with -json all of them",
	"providers":    "there are no providers; notifyrun check looks at the PBXs",
	"refresh":      "plan and apply read the data sources themselves",
	"taint":        "to send a job again: notifyrun fire ADDRESS",
	"test":         "validate and plan check the conditions in the configuration, against a simulated PBX too",
	"untaint":      "nothing is ever marked to be sent again",
	"workspace":    "each directory has a state of its own, and -state names another",

	"state pull":             "notifyrun state backup FILE copies the state",
	"state push":             "a copy of the state is put back in place of the file, while nothing runs",
	"state replace-provider": "there are no providers",
}

// insteadOfFlag says so of flags.
var insteadOfFlag = map[string]string{
	"chdir":            "the directory of the configuration is the last argument",
	"compact-warnings": "many warnings are summed up unless -full is given",
	"destroy":          "take the blocks out of the configuration and apply: what is removed sends nothing any more",
	"input":            "values of variables are never asked for; apply asks nothing with -auto-approve",
	"lock":             "who writes the state always locks it",
	"lock-timeout":     "who writes the state always locks it, and does not wait",
	"no-color":         "set NO_COLOR in the environment; where the output is no terminal, there are no colours",
	"parallelism":      "max_in_flight and rate_limit of a pbx block say how much is sent at once",
	"refresh-only":     "plan shows what the data sources say now; there is nothing else to refresh",
	"replace":          "to send a job again: notifyrun fire ADDRESS",
}

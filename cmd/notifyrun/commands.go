package main

// commands are listed in help in this order. It is set in init because help
// reads it.
var commands []*command

func init() {
	commands = []*command{
		initCommand,
		fmtCommand,
		convertCommand,
		validateCommand,
		checkCommand,
		planCommand,
		applyCommand,
		fireCommand,
		serveCommand,
		pauseCommand,
		resumeCommand,
		runsCommand,
		showCommand,
		historyCommand,
		historyPruneCommand,
		scheduleCommand,
		stateBackupCommand,
		stateCheckCommand,
		stateListCommand,
		stateShowCommand,
		stateMvCommand,
		stateRmCommand,
		consoleCommand,
		graphCommand,
		completionCommand,
		helpCommand,
		versionCommand,
	}
}

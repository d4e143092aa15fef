package schema

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
)

// eventNames are events that stock modules of Asterisk 16 to 22 raise, for
// finding slips of the pen. There may be others.
var eventNames = strings.Fields(`
AGIExecEnd AGIExecStart AOC-D AOC-E AOC-S AgentCalled AgentComplete AgentConnect AgentDump AgentLogin AgentLogoff
AgentRingNoAnswer AorDetail AorList AorListComplete AsyncAGIEnd AsyncAGIExec AsyncAGIStart AttendedTransfer AuthDetail AuthList
AuthListComplete AuthMethodNotAllowed BlindTransfer BridgeCreate BridgeDestroy BridgeEnter BridgeInfoChannel BridgeInfoComplete
BridgeLeave BridgeMerge BridgeVideoSourceUpdate CEL Cdr ChallengeResponseFailed ChallengeSent ChanSpyStart ChanSpyStop
ChannelTalkingStart ChannelTalkingStop ConfbridgeEnd ConfbridgeJoin ConfbridgeLeave ConfbridgeList ConfbridgeMute ConfbridgeRecord
ConfbridgeStart ConfbridgeStopRecord ConfbridgeTalking ConfbridgeUnmute ContactList ContactListComplete ContactStatus
ContactStatusDetail CoreShowChannel CoreShowChannelsComplete DAHDIChannel DNDState DTMFBegin DTMFEnd DeviceStateChange
DeviceStateListComplete DialBegin DialEnd DialState EndpointDetail EndpointDetailComplete EndpointList EndpointListComplete
ExtensionStateListComplete ExtensionStatus FAXSession FAXSessionsComplete FAXStats FAXStatus FailedACL FullyBooted Hangup
HangupHandlerPop HangupHandlerPush HangupHandlerRun HangupRequest Hold IdentifyDetail InvalidAccountID InvalidPassword
InvalidTransport Load LoadAverageLimit LocalBridge LocalOptimizationBegin LocalOptimizationEnd MCID MWIGet MWIGetComplete
MeetmeEnd MeetmeJoin MeetmeLeave MeetmeMute MeetmeTalkRequest MeetmeTalking MemoryLimit MessageWaiting MiniVoiceMail MixMonitorMute
MixMonitorStart MixMonitorStop MonitorStart MonitorStop MusicOnHoldStart MusicOnHoldStop NewAccountCode NewCallerid NewConnectedLine
Newchannel Newexten Newstate OriginateResponse ParkedCall ParkedCallGiveUp ParkedCallSwap ParkedCallTimeOut PeerStatus
Pickup PresenceStateChange PresenceStateListComplete PresenceStatus QueueCallerAbandon QueueCallerJoin QueueCallerLeave QueueEntry
QueueMember QueueMemberAdded QueueMemberPause QueueMemberPenalty QueueMemberRemoved QueueMemberRinginuse QueueMemberStatus
QueueParams QueueSummary RTCPReceived RTCPSent ReceiveFAX Registry Reload Rename RequestBadFormat RequestNotAllowed
RequestNotSupported ResourceListDetail SendFAX SessionLimit SessionTimeout Shutdown SoftHangupRequest SpanAlarm SpanAlarmClear Status
StatusComplete SuccessfulAuth TestEvent TransportDetail UnParkedCall UnexpectedAddress Unhold Unload UserEvent VarSet
VoicemailPasswordChange VoicemailUserDetail VoicemailUserEntry VoicemailUserEntryComplete Wink`)

// checkEventName refuses what no event can be called, and points out what is
// most likely another name.
func (l *loader) checkEventName(s string, rng hcl.Range) {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	}
	if s == "" || len(s) > 80 || strings.ContainsFunc(s, odd) {
		l.fail(rng, "Invalid event name", "%s is not the name of an AMI event: those have letters and digits, and nothing else but \"-\", \"_\" and \".\". A user event of any name is the event \"UserEvent\"; its own name is event.UserEvent.", excerpt(s))
		return
	}
	if slices.Contains(eventNames, s) {
		return
	}
	for _, known := range eventNames {
		if strings.EqualFold(s, known) {
			l.fail(rng, "Unknown event", "There is no event %s. Did you mean %q?", excerpt(s), known)
			return
		}
	}
	for _, known := range eventNames {
		if len(s) > 3 && levenshtein.Distance(s, known, nil) == 1 {
			d := problem(&rng, "Unusual event name", "No module that comes with Asterisk raises an event %s. Did you mean %q? If it is that of another module, pay no heed to this.", excerpt(s), known)
			d.Severity = hcl.DiagWarning
			l.add(d)
			return
		}
	}
}

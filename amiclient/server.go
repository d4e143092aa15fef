package amiclient

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// Ping asks for a sign of life (main/manager.c: action_ping). Every user may
// send it.
type Ping struct{}

// A Pong is the answer to a Ping.
type Pong struct {
	*Message
	Time time.Time // the server's clock
}

// Action returns the action in AMI's form.
func (Ping) Action() Action { return Action{Name: "Ping"} }

// Do returns the server's answer.
func (a Ping) Do(ctx context.Context, on Doer) (Pong, error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return Pong{}, err
	}
	return Pong{m, value.Time(m.Get("Timestamp"))}, nil
}

// CoreSettings asks for what was set when Asterisk started (main/manager.c:
// action_coresettings). Class system or reporting.
type CoreSettings struct{}

// ServerSettings are the answer to CoreSettings.
type ServerSettings struct {
	*Message
	AMIVersion      string  // as in the greeting: "11.0.0"
	AsteriskVersion string  // free text: "22.10.1+dfsg"
	SystemName      string  // asterisk.conf's systemname
	MaxCalls        int     // 0: no limit
	MaxLoad         float64 // the load average above which calls are refused; 0: no limit
	MaxFilehandles  int     // 0: that of the system
	RunUser         string  // the system user that Asterisk was told to run as
	RunGroup        string
	Realtime        bool // configuration from databases is in use
	CDR             bool // call detail records are on
	HTTP            bool // AMI over HTTP is on
}

// Action returns the action in AMI's form.
func (CoreSettings) Action() Action { return Action{Name: "CoreSettings"} }

// Do returns the settings.
func (a CoreSettings) Do(ctx context.Context, on Doer) (ServerSettings, error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return ServerSettings{}, err
	}
	load, _ := strconv.ParseFloat(m.Get("CoreMaxLoadAvg"), 64)
	return ServerSettings{
		Message: m, AMIVersion: m.Get("AMIversion"), AsteriskVersion: m.Get("AsteriskVersion"), SystemName: m.Get("SystemName"),
		MaxCalls: value.Number(m.Get("CoreMaxCalls")), MaxLoad: load, MaxFilehandles: value.Number(m.Get("CoreMaxFilehandles")),
		RunUser: m.Get("CoreRunUser"), RunGroup: m.Get("CoreRunGroup"),
		Realtime: is(m.Get("CoreRealTimeEnabled"), "Yes"), CDR: is(m.Get("CoreCDRenabled"), "Yes"), HTTP: is(m.Get("CoreHTTPenabled"), "Yes"),
	}, nil
}

// CoreStatus asks how Asterisk is doing (main/manager.c: action_corestatus).
// Class system or reporting.
type CoreStatus struct{}

// A ServerStatus is the answer to CoreStatus.
//
// The times are the server's local ones to the second, and AMI does not say in
// which zone: they stand here as if that were UTC. So compare them with each
// other, not with the clock. Another Started means that Asterisk was restarted,
// another Reloaded that its configuration was read anew.
type ServerStatus struct {
	*Message
	Started        time.Time
	Reloaded       time.Time // Started, if there was no reload
	Calls          int       // channels that are up now
	ProcessedCalls int       // since the start; only late releases of 20 and 22 say it
}

// Action returns the action in AMI's form.
func (CoreStatus) Action() Action { return Action{Name: "CoreStatus"} }

// Do returns the status.
func (a CoreStatus) Do(ctx context.Context, on Doer) (ServerStatus, error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return ServerStatus{}, err
	}
	at := func(what string) time.Time {
		t, err := time.Parse(time.DateTime, m.Get("Core"+what+"Date")+" "+m.Get("Core"+what+"Time"))
		if err != nil {
			return time.Time{}
		}
		return t
	}
	return ServerStatus{m, at("Startup"), at("Reload"), value.Number(m.Get("CoreCurrentCalls")), value.Number(m.Get("CoreProcessedCalls"))}, nil
}

// ListCommands asks which actions this server has and this user may send
// (main/manager.c: action_listcommands). Every user may send it. While Asterisk
// starts the actions of modules are missing. See also Conn.Capabilities.
type ListCommands struct{}

// A ManagerCommand is an action that the user may send.
type ManagerCommand struct {
	Name    string
	Summary string
	Classes []string // any of these in manager.conf's write is enough; none: every user may
}

// Action returns the action in AMI's form.
func (ListCommands) Action() Action { return Action{Name: "ListCommands"} }

// Do returns the actions as the server orders them.
func (a ListCommands) Do(ctx context.Context, on Doer) ([]ManagerCommand, error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return nil, err
	}
	var found []ManagerCommand
	for name, text := range m.All() {
		if name != "" && !is(name, "Response") && !is(name, "ActionID") && !is(name, "Message") {
			found = append(found, newManagerCommand(name, text))
		}
	}
	return found, nil
}

// newManagerCommand takes apart what stands behind a name: "Send an arbitrary
// event.  (Priv: user,all)".
func newManagerCommand(name, text string) ManagerCommand {
	c := ManagerCommand{Name: name, Summary: text}
	i := strings.LastIndex(text, "(Priv: ")
	if i < 0 || !strings.HasSuffix(text, ")") {
		return c
	}
	c.Summary = strings.TrimRight(text[:i], " ")
	for class := range strings.SplitSeq(text[i+len("(Priv: "):len(text)-1], ",") {
		if class != "all" && class != "<none>" {
			c.Classes = append(c.Classes, class)
		}
	}
	return c
}

package amievent

import (
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// FullyBooted tells that all modules are loaded (main/asterisk.c:
// publish_fully_booted; main/manager.c: action_login). Class system. A client that
// logs in to a server that has booted is sent one of its own after the login;
// package amiclient waits for it, so a subscription, which comes later, has only
// those of a server that booted meanwhile.
type FullyBooted struct {
	Envelope
	Status     string        // "Fully Booted"
	Uptime     time.Duration // in whole seconds, as the next; both since Asterisk 14
	LastReload time.Duration // how long ago that was, or the start if there was none
}

func newFullyBooted(m *amiclient.Message) *FullyBooted {
	return &FullyBooted{
		Envelope:   Envelope{m},
		Status:     m.Get("Status"),
		Uptime:     value.Duration(m.Get("Uptime"), time.Second),
		LastReload: value.Duration(m.Get("LastReload"), time.Second),
	}
}

// Shutdown tells that the server ends now, milliseconds before the connection
// does (main/asterisk.c: really_quit). Class system. A server that crashes or is
// killed says nothing.
type Shutdown struct {
	Envelope
	Cleanly bool // there was no call
	Restart bool // it comes back
}

func newShutdown(m *amiclient.Message) *Shutdown {
	return &Shutdown{Envelope{m}, m.Get("Shutdown") == "Cleanly", m.Get("Restart") == "True"}
}

// A ReloadStatus is the result of a reload.
type ReloadStatus int

// The results (include/asterisk/module.h: enum ast_module_reload_result).
const (
	ReloadUnreadable     ReloadStatus = -1 // the event has no such number
	ReloadDone           ReloadStatus = 0
	ReloadQueued         ReloadStatus = 1 // the server still boots
	ReloadNotFound       ReloadStatus = 2
	ReloadError          ReloadStatus = 3
	ReloadInProgress     ReloadStatus = 4
	ReloadUninitialized  ReloadStatus = 5
	ReloadNotImplemented ReloadStatus = 6 // the module has nothing to reload
)

// Reload tells that a module, or all, should have been reloaded
// (main/loader.c: publish_reload_message). Class system; Asterisk 12 or later.
type Reload struct {
	Envelope
	Module string // as it was asked for: "res_pjsip.so", "manager"; "All"
	Status ReloadStatus
}

func newReload(m *amiclient.Message) *Reload {
	return &Reload{Envelope{m}, m.Get("Module"), ReloadStatus(value.NumberOr(m.Get("Status"), int(ReloadUnreadable)))}
}

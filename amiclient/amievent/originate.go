package amievent

import (
	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// An OriginateReason is how the call of an Originate went: a control frame.
type OriginateReason int

// The reasons (include/asterisk/frame.h: enum ast_control_frame_type).
const (
	OriginateFailed     OriginateReason = 0 // no such destination, for example
	OriginateHangup     OriginateReason = 1
	OriginateUnanswered OriginateReason = 3 // it rang until the Timeout
	OriginateAnswered   OriginateReason = 4
	OriginateBusy       OriginateReason = 5
	OriginateCongestion OriginateReason = 8
)

// OriginateResponse is the outcome of an Originate with Async
// (main/manager.c: fast_originate). Class call. It comes before or after whatever
// the application does, and so before or after its user event.
type OriginateResponse struct {
	Envelope
	ActionID     string
	Success      bool // it was answered
	Reason       OriginateReason
	Channel      string // as asked for if it came to none
	Context      string // with Exten where the call should go, or else …
	Exten        string
	Application  string // … what should run, with Data
	Data         string
	Uniqueid     string // of the channel; "" if it came to none
	CallerIDNum  string
	CallerIDName string
}

func newOriginateResponse(m *amiclient.Message) *OriginateResponse {
	return &OriginateResponse{
		Envelope:     Envelope{m},
		ActionID:     m.Get("ActionID"),
		Success:      m.Get("Response") == "Success",
		Reason:       OriginateReason(value.Number(m.Get("Reason"))),
		Channel:      m.Get("Channel"),
		Context:      m.Get("Context"),
		Exten:        m.Get("Exten"),
		Application:  m.Get("Application"),
		Data:         m.Get("Data"),
		Uniqueid:     known(m.Get("Uniqueid")),
		CallerIDNum:  known(m.Get("CallerIDNum")),
		CallerIDName: known(m.Get("CallerIDName")),
	}
}

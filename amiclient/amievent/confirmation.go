package amievent

// A Confirmation is what an event tells of a user event that a client sent, by
// either way. It may be forged by who can send Asterisk a request or a call: see the
// package's documentation. Its ActionID cannot be guessed if it was drawn at random.
type Confirmation struct {
	ActionID string // of the action, which was also the ID of an amiclient.DialplanUserEvent
	Raised   bool   // the event came; false: it will not
	// Reason is why it will not: OriginateUnanswered, OriginateFailed and others.
	Reason OriginateReason
}

// ConfirmationOf returns what the event tells of a user event that somebody
// sent; ok is false if it tells nothing.
//
// A *UserEvent was raised. An *OriginateResponse that is a failure means that the
// application did not run. One that is a success tells nothing: the call was
// answered, and whether the application runs and raises an event is told by that
// alone, before or after. An OriginateResponse may be that of any other call: ask
// only about ids of one's own.
func ConfirmationOf(e Event) (c Confirmation, ok bool) {
	switch e := e.(type) {
	case *UserEvent:
		return Confirmation{ActionID: e.Origin(), Raised: true}, e.Origin() != ""
	case *OriginateResponse:
		return Confirmation{ActionID: e.ActionID, Reason: e.Reason}, e.ActionID != "" && !e.Success
	}
	return Confirmation{}, false
}

package engine

// Outcome is how far a delivery, or one attempt of it, is known to have got.
// The words promise no more than is known: AMI's Success to a NOTIFY means
// that Asterisk queued it, so it is Accepted and not "delivered".
type Outcome string

const (
	// Pending: not sent yet. A crash leaves it pending.
	Pending Outcome = "pending"
	// InFlight: durably claimed, its bytes may have left, no answer yet. A
	// crash turns it into Unknown.
	InFlight Outcome = "in_flight"
	// Accepted: Asterisk answered Success. Final.
	Accepted Outcome = "accepted"
	// Answered: more than Accepted: a user event came back as an event of the
	// PBX. Final.
	Answered Outcome = "answered"
	// Rejected: Asterisk answered Error and sent nothing. Final for the run;
	// the next apply tries again.
	Rejected Outcome = "rejected"
	// Unknown: the connection or this process ended between the send and the
	// answer. Final under on_unknown = "hold"; sent again under "resend".
	Unknown Outcome = "unknown"
	// Skipped: not sent on purpose, because Asterisk would have said Success
	// and sent nothing. Final for the run; the next apply tries again.
	Skipped Outcome = "skipped"
	// Canceled: the run no longer applies to this target. Final.
	Canceled Outcome = "canceled"
	// NotSent is an attempt whose bytes certainly never left. It does not end
	// the delivery, which is Pending again.
	NotSent Outcome = "not_sent"
)

// Final tells whether a delivery with this outcome is done within its run.
func (o Outcome) Final() bool {
	switch o {
	case Pending, InFlight, NotSent:
		return false
	}
	return true
}

// Good tells whether everything that was to be heard of the delivery is good.
func (o Outcome) Good() bool { return o == Accepted || o == Answered }

// Reached tells whether the phone has, or may have, had the message, so that a
// change trigger under on_unknown = "hold" must not send it again.
func (o Outcome) Reached() bool { return o.Good() || o == Unknown || o == InFlight }

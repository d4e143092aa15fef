package engine

import (
	"errors"

	"github.com/notifyrun/notifyrun/amiclient"
)

// verdict is what one answer, or the lack of one, means for a delivery.
type verdict struct {
	outcome Outcome
	text    string
	err     error // as classified; nil if accepted
	lost    bool  // the connection is gone: nothing more can be sent before it is back
}

// classify answers the question on which retries hang: could Asterisk have
// seen the action? Only where it certainly could not is the attempt NotSent.
func classify(answer *amiclient.Message, err error) verdict {
	if err == nil {
		return verdict{outcome: Accepted, text: answer.Get("Message")}
	}
	var refused *amiclient.ResponseError
	if errors.As(err, &refused) {
		switch {
		case errors.Is(err, amiclient.ErrBusyServer):
			return verdict{outcome: NotSent, text: err.Error(), err: err}
		case errors.Is(err, amiclient.ErrShuttingDown):
			return verdict{outcome: NotSent, text: err.Error(), err: err, lost: true}
		}
		return verdict{outcome: Rejected, text: err.Error(), err: err}
	}
	if errors.As(err, new(*amiclient.FieldError)) {
		return verdict{outcome: Rejected, text: err.Error(), err: err}
	}
	v := verdict{text: err.Error(), err: err, lost: true}
	var conn *amiclient.ConnError
	if errors.As(err, &conn) && !conn.Written {
		v.outcome = NotSent
	} else {
		v.outcome = Unknown
	}
	return v
}

// fatal tells whether dialling again cannot help.
func fatal(err error) bool {
	return errors.Is(err, amiclient.ErrAuth) || errors.Is(err, amiclient.ErrNotAMI)
}

package amiclient

import (
	"context"
	"errors"
	"fmt"
)

// A NotifyAccepted is Asterisk's word that it took a NOTIFY. It is accepted then,
// not delivered, and perhaps not even sent: Asterisk tells nobody whether the phone
// answered, or whether it could send at all. Use that word wherever it is shown.
type NotifyAccepted struct {
	*Message // the answer
	// Contacts is to how many contacts it was accepted: those that the endpoint had
	// just before, or 1 where the action was not for an endpoint.
	Contacts int
}

// Do sends the action. For an Endpoint it looks for contacts first
// (PJSIPShowEndpoint): without one Asterisk would answer Success and send
// nothing, so nothing is asked of it and the error is ErrNoContact. A contact that
// comes or goes between the two is missed; unreachable ones count, as Asterisk
// sends to them too. If the look fails there is no NOTIFY either, and a ConnError
// says that it was not written.
//
// Of a URI Asterisk says Success even if it has no default_outbound_endpoint
// and sends nothing.
func (n PJSIPNotify) Do(ctx context.Context, on Doer) (NotifyAccepted, error) {
	a, contacts := n.Action(), 1
	if n.Endpoint != "" {
		if err := a.Check(); err != nil {
			return NotifyAccepted{}, fmt.Errorf("check action %s: %w", a.Name, err)
		}
		var err error
		if contacts, err = Contacts(ctx, on, n.Endpoint); err != nil {
			const op = "look for contacts before PJSIPNotify"
			if _, lost := errors.AsType[*ConnError](err); lost {
				return NotifyAccepted{}, &ConnError{op, false, unwritten(err)}
			}
			return NotifyAccepted{}, fmt.Errorf("%s: %w", op, err)
		}
		if contacts == 0 {
			return NotifyAccepted{}, fmt.Errorf("PJSIPNotify to endpoint %s: %w: Asterisk would answer Success and send nothing", quote(n.Endpoint), ErrNoContact)
		}
	}
	m, err := on.Do(ctx, a)
	if err != nil {
		return NotifyAccepted{}, err
	}
	return NotifyAccepted{m, contacts}, nil
}

// Do sends the action. A peer that is unknown, not registered or, by its
// qualify, unreachable is refused by Asterisk itself; the error is ErrNoAddress.
func (n SIPNotify) Do(ctx context.Context, on Doer) (NotifyAccepted, error) {
	m, err := on.Do(ctx, n.Action())
	if err != nil {
		return NotifyAccepted{}, err
	}
	return NotifyAccepted{m, 1}, nil
}

package amievent

import (
	"context"
	"errors"
	"iter"

	"github.com/notifyrun/notifyrun/amiclient"
)

// A Source gives messages one by one: an *amiclient.Subscription.
type Source interface {
	Next(ctx context.Context) (*amiclient.Message, error)
}

// Receive ranges over the events of type T that come, and waits for more: of
// every event if T is Event, else of those of that type alone.
//
//	for e, err := range amievent.Receive[*amievent.UserEvent](ctx, sub) { … }
//
// An error comes with a zero event. An *amiclient.MissedError says that events
// are missing at this place, and the loop goes on; any other error is the end:
// that of ctx, or of the subscription. The subscription stays open.
func Receive[T Event](ctx context.Context, from Source) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			m, err := from.Next(ctx)
			if err != nil {
				_, missed := errors.AsType[*amiclient.MissedError](err)
				if !yield(*new(T), err) || !missed {
					return
				}
				continue
			}
			if e, ok := Parse(m).(T); ok && !yield(e, nil) {
				return
			}
		}
	}
}

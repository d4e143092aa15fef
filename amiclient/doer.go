package amiclient

import (
	"context"
	"errors"
	"iter"
	"strings"
)

// A Doer does actions: a *Conn or a *Client. The typed actions take one.
type Doer interface {
	Do(ctx context.Context, a Action) (*Message, error)
	List(ctx context.Context, a Action) iter.Seq2[*Message, error]
}

// listOf does a list action and yields what item makes of each event of that
// name. Some actions refuse to list nothing; empty is how their text begins, and
// then the list is just that.
func listOf[T any](ctx context.Context, on Doer, a Action, event, empty string, item func(*Message) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for m, err := range on.List(ctx, a) {
			if refused, ok := errors.AsType[*ResponseError](err); ok && empty != "" && strings.HasPrefix(refused.Text, empty) {
				return
			}
			if err != nil {
				yield(*new(T), err)
				return
			}
			if m.Event() == event && !yield(item(m), nil) {
				return
			}
		}
	}
}

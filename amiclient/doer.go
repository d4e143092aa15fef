package amiclient

import (
	"context"
	"iter"
)

// A Doer does actions: a *Conn or a *Client. The typed actions take one.
type Doer interface {
	Do(ctx context.Context, a Action) (*Message, error)
	List(ctx context.Context, a Action) iter.Seq2[*Message, error]
}

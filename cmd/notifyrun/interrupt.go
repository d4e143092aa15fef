package main

import "context"

// unlessInterrupted does f, which computes and leaves nothing behind, be it words or
// files: to evaluate a configuration may take long, and looks at no context. When ctx
// ends, that is the error, and f is left to itself: what it sets must not be looked
// at then.
func unlessInterrupted(ctx context.Context, f func()) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

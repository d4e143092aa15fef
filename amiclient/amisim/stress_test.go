package amisim_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// TestClient_stress does everything at once, with contexts that end and a server
// that cuts: each action ends exactly once, and everybody gets on.
func TestClient_stress(t *testing.T) {
	s, err := amisim.Start(amisim.Config{AuthLimit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	user := s.Users()[0]
	c := amiclient.NewClient(amiclient.Config{Address: s.Addr(), Username: user.Name, Secret: user.Secret, MaxInFlight: 8})
	defer c.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var kept, workers sync.WaitGroup
	kept.Go(func() { c.Keep(ctx) })

	const rounds = 150
	var pending sync.WaitGroup // actions of Go
	var answered atomic.Int64
	short := func() (context.Context, context.CancelFunc) {
		if rand.N(3) > 0 {
			return context.WithCancel(ctx)
		}
		return context.WithTimeout(ctx, rand.N(2*time.Millisecond))
	}
	check := func(err error) {
		var conn *amiclient.ConnError
		if err != nil && !errors.As(err, &conn) {
			t.Errorf("%v", err)
		}
	}
	ping := amiclient.Action{Name: "Ping"}
	for n := range 8 {
		workers.Go(func() {
			for i := range rounds {
				ctx, cancel := short()
				var called atomic.Int32
				pending.Add(1)
				err := c.Go(ctx, "go-"+strconv.Itoa(n)+"-"+strconv.Itoa(i), ping, func(_ *amiclient.Message, err error) {
					if called.Add(1) > 1 {
						t.Error("done was called twice")
					}
					check(err)
					if err == nil {
						answered.Add(1)
					}
					pending.Done()
				})
				if err != nil { // done is not called
					check(err)
					pending.Done()
				}
				cancel()
			}
		})
		workers.Go(func() {
			for range rounds {
				ctx, cancel := short()
				_, err := c.Do(ctx, ping)
				check(err)
				cancel()
			}
		})
	}
	for range 2 {
		workers.Go(func() {
			for range rounds {
				ctx, cancel := short()
				left := rand.N(40)
				for _, err := range (amiclient.PJSIPShowContacts{}).List(ctx, c) {
					if check(err); left == 0 {
						break
					}
					left--
				}
				cancel()
			}
		})
		workers.Go(func() {
			for i := range rounds {
				ctx, cancel := short()
				f := amiclient.Filter{Classes: []string{[]string{"user", "call", "system"}[i%3]}, Buffer: 4}
				if sub, err := c.Subscribe(ctx, f); err == nil {
					var waiting sync.WaitGroup
					waiting.Go(func() {
						for !errors.Is(err, amiclient.ErrClosed) && ctx.Err() == nil {
							_, err = sub.Next(ctx)
						}
					})
					amiclient.UserEvent{Name: "x"}.Do(ctx, c)
					sub.Close()
					waiting.Wait()
				}
				cancel()
			}
		})
	}
	ending := make(chan struct{})
	var cutter sync.WaitGroup
	cutter.Go(func() {
		for range 8 {
			select {
			case <-ending:
				return
			case <-time.After(20 * time.Millisecond):
				s.Cut()
			}
		}
	})
	workers.Wait()
	close(ending)
	cutter.Wait()
	if ctx.Err() != nil {
		t.Fatal("not done in a minute")
	}
	// Once nothing disturbs, everything works.
	sub, err := c.Subscribe(ctx, amiclient.Filter{Events: []string{"UserEvent"}})
	if err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil {
		if _, err := (amiclient.UserEvent{Name: "last"}).Do(ctx, c); err == nil {
			break
		}
	}
	for {
		m, err := sub.Next(ctx)
		if ctx.Err() != nil {
			t.Fatalf("Next: %v", err)
		}
		if m != nil && m.Get("UserEvent") == "last" {
			break
		}
	}
	c.Close()
	stop()
	kept.Wait()
	pending.Wait()
	if answered.Load() == 0 {
		t.Error("no action was answered")
	}
}

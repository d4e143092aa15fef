package amievent_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amievent"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// script is a source of messages and errors.
type script struct {
	next []any
}

func (s *script) Next(context.Context) (*amiclient.Message, error) {
	step := s.next[0]
	s.next = s.next[1:]
	if err, ok := step.(error); ok {
		return nil, err
	}
	return step.(*amiclient.Message), nil
}

// TestReceive: events of one type, or of all; a gap is no end, all else is.
func TestReceive(t *testing.T) {
	gap, end := &amiclient.MissedError{Lost: 3}, errors.New("the end")
	play := func() *script {
		return &script{[]any{message(t, "Event: Reload⏎Module: a"), message(t, "Event: Newchannel"), fmt.Errorf("wrapped: %w", gap), message(t, "Event: Reload⏎Module: b"), end,
			message(t, "Event: Reload⏎Module: never")}}
	}
	seen := func(e amievent.Event, err error) string {
		if err != nil {
			if e != nil && !reflect.ValueOf(e).IsNil() {
				t.Errorf("an event with the error %v", err)
			}
			return err.Error()
		}
		return e.Event() + " " + e.Get("Module")
	}
	var all, reloads []string
	for e, err := range amievent.Receive[amievent.Event](t.Context(), play()) {
		all = append(all, seen(e, err))
	}
	for e, err := range amievent.Receive[*amievent.Reload](t.Context(), play()) {
		reloads = append(reloads, seen(e, err))
	}
	if want := []string{"Reload a", "Newchannel ", "wrapped: " + gap.Error(), "Reload b", "the end"}; !reflect.DeepEqual(all, want) {
		t.Errorf("all: %q, want %q", all, want)
	}
	if want := []string{"Reload a", "wrapped: " + gap.Error(), "Reload b", "the end"}; !reflect.DeepEqual(reloads, want) {
		t.Errorf("reloads: %q, want %q", reloads, want)
	}

	source := play()
	for range amievent.Receive[*amievent.Reload](t.Context(), source) {
		break
	}
	if len(source.next) != 5 {
		t.Errorf("after one event %d steps are left, want 5", len(source.next))
	}
}

// TestReceive_subscription: on a connection, the loop ends with ctx and goes on
// with another, and ends with the connection.
func TestReceive_subscription(t *testing.T) {
	b := newBus(t, amisim.Asterisk22)
	for i := range 3 {
		if _, err := b.conn.Do(t.Context(), amiclient.UserEvent{Name: fmt.Sprint("n", i)}.Action()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var names []string
	for e, err := range amievent.Receive[*amievent.UserEvent](ctx, b.sub) {
		if err != nil {
			names = append(names, err.Error())
			continue
		}
		if names = append(names, e.Name); len(names) == 3 {
			cancel()
		}
	}
	b.conn.Close()
	for _, err := range amievent.Receive[*amievent.UserEvent](t.Context(), b.sub) {
		if !errors.Is(err, amiclient.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		names = append(names, "closed")
	}
	if want := []string{"n0", "n1", "n2", context.Canceled.Error(), "closed"}; !reflect.DeepEqual(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

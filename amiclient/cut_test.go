package amiclient_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// Whatever happens to the connection, every action ends exactly once, what is
// said not to have left has not arrived, and what was answered has.
func TestClient_cuts(t *testing.T) {
	const actions, senders, cuts = 4000, 4, 20
	lamp := amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "lamp"}}}.Action() // reboots no phone
	var mu sync.Mutex
	arrived := map[string]int{}
	var server *amisim.Server
	started := make(chan struct{})
	server, err := amisim.Start(amisim.Config{
		Users: []amisim.User{{Name: "u", Secret: "s", Read: []string{"system"}, Write: []string{"system"}}},
		Keep:  -1,
		OnNotify: func(n amisim.Notify) {
			mu.Lock()
			defer mu.Unlock()
			arrived[n.ActionID]++
			if len(arrived)%(actions/cuts) == 0 {
				go func() { <-started; server.Cut() }()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	close(started)
	client := amiclient.NewClient(amiclient.Config{Address: server.Addr(), Username: "u", Secret: "s"})
	defer client.Close()

	var r results
	var sending, ending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for i := sender; i < actions; i += senders {
				id := strconv.Itoa(i)
				ending.Add(1)
				done := r.done(id)
				err := client.Go(t.Context(), id, lamp, func(m *amiclient.Message, err error) { done(m, err); ending.Done() })
				if err != nil {
					done(nil, err)
					ending.Done()
				}
			}
		})
	}
	sending.Wait()
	ending.Wait()
	server.Close()

	counts := map[string]int{}
	for i := range actions {
		id := strconv.Itoa(i)
		outcome := r.outcome(id)
		counts[outcome]++
		if n := arrived[id]; n > 1 || outcome == "ok" && n != 1 || outcome == "unwritten" && n != 0 {
			t.Errorf("%s: %s, arrived %d times", id, outcome, n)
		}
	}
	if counts["ok"]+counts["written"]+counts["unwritten"] != actions || counts["ok"] < actions/2 {
		t.Errorf("%v", counts)
	}
	t.Logf("%v", counts)
}

func TestDial_simulated(t *testing.T) {
	server, err := amisim.Start(amisim.Config{Booting: true, Users: []amisim.User{{Name: "u", Secret: "s", Read: []string{"system"}, Write: []string{"system"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	booted := make(chan struct{})
	go func() { defer close(booted); server.FinishBoot() }()
	c, err := amiclient.Dial(t.Context(), amiclient.Config{Address: server.Addr(), Username: "u", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Do(t.Context(), notify); err != nil {
		t.Error(err)
	}
	<-booted
	if _, err := amiclient.Dial(t.Context(), amiclient.Config{Address: server.Addr(), Username: "u", Secret: "wrong"}); !errors.Is(err, amiclient.ErrAuth) {
		t.Errorf("wrong secret: %v", err)
	}
}

package amiclient_test

import (
	"errors"
	"flag"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

// traffic sends n actions by a client from several goroutines, while what is
// called at each arrival does its worst, and counts what became of them.
type traffic struct {
	results
	mu      sync.Mutex
	arrived map[string]int
}

// arrive notes that the action reached the server, and returns how many have.
func (tr *traffic) arrive(id string) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.arrived == nil {
		tr.arrived = map[string]int{}
	}
	tr.arrived[id]++
	return len(tr.arrived)
}

func (tr *traffic) send(t *testing.T, client *amiclient.Client, n int, action func(id string) amiclient.Action) {
	const senders = 4
	var sending, ending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for i := sender; i < n; i += senders {
				id := strconv.Itoa(i)
				ending.Add(1)
				done := tr.done(id)
				err := client.Go(t.Context(), id, action(id), func(m *amiclient.Message, err error) { done(m, err); ending.Done() })
				if err != nil {
					done(nil, err)
					ending.Done()
				}
			}
		})
	}
	sending.Wait()
	ending.Wait()
}

// check holds that every action ended exactly once, that what is said not to have
// left has not arrived, and that what was answered has, if answers promise that.
func (tr *traffic) check(t *testing.T, n int, answeredArrives bool) {
	t.Helper()
	counts := map[string]int{}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for i := range n {
		id := strconv.Itoa(i)
		outcome := tr.outcome(id)
		counts[outcome]++
		if a := tr.arrived[id]; a > 1 || outcome == "ok" && a != 1 && answeredArrives || outcome == "unwritten" && a != 0 {
			t.Errorf("%s: %s, arrived %d times", id, outcome, a)
		}
	}
	if counts["ok"]+counts["written"]+counts["unwritten"] != n || counts["ok"] < n/2 {
		t.Errorf("%v", counts)
	}
	t.Logf("%v", counts)
}

func lamp(id string) amiclient.Action { // reboots no phone
	return amiclient.PJSIPNotify{Endpoint: "1001", Variables: []amiclient.Variable{{Name: "Event", Value: "lamp"}, {Name: "X-Id", Value: id}}}.Action()
}

// A server that is killed and comes back at the same address, fifty times.
func TestClient_kills(t *testing.T) {
	const actions, kills = 12_000, 50
	var tr traffic
	kill := make(chan struct{}, actions)
	config := amisim.Config{
		Users: []amisim.User{{Name: "u", Secret: "s", Read: []string{"system"}, Write: []string{"system"}}},
		Keep:  -1,
		OnNotify: func(n amisim.Notify) {
			if tr.arrive(n.ActionID)%200 == 0 { // some are not answered and never arrive
				kill <- struct{}{}
			}
		},
	}
	server, err := amisim.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	config.Listen = server.Addr()
	client := amiclient.NewClient(amiclient.Config{Address: server.Addr(), Username: "u", Secret: "s"})
	defer client.Close()

	killed := 0
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-kill:
			case <-stop:
				return
			}
			killed++
			server.Close()
			again, err := amisim.Start(config)
			if err != nil {
				t.Error(err)
				return
			}
			server = again
		}
	}()
	tr.send(t, client, actions, lamp)
	close(stop)
	<-ended
	server.Close()
	tr.check(t, actions, true)
	if killed < kills {
		t.Errorf("killed %d times, want %d", killed, kills)
	}
	t.Logf("killed %d times", killed)
}

var kills = flag.Int("kills", 2, "how often TestClient_asteriskKills kills its server")

// The same with a real server, which here says Success before it sends.
func TestClient_asteriskKills(t *testing.T) {
	const between = 400 // actions
	for _, major := range []int{16, 22} {
		t.Run(strconv.Itoa(major), func(t *testing.T) {
			phone := amitest.StartPhone(t)
			server := amitest.StartAsterisk(t, major, amitest.AsteriskConfig{Phone: phone.Addr()})
			client := amiclient.NewClient(amiclient.Config{Address: server.Addr, Username: amitest.UserFull, Secret: amitest.Secret})
			defer client.Close()
			n := between * *kills
			var tr traffic
			var sent atomic.Int64
			kill, ended := make(chan struct{}, *kills), make(chan struct{})
			go func() {
				defer close(ended)
				for range kill {
					server.Kill(t)
					server.StartAgain(t)
				}
			}()
			tr.send(t, client, n, func(id string) amiclient.Action {
				if sent.Add(1)%between == between/2 {
					kill <- struct{}{}
				}
				return lamp(id)
			})
			close(kill)
			<-ended
			for _, r := range phone.Requests() {
				id, _ := r.Get("X-Id")
				tr.arrive(id)
			}
			tr.check(t, n, false)
		})
	}
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

package amitest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
)

// inFlight is how many actions await their answer in the benchmarks.
const inFlight = 64

// BenchmarkNotify sends NOTIFYs through each server, once by a bare socket loop that does nothing but count answers, once
// by the client, with the same number in flight. The ratio of the two is what the client costs.
func BenchmarkNotify(b *testing.B) {
	servers := []struct {
		name  string
		start func(b *testing.B) (addr, user, secret string, arrived func() int)
	}{
		{"simulated-22", func(b *testing.B) (string, string, string, func() int) {
			phones := amisim.Phones(1000)
			for i := range phones {
				phones[i].Reboot = amisim.RebootNever
			}
			s, err := amisim.Start(amisim.Config{Phones: phones, Keep: -1})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			return s.Addr(), s.Users()[0].Name, s.Users()[0].Secret, s.Count
		}},
		{"asterisk-16", func(b *testing.B) (string, string, string, func() int) { return startReal(b, 16) }},
		{"asterisk-22", func(b *testing.B) (string, string, string, func() int) { return startReal(b, 22) }},
	}
	for _, server := range servers {
		for _, action := range []string{"PJSIPNotify", "SIPnotify"} {
			if action == "SIPnotify" && server.name != "asterisk-16" {
				continue
			}
			for _, by := range []struct {
				name string
				send func(b *testing.B, addr, user, secret, action string)
			}{{"bare", sendBare}, {"client", sendByClient}} {
				b.Run(server.name+"/"+action+"/"+by.name, func(b *testing.B) {
					addr, user, secret, arrived := server.start(b)
					b.ResetTimer()
					by.send(b, addr, user, secret, action)
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notify/s")
					b.StopTimer()
					for deadline := time.Now().Add(40 * time.Second); arrived() < b.N; time.Sleep(time.Millisecond) {
						if time.Now().After(deadline) {
							b.Fatalf("%d NOTIFYs arrived, want %d", arrived(), b.N)
						}
					}
					if n := arrived(); n != b.N {
						b.Errorf("%d NOTIFYs arrived, want %d", n, b.N)
					}
				})
			}
		}
	}
}

func startReal(b *testing.B, major int) (addr, user, secret string, arrived func() int) {
	phone := StartPhone(b)
	phone.SetCounting(true)
	a := StartAsterisk(b, major, AsteriskConfig{Phone: phone.Addr(), Endpoints: 1000})
	return a.Addr, UserFull, Secret, phone.Count
}

func sendBare(b *testing.B, addr, user, secret, action string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 64<<10)
	answer := func() bool { // up to a blank line
		ok := false
		for {
			line, err := r.ReadSlice('\n')
			if err != nil {
				b.Error(err)
				return false
			}
			ok = ok || string(line) == "Response: Success\r\n"
			if string(line) == "\r\n" {
				return ok
			}
		}
	}
	if _, err := r.ReadSlice('\n'); err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: off\r\n\r\n", user, secret)
	if !answer() {
		b.Fatal("login failed")
	}
	target := map[string]string{"PJSIPNotify": "Endpoint: ", "SIPnotify": "Channel: SIP/"}[action]
	free := make(chan struct{}, inFlight)
	go func() {
		w := bufio.NewWriterSize(conn, 64<<10)
		for i := range b.N {
			select {
			case free <- struct{}{}:
			default: // all in flight: write what there is, then wait
				w.Flush()
				free <- struct{}{}
			}
			fmt.Fprintf(w, "Action: %s\r\nActionID: bare-%d\r\n%s%d\r\nVariable: Event=check-sync;reboot=true\r\n\r\n", action, i, target, 1001+i%1000)
		}
		w.Flush()
	}()
	for range b.N {
		if !answer() {
			b.Fatal("an action failed")
		}
		<-free
	}
}

func sendByClient(b *testing.B, addr, user, secret, action string) {
	ctx := context.Background()
	conn, err := amiclient.Dial(ctx, amiclient.Config{Address: addr, Username: user, Secret: secret, MaxInFlight: inFlight, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	event := []amiclient.Variable{{Name: "Event", Value: "check-sync;reboot=true"}}
	done := make(chan error, 1)
	answered := 0
	for i := range b.N {
		name := fmt.Sprint(1001 + i%1000)
		a := amiclient.PJSIPNotify{Endpoint: name, Variables: event}.Action()
		if strings.HasPrefix(action, "SIP") {
			a = amiclient.SIPNotify{Channel: "SIP/" + name, Variables: event}.Action()
		}
		err := conn.Go(ctx, fmt.Sprint("client-", i), a, func(_ *amiclient.Message, err error) {
			if answered++; err != nil || answered == b.N { // all from the reader's goroutine
				select {
				case done <- err:
				default:
				}
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

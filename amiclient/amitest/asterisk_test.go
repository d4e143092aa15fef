package amitest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/notifyrun/notifyrun/amiclient"
)

func TestStartAsterisk(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			a := StartAsterisk(t, major, AsteriskConfig{Phone: StartPhone(t).Addr()})
			if !strings.HasPrefix(a.Version, fmt.Sprintf("%d.", major)) {
				t.Errorf("version %q, want %d.…", a.Version, major)
			}
			if a.ChanSIP != (major < 21) {
				t.Errorf("chan_sip there: %v", a.ChanSIP)
			}
			conn, err := tls.Dial("tcp", a.TLSAddr, a.TLS)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			greeting := make([]byte, len("Asterisk Call Manager/"))
			if _, err := io.ReadFull(conn, greeting); err != nil || string(greeting) != "Asterisk Call Manager/" {
				t.Errorf("greeting over TLS: %q, %v", greeting, err)
			}
			if log := a.Log(); strings.Contains(log, "ERROR") {
				t.Errorf("errors in its log:\n%s", log)
			}
		})
	}
}

// A server without default outbound endpoint sends nothing to a URI and says Success; one with a HEP collector mirrors
// what it does send.
func TestStartAsterisk_options(t *testing.T) {
	for _, major := range []int{16, 22} {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			collector, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer collector.Close()
			phone := StartPhone(t)
			a := StartAsterisk(t, major, AsteriskConfig{Phone: phone.Addr(), Endpoints: 1, NoOutbound: true, HEP: collector.LocalAddr().String()})
			conn, err := amiclient.Dial(t.Context(), amiclient.Config{Address: a.Addr, Username: UserMinimal, Secret: Secret})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			event := []amiclient.Variable{{Name: "Event", Value: "x"}, {Name: "X-Mark", Value: "mirrored"}}
			for _, n := range []amiclient.PJSIPNotify{{URI: "sip:1001@" + phone.Addr(), Variables: event}, {Endpoint: "1001", Variables: event}} {
				if _, err := conn.Do(t.Context(), n.Action()); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
			defer cancel()
			if _, err := phone.Wait(ctx, 1); err != nil {
				t.Fatalf("the NOTIFY did not arrive: %v; the server's log:\n%s", err, a.Log())
			}
			collector.SetReadDeadline(time.Now().Add(20 * time.Second))
			packet := make([]byte, 64<<10)
			n, _, err := collector.ReadFrom(packet)
			if err != nil {
				t.Fatal(err)
			}
			if text := string(packet[:n]); !strings.HasPrefix(text, "HEP3") || !strings.Contains(text, "\r\nX-Mark: mirrored\r\n") {
				t.Errorf("the collector got %q", text)
			}
			if phone.Count() != 1 {
				t.Errorf("the phone got %d NOTIFYs, want 1", phone.Count())
			}
		})
	}
}

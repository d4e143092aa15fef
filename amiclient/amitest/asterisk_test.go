package amitest

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
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

package amisim

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// BenchmarkServer_PJSIPNotify is the rate of one session that never waits: the bar for a simulator is never to be what
// limits a client.
func BenchmarkServer_PJSIPNotify(b *testing.B) {
	for name, keep := range map[string]int{"keeping": 0, "counting": -1} {
		b.Run(name, func(b *testing.B) {
			phones := Phones(1000)
			for i := range phones {
				phones[i].Reboot = RebootNever
			}
			s := start(b, Config{Phones: phones, Keep: keep})
			c := login(b, s, "off")
			b.ReportAllocs()
			b.ResetTimer()
			go func() {
				var out bytes.Buffer
				for i := range b.N {
					fmt.Fprintf(&out, "Action: PJSIPNotify\r\nActionID: b-%08d\r\nEndpoint: %d\r\nVariable: Event=check-sync;reboot=true\r\n\r\n", i, 1001+i%1000)
					if out.Len() > 32<<10 || i == b.N-1 {
						if _, err := c.conn.Write(out.Bytes()); err != nil {
							return
						}
						out.Reset()
					}
				}
			}()
			answer := int64(len("Response: Success\r\nActionID: b-00000000\r\nMessage: NOTIFY sent\r\n\r\n"))
			if _, err := io.CopyN(io.Discard, c.r, answer*int64(b.N)); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if s.Count() != b.N {
				b.Errorf("%d NOTIFYs arrived, want %d", s.Count(), b.N)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "notify/s")
		})
	}
}

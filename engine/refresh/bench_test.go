package refresh_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amisim"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
	"github.com/notifyrun/notifyrun/engine/refresh"
	"github.com/notifyrun/notifyrun/schema"
)

// BenchmarkRead reads PBXs of 20,000 endpoints: simulated ones of which each has
// registered, and real ones of which 2,000 have, and the others have a static
// contact. rows is how many were read, and live-MB what they then hold.
func BenchmarkRead(b *testing.B) {
	const endpoints, dynamic = 20_000, 2_000
	for _, major := range []int{16, 22} {
		b.Run(fmt.Sprintf("simulated-%d", major), func(b *testing.B) {
			version := map[int]amisim.Version{16: amisim.Asterisk16, 22: amisim.Asterisk22}[major]
			s, err := amisim.Start(amisim.Config{Version: version, Phones: amisim.Phones(endpoints), Keep: -1})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			benchRead(b, major, s.Addr(), s.Users()[0].Name, s.Users()[0].Secret)
		})
		b.Run(fmt.Sprintf("asterisk-%d", major), func(b *testing.B) {
			phone := amitest.StartPhone(b)
			var pjsip strings.Builder
			for i := range dynamic {
				fmt.Fprintf(&pjsip, "[d%d]\ntype=endpoint\naors=d%[1]d\ncontext=default\ndisallow=all\nallow=ulaw\n[d%[1]d]\ntype=aor\nmax_contacts=1\n", i)
			}
			a := amitest.StartAsterisk(b, major, amitest.AsteriskConfig{Phone: phone.Addr(), Endpoints: endpoints - dynamic, PJSIP: pjsip.String()})
			for i := range dynamic {
				register(b, phone, a, fmt.Sprint("d", i), "")
			}
			benchRead(b, major, a.Addr, amitest.UserFull, amitest.Secret)
		})
	}
}

func benchRead(b *testing.B, major int, addr, user, secret string) {
	on, err := amiclient.Dial(b.Context(), amiclient.Config{Address: addr, Username: user, Secret: secret, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	defer on.Close()
	var some []cty.Value
	for i := range 500 {
		some = append(some, cty.StringVal(fmt.Sprint(1001+i)))
	}
	requests := []schema.DataRequest{
		{Address: "pjsip_contacts", Type: "pjsip_contacts"},
		{Address: "pjsip_contacts-500", Type: "pjsip_contacts", Args: map[string]cty.Value{"endpoints": cty.SetVal(some)}},
		{Address: "pjsip_endpoints", Type: "pjsip_endpoints"},
		{Address: "device_states", Type: "device_states"},
	}
	if major == 16 {
		requests = append(requests, schema.DataRequest{Address: "sip_peers", Type: "sip_peers"})
	}
	for _, request := range requests {
		b.Run(request.Address, func(b *testing.B) {
			var rows atomic.Int64
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var d *schema.Data
			for b.Loop() {
				if d, err = refresh.Read(b.Context(), on, request, func(done, _ int) { rows.Store(int64(done)) }); err != nil {
					b.Fatal(err)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(rows.Load()), "rows")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "live-MB")
			runtime.KeepAlive(d)
		})
	}
}

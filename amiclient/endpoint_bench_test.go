package amiclient_test

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"net"
	"runtime"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/amiclient/amitest"
)

const manyEndpoints = 100_000

// endpointLists answers every action with a list of manyEndpoints, each of them with an AOR and a contact, without
// allocating for each.
func endpointLists(d *amitest.Dialogue) {
	d.Accept()
	d.Raw(func(nc net.Conn) {
		in := make([]byte, 4096)
		for {
			n := 0
			for !bytes.Contains(in[:n], []byte("\r\n\r\n")) {
				k, err := nc.Read(in[n:])
				if err != nil {
					return
				}
				n += k
			}
			id := in[bytes.Index(in[:n], []byte("ActionID: "))+10:]
			id = id[:bytes.IndexByte(id, '\r')]
			block := fmt.Appendf(nil, "Response: Success\r\nActionID: %s\r\nEventList: start\r\nMessage: A listing of Endpoints follows, presented as EndpointList events\r\n\r\n", id)
			if _, err := nc.Write(block); err != nil {
				return
			}
			block = block[:0]
			const size = 1000
			for i := range size {
				block = fmt.Appendf(block, "Event: EndpointList\r\nActionID: %s\r\nObjectType: endpoint\r\nObjectName: p%06d\r\nTransport: \r\nAor: p%[2]06d\r\nAuths: \r\nOutboundAuths: \r\n"+
					"Contacts: p%[2]06d/sip:p%[2]06d@192.0.2.7:5060;transport=udp,\r\nDeviceState: Not in use\r\nActiveChannels: 0\r\n\r\n", id, i)
			}
			for range manyEndpoints / size {
				if _, err := nc.Write(block); err != nil {
					return
				}
			}
			fmt.Fprintf(nc, "Event: EndpointListComplete\r\nActionID: %s\r\nEventList: Complete\r\nListItems: %d\r\n\r\n", id, manyEndpoints)
		}
	})
}

// BenchmarkPJSIPShowEndpoints measures a list of 100,000 endpoints over loopback TCP whose caller keeps nothing: as
// messages, as types, as bytes on a socket. live-MB is the most that was in use, garbage included, when looked at after each
// tenth of the list: it does not grow with the list.
func BenchmarkPJSIPShowEndpoints(b *testing.B) {
	address := amitest.Listen(b, endpointLists)
	list := amiclient.PJSIPShowEndpoints{}
	b.Run("bare", func(b *testing.B) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		login(b, c)
		buf := make([]byte, 64<<10)
		for b.Loop() {
			io.WriteString(c, "Action: PJSIPShowEndpoints\r\nActionID: x\r\n\r\n")
			for n := 0; !bytes.Contains(buf[:n], []byte("ListItems: ")); {
				if n, err = c.Read(buf); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*manyEndpoints), "ns/entry")
	})
	c, err := amiclient.Dial(b.Context(), amiclient.Config{Address: address, Username: "u", Secret: "s"})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.Run("messages", func(b *testing.B) {
		perEntry(b, func() iter.Seq2[*amiclient.Message, error] { return c.List(b.Context(), list.Action()) })
	})
	b.Run("typed", func(b *testing.B) {
		perEntry(b, func() iter.Seq2[amiclient.Endpoint, error] { return list.List(b.Context(), c) })
	})
	b.Run("AllContacts", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			// The names of the blocks are the same.
			if contacts, err := amiclient.AllContacts(b.Context(), c); len(contacts) != 1000 || err != nil {
				b.Fatalf("%d, %v", len(contacts), err)
			}
		}
	})
}

// perEntry reports what an entry of the list costs.
func perEntry[T any](b *testing.B, list func() iter.Seq2[T, error]) {
	var before, now runtime.MemStats
	var live uint64
	runtime.GC()
	runtime.ReadMemStats(&before)
	entries := 0
	for b.Loop() {
		for _, err := range list() {
			if err != nil {
				b.Fatal(err)
			}
			if entries++; entries%(manyEndpoints/10) == 0 {
				runtime.ReadMemStats(&now)
				live = max(live, now.HeapAlloc)
			}
		}
	}
	runtime.ReadMemStats(&now)
	if entries != b.N*manyEndpoints {
		b.Fatalf("%d entries in %d lists", entries, b.N)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(entries), "ns/entry")
	b.ReportMetric(float64(now.Mallocs-before.Mallocs)/float64(entries), "allocs/entry")
	b.ReportMetric(float64(now.TotalAlloc-before.TotalAlloc)/float64(entries), "B/entry")
	b.ReportMetric(float64(live)/1e6, "live-MB")
}

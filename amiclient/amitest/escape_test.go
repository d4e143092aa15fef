package amitest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/notifyrun/notifyrun/amiclient"
)

// TestEscape proves that values reach the phone byte for byte as written: random ones, as a header and as lines of the
// body, sent by the typed actions through each server.
func TestEscape(t *testing.T) {
	eachPBX(t, func(t *testing.T, p *pbx) {
		conn, err := amiclient.Dial(t.Context(), amiclient.Config{Address: p.addr, Username: UserFull, Secret: Secret})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		t.Run("PJSIPNotify", func(t *testing.T) {
			p.escape(t, conn, func(v []amiclient.Variable) amiclient.Action {
				return amiclient.PJSIPNotify{Endpoint: "1001", Variables: v}.Action()
			})
		})
		if p.major == 16 {
			t.Run("SIPnotify", func(t *testing.T) {
				p.escape(t, conn, func(v []amiclient.Variable) amiclient.Action {
					return amiclient.SIPNotify{Channel: "SIP/1001", Variables: v}.Action()
				})
			})
		}
	})
}

const escapeSeed = 20261121

func (p *pbx) escape(t *testing.T, conn *amiclient.Conn, action func([]amiclient.Variable) amiclient.Action) {
	const values = 300
	t.Logf("seed %d", escapeSeed)
	random := rand.New(rand.NewPCG(escapeSeed, uint64(p.major)))
	headers, bodies := make([]string, values), make([]string, values)
	for i := range values {
		headers[i] = randomValue(random)
		first := randomValue(random)
		for first == "" { // Asterisk drops the empty lines that a body begins with
			first = randomValue(random)
		}
		lines := []string{first, randomValue(random), randomValue(random)}
		bodies[i] = strings.Join(lines, "\r\n")
		variables := []amiclient.Variable{
			{Name: "Event", Value: "check-sync"}, {Name: "X-Number", Value: fmt.Sprint(i)}, {Name: "X-Value", Value: headers[i]},
			{Name: "Content-Type", Value: "text/plain"},
		}
		for _, line := range lines {
			variables = append(variables, amiclient.Variable{Name: "Content", Value: line})
		}
		if _, err := conn.Do(t.Context(), action(variables)); err != nil {
			t.Fatalf("value %q, body %q: %v", headers[i], bodies[i], err)
		}
	}
	requests := p.received(t, values)
	if len(requests) != values {
		t.Errorf("the phone got %d NOTIFYs, want %d", len(requests), values)
	}
	seen := make(map[string]bool)
	for _, r := range requests {
		number, _ := r.Get("X-Number")
		var i int
		if _, err := fmt.Sscan(number, &i); err != nil || i < 0 || i >= values || seen[number] {
			t.Errorf("NOTIFY number %q came twice or is none of ours", number)
			continue
		}
		seen[number] = true
		if got, there := r.Get("X-Value"); !there || got != headers[i] {
			t.Errorf("value %q arrived as %q", headers[i], got)
		}
		if string(r.Body) != bodies[i] {
			t.Errorf("body %q arrived as %q", bodies[i], r.Body)
		}
	}
}

// randomValue returns a printable value up to 100 bytes long: all of ASCII, runs of what Asterisk's parser minds, UTF-8,
// blanks at both ends.
func randomValue(random *rand.Rand) string {
	const special = `\",()[];=%${}<>'`
	var b strings.Builder
	for n := random.IntN(12); n > 0; n-- {
		switch random.IntN(6) {
		case 0:
			for range 1 + random.IntN(6) {
				b.WriteByte(special[random.IntN(len(special))])
			}
		case 1:
			b.WriteString([]string{"ü", "中", "€", "😀", "é"}[random.IntN(5)])
		case 2:
			b.WriteString(strings.Repeat(" ", 1+random.IntN(2)))
		default:
			for range 1 + random.IntN(6) {
				b.WriteByte(byte(' ' + random.IntN('~'-' '+1)))
			}
		}
	}
	return b.String()
}

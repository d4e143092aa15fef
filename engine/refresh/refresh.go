// Package refresh reads what data blocks ask for: lists of a PBX, over one
// connection, as plain rows. It is pure over the connection: who dials, and when
// is read, is decided elsewhere.
//
// What servers and phones say is untrusted. It comes out as valid text without
// control characters, bounded in number, and sorted, so that the same PBX gives
// the same rows.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/notifyrun/notifyrun/amiclient"
	"github.com/notifyrun/notifyrun/schema"
)

// maxRows is how many rows one data block can have: ten times the largest PBX
// known, and no more than fits into memory.
const maxRows = 1 << 20

// Progress is told how far a reading is: of how many rows, 0 if that is not known.
// It is called by one goroutine at a time, very often, and must not block.
type Progress func(done, total int)

// Read reads what a data block asks for. An error is of the connection, or names
// the action that Asterisk refused and what to do about it.
func Read(ctx context.Context, on amiclient.Doer, request schema.DataRequest, progress Progress) (*schema.Data, error) {
	r := &reader{on: on, request: request, progress: progress, words: map[string]string{}}
	var rows any
	var err error
	switch request.Type {
	case "pjsip_contacts":
		rows, err = r.contacts(ctx)
	case "pjsip_endpoints":
		rows, err = r.endpoints(ctx)
	case "sip_peers":
		rows, err = r.peers(ctx)
	case "device_states":
		rows, err = r.devices(ctx)
	case "voicemail_users":
		rows, err = r.voicemail(ctx)
	case "pbx_info":
		rows, err = r.info(ctx)
	default:
		err = fmt.Errorf("unknown type of data %q", request.Type)
	}
	if err != nil {
		return nil, err
	}
	return &schema.Data{Read: time.Now().UTC().Truncate(time.Millisecond), Rows: rows}, nil
}

// Need is an AMI action that a data block needs.
type Need struct {
	Action string
	Class  string // of manager.conf's write, which permits it
	Why    string // what is not known without it, if the rest is; "": nothing is
}

// Needs are the actions that a data block needs.
func Needs(request schema.DataRequest) []Need {
	switch request.Type {
	case "pjsip_contacts":
		if names, some := names(request); some && len(names) <= lookSingly {
			return []Need{{"PJSIPShowEndpoint", "system", ""}}
		}
		return []Need{{"PJSIPShowEndpoints", "system", ""}, {"PJSIPShowContacts", "system", ""}, {"PJSIPShowEndpoint", "system", "the status of static contacts"}}
	case "pjsip_endpoints":
		return []Need{{"PJSIPShowEndpoints", "system", ""}}
	case "sip_peers":
		if !userAgents(request) {
			return []Need{{"SIPpeers", "reporting", ""}}
		}
		return []Need{{"SIPpeers", "reporting", ""}, {"SIPshowpeer", "reporting", ""}}
	case "device_states":
		return []Need{{"DeviceStateList", "reporting", ""}}
	case "voicemail_users":
		return []Need{{"VoicemailUsersList", "reporting", ""}}
	case "pbx_info":
		return []Need{
			{"CoreSettings", "reporting", ""}, {"CoreStatus", "reporting", "uptime, started and reloaded"},
			{"Command", "command", "uptime, started, reloaded, modules and default_outbound_endpoint"}, {"PJSIPShowEndpoint", "system", "default_outbound_endpoint"},
		}
	}
	return nil
}

// reader reads one data block.
type reader struct {
	on       amiclient.Doer
	request  schema.DataRequest
	progress Progress
	words    map[string]string

	mu   sync.Mutex
	done int
}

// row counts a row that was read, or refuses it.
func (r *reader) row(total int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.progress != nil {
		r.progress(r.done, total)
	}
	if r.done > maxRows {
		return errTooMany
	}
	return nil
}

var errTooMany = fmt.Errorf("there are more than %d rows", maxRows)

// bounded ends a list of which not every item becomes a row.
func bounded[T any](list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		n := 0
		for item, err := range list {
			if n++; n > maxRows {
				err = errTooMany
			}
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// begin begins to count anew.
func (r *reader) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = 0
}

// text is what a server or a phone has said, safe to keep: valid UTF-8 of printable
// characters, and a string of its own, which does not keep the message that it
// stood in.
func text(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 && utf8.ValidString(s) {
		return strings.Clone(s)
	}
	return strings.Map(func(c rune) rune {
		if unprintable(c) {
			return utf8.RuneError
		}
		return c
	}, s) // which decodes what is not UTF-8 as RuneError
}

func unprintable(c rune) bool { return !strconv.IsPrint(c) }

// word is text that many rows share, such as a user agent: it is kept once. Only
// one goroutine at a time may ask for it.
func (r *reader) word(s string) string {
	if w, known := r.words[s]; known {
		return w
	}
	w := text(s)
	r.words[strings.Clone(s)] = w
	return w
}

// milliseconds is a round trip; nil if there was none.
func milliseconds(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

// instant is a time as a configuration has it; nil if there is none.
func instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}

// each does one action for each index below n, as many at a time as the PBX is
// to have in flight. The first error ends it.
func (r *reader) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	atOnce := 64
	if r.request.PBX != nil && r.request.PBX.MaxInFlight > 0 {
		atOnce = r.request.PBX.MaxInFlight
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range min(atOnce, n) {
		all.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	all.Wait()
	return context.Cause(ctx)
}

// refusal tells whether the server has answered that it will not do an action,
// and so lives.
func refusal(err error) bool { return errors.As(err, new(*amiclient.ResponseError)) }

// forbidden tells whether an action is refused whatever it names.
func forbidden(err error) bool {
	return errors.Is(err, amiclient.ErrPermission) || errors.Is(err, amiclient.ErrUnknownAction)
}

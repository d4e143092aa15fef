package amitest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// A phone takes every call at once, with G.711 µ-law and no sound, until the server hangs up.

// acceptCall keeps an INVITE and returns the answer to it. A repeated one gets the same answer.
func (p *Phone) acceptCall(packet []byte) []byte {
	invite := parseRequest(packet)
	p.mu.Lock()
	if id, _ := invite.Get("Call-ID"); len(p.calls) == 0 || callID(p.calls[len(p.calls)-1]) != id {
		p.calls = append(p.calls, invite)
		close(p.changed)
		p.changed = make(chan struct{})
	}
	p.mu.Unlock()
	ip := p.addr.Addr()
	body := strings.Join([]string{"v=0", fmt.Sprint("o=phone 1 1 IN IP4 ", ip), "s=-", fmt.Sprint("c=IN IP4 ", ip), "t=0 0",
		"m=audio 9 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", ""}, "\r\n")
	head := bytes.TrimSuffix(appendAnswer(nil, packet, 200), []byte("Content-Length: 0\r\n\r\n"))
	return fmt.Appendf(head, "Contact: <sip:%s@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", invite.User(), p.Addr(), len(body), body)
}

func callID(r *Request) string {
	id, _ := r.Get("Call-ID")
	return id
}

// Call returns the nth INVITE that the phone got, counted from 1, as soon as it has come; or ctx's error.
func (p *Phone) Call(ctx context.Context, n int) (*Request, error) {
	for {
		p.mu.Lock()
		calls, changed := p.calls, p.changed
		p.mu.Unlock()
		if len(calls) >= n {
			return calls[n-1], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for call %d: %w", n, context.Cause(ctx))
		}
	}
}

package amitest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A phone takes every call at once, with G.711 µ-law and no sound, until the server hangs up.

// acceptCall keeps an INVITE and returns the answer to it. A repeated one gets the same answer.
func (p *Phone) acceptCall(packet []byte) []byte {
	invite := parseRequest(packet)
	p.mu.Lock()
	if !slices.ContainsFunc(p.calls, func(r *Request) bool { return callID(r) == callID(invite) }) {
		p.calls = append(p.calls, invite)
	}
	p.mu.Unlock()
	ip, contact := p.addr.Addr(), p.Addr()
	if user := invite.User(); user != "" {
		contact = user + "@" + contact
	}
	body := strings.Join([]string{"v=0", fmt.Sprint("o=phone 1 1 IN IP4 ", ip), "s=-", fmt.Sprint("c=IN IP4 ", ip), "t=0 0",
		"m=audio 9 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", ""}, "\r\n")
	head := bytes.TrimSuffix(appendAnswer(nil, packet, 200), []byte("Content-Length: 0\r\n\r\n"))
	return fmt.Appendf(head, "Contact: <sip:%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", contact, len(body), body)
}

func callID(r *Request) string {
	id, _ := r.Get("Call-ID")
	return id
}

// Calls returns the INVITEs that the phone got, each once, in order of arrival.
func (p *Phone) Calls() []*Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[:len(p.calls):len(p.calls)]
}

package amitest

import (
	"cmp"
	"context"
	"crypto/md5"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Register registers the phone at a server as endpoint, with the contact sip:endpoint@PHONE, for so many seconds; 0
// unregisters it. It answers the server's digest challenge. callID stands for one life of the phone: a phone that has
// rebooted registers with a new one (RFC 3261 section 10.2).
func (p *Phone) Register(ctx context.Context, server, endpoint, password, callID string, seconds int) error {
	to, err := netip.ParseAddrPort(server)
	if err != nil {
		return fmt.Errorf("register %s: %w", endpoint, err)
	}
	uri := "sip:" + server
	authorization := ""
	for range 2 {
		cseq := p.cseq.Add(1)
		request := strings.Join([]string{
			"REGISTER " + uri + " SIP/2.0",
			fmt.Sprintf("Via: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s%d", p.Addr(), callID, cseq),
			"Max-Forwards: 70", fmt.Sprintf("From: <sip:%s@%s>;tag=%s", endpoint, server, callID), fmt.Sprintf("To: <sip:%s@%s>", endpoint, server),
			"Call-ID: " + callID, fmt.Sprintf("CSeq: %d REGISTER", cseq), fmt.Sprintf("Contact: <sip:%s@%s>", endpoint, p.Addr()),
			fmt.Sprint("Expires: ", seconds), "User-Agent: " + cmp.Or(p.UserAgent, "Test Phone 1.0"), authorization + "Content-Length: 0", "", ""}, "\r\n")
		answer, err := p.request(ctx, to, request, fmt.Sprintf("%d REGISTER", cseq), callID)
		if err != nil {
			return fmt.Errorf("register %s: %w", endpoint, err)
		}
		status, _, _ := strings.Cut(strings.TrimPrefix(answer, "SIP/2.0 "), "\r\n")
		switch {
		case strings.HasPrefix(status, "200 "):
			return nil
		case !strings.HasPrefix(status, "401 ") || authorization != "":
			return fmt.Errorf("register %s: the server answered %s", endpoint, status)
		}
		authorization = "Authorization: " + digest(answer, endpoint, password, "REGISTER", uri) + "\r\n"
	}
	return nil
}

// request sends a request from the phone's port and returns the final answer to it.
func (p *Phone) request(ctx context.Context, to netip.AddrPort, text, cseq, callID string) (string, error) {
	answers := make(chan string, 4)
	key := callID + " " + cseq
	p.mu.Lock()
	p.awaited[key] = answers
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.awaited, key)
		p.mu.Unlock()
	}()
	if _, err := p.conn.WriteToUDPAddrPort([]byte(text), to); err != nil {
		return "", err
	}
	for {
		select {
		case answer := <-answers:
			if !strings.HasPrefix(answer, "SIP/2.0 1") {
				return answer, nil
			}
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// answered passes a response that the phone received to who waits for it.
func (p *Phone) answered(packet []byte) {
	r := parseRequest(packet)
	callID, _ := r.Get("Call-ID")
	cseq, _ := r.Get("CSeq")
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.awaited[callID+" "+cseq] <- string(packet):
	default: // nobody waits any more, or it came again
	}
}

var challengeField = regexp.MustCompile(`(\w+)="?([^",]*)"?`)

// digest answers a WWW-Authenticate challenge (RFC 2617). PJSIP offers qop="auth" and an opaque, chan_sip neither.
func digest(answer, user, password, method, uri string) string {
	field := make(map[string]string)
	for _, line := range strings.Split(answer, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "WWW-Authenticate") {
			for _, m := range challengeField.FindAllStringSubmatch(value, -1) {
				field[strings.ToLower(m[1])] = m[2]
			}
			break
		}
	}
	hash := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	a1, a2 := hash(user+":"+field["realm"]+":"+password), hash(method+":"+uri)
	text := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=MD5`, user, field["realm"], field["nonce"], uri)
	if field["qop"] == "" {
		return text + fmt.Sprintf(`, response="%s"`, hash(a1+":"+field["nonce"]+":"+a2))
	}
	response := hash(a1 + ":" + field["nonce"] + ":00000001:cnonce:auth:" + a2)
	return text + fmt.Sprintf(`, response="%s", opaque="%s", qop=auth, nc=00000001, cnonce="cnonce"`, response, field["opaque"])
}

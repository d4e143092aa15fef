package amiclient

import (
	"net/netip"
	"strconv"
	"strings"
)

// endpoint checks the name of a PJSIP endpoint.
func (c *checker) endpoint(name string) {
	switch {
	case name == "":
		c.refuse(FieldTarget, "", "the endpoint's name is empty", "Name the endpoint.")
	case hasPrefixFold(name, "SIP/"), hasPrefixFold(name, "PJSIP/"):
		c.refuse(FieldTarget, "", "the endpoint's name begins with SIP/ or PJSIP/, which Asterisk removes", "Write the name alone.")
	}
}

// channel checks a channel of PJSIPNotify or a peer of SIPnotify. Nothing more
// can be refused about a peer: an all-digit one may well be in sip.conf.
func (c *checker) channel(kind kind, name string) {
	field := FieldChannel
	if kind == kindSIPNotify {
		field = FieldTarget
		if hasPrefixFold(name, "SIP/") {
			name = name[len("SIP/"):]
		}
	}
	if name == "" {
		c.refuse(field, "", "it is empty", "Name the peer or channel.")
	}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && is(s[:len(prefix)], prefix)
}

// uriFault tells what is wrong with a SIP URI as a target, or "". Asterisk
// takes it bare or in angle brackets, without a display name.
func uriFault(uri string) string {
	if strings.HasPrefix(uri, "<") && strings.HasSuffix(uri, ">") && len(uri) > 1 {
		uri = uri[1 : len(uri)-1]
	}
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] >= 0x7f {
			return "the URI holds a blank, a control character or a letter outside of ASCII"
		}
	}
	if strings.ContainsAny(uri, `<>"`) {
		return "the URI holds a quote or an angle bracket"
	}
	scheme, rest, _ := strings.Cut(uri, ":")
	if !is(scheme, "sip") && !is(scheme, "sips") {
		return "the URI does not begin with sip: or sips:"
	}
	if user, host, ok := strings.Cut(rest, "@"); ok {
		if user == "" || strings.Contains(host, "@") {
			return "the URI does not have exactly one user before one @"
		}
		rest = host
	}
	if i := strings.IndexAny(rest, ";?"); i >= 0 {
		rest = rest[:i]
	}
	if !isHostPort(rest) {
		return "the URI has no valid host, or a port outside of 1 to 65535"
	}
	return ""
}

// isHostPort tells whether s is hostport of RFC 3261, section 25.1.
func isHostPort(s string) bool {
	host, port, hasPort := s, "", false
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		if addr, err := netip.ParseAddr(s[1:end]); err != nil || !addr.Is6() {
			return false
		}
		host, port = "v6", s[end+1:]
		if port != "" {
			if port[0] != ':' {
				return false
			}
			port, hasPort = port[1:], true
		}
	} else {
		host, port, hasPort = strings.Cut(s, ":")
	}
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	for i := range len(host) {
		if !isAlphanumeric(host[i]) && strings.IndexByte("-._", host[i]) < 0 {
			return false
		}
	}
	return host != ""
}

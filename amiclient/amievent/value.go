package amievent

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The functions here read single values. They give zero for what is missing or
// is no such value: events come from many versions, and the text stays.

// number reads a decimal number.
func number(s string) (n int, ok bool) {
	if s == "" { // the usual reason, without the memory of an error
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// integer reads a decimal number, or gives otherwise.
func integer(s string, otherwise int) int {
	if n, ok := number(s); ok {
		return n
	}
	return otherwise
}

// duration reads a number of units that is not negative.
func duration(s string, unit time.Duration) time.Duration {
	n, _ := number(s)
	if d := time.Duration(n) * unit; n > 0 && d/unit == time.Duration(n) {
		return d
	}
	return 0
}

// addrPort reads an address whose port stands beside it, or else within:
// "address:port" or "[address]:port".
func addrPort(address, port string) netip.AddrPort {
	if address == "" {
		return netip.AddrPort{}
	}
	if port == "" {
		if whole, err := netip.ParseAddrPort(address); err == nil {
			return netip.AddrPortFrom(whole.Addr().Unmap(), whole.Port())
		}
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.AddrPort{}
	}
	n, _ := number(port)
	if n < 0 || n > 65535 {
		n = 0
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n))
}

// known gives "" for what the server writes where there is nothing: "<unknown>",
// in old versions also "<null>".
func known(s string) string {
	if s == "<unknown>" || s == "<null>" {
		return ""
	}
	return s
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

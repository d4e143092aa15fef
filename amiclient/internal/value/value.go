// Package value reads single values of answers and events. It gives zero for
// what is missing or is no such value: they come from many versions, and their
// text stays in the message.
package value

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Number reads a decimal number.
func Number(s string) int { return NumberOr(s, 0) }

// NumberOr reads a decimal number, or gives otherwise.
func NumberOr(s string, otherwise int) int {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') { // the usual reasons, without the memory of an error
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return otherwise
	}
	return n
}

// Duration reads a number of units that is not negative.
func Duration(s string, unit time.Duration) time.Duration {
	n := time.Duration(Number(s))
	if d := n * unit; n > 0 && d/unit == n {
		return d
	}
	return 0
}

// Time reads seconds since 1970, with or without a fraction; 0 stands for none.
func Time(s string) time.Time {
	whole, fraction, _ := strings.Cut(s, ".")
	n := Number(whole)
	if n <= 0 {
		return time.Time{}
	}
	nanoseconds, err := strconv.ParseUint((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(int64(n), int64(nanoseconds))
}

// AddrPort reads an IP address whose port stands beside it, or else within:
// "address:port" or "[address]:port".
func AddrPort(address, port string) netip.AddrPort {
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
	n := Number(port)
	if n < 0 || n > 65535 {
		n = 0
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n))
}

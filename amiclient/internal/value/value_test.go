package value

import (
	"testing"
	"time"
)

func TestNumberOr(t *testing.T) {
	for s, want := range map[string]int{"12": 12, "-1": -1, "0": 0, "": 7, "N/A": 7, "+3": 7, "1 ": 7, "9x": 7, "-": 7, "99999999999999999999": 7} {
		if got := NumberOr(s, 7); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{"279": 279 * time.Microsecond, "0": 0, "-5": 0, "N/A": 0, "": 0, "9223372036854775807": 0} {
		if got := Duration(s, time.Microsecond); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	for s, want := range map[string]time.Time{
		"1795299172": time.Unix(1795299172, 0), "1795299172.4": time.Unix(1795299172, 400_000_000), "1795299172.000001": time.Unix(1795299172, 1000),
		"0": {}, "": {}, "-1": {}, "N/A": {}, "1.x": {}, "x.1": {},
	} {
		if got := Time(s); !got.Equal(want) {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestAddrPort(t *testing.T) {
	for _, test := range []struct{ address, port, want string }{
		{"192.0.2.7", "5060", "192.0.2.7:5060"},
		{"192.0.2.7:5060", "", "192.0.2.7:5060"},
		{"[2001:db8::1]:5060", "", "[2001:db8::1]:5060"},
		{"2001:db8::1", "5060", "[2001:db8::1]:5060"},
		{"::ffff:192.0.2.7", "5060", "192.0.2.7:5060"},
		{"192.0.2.7", "70000", "192.0.2.7:0"},
		{"192.0.2.7", "x", "192.0.2.7:0"},
		{"-none-", "0", "invalid AddrPort"},
		{"", "5060", "invalid AddrPort"},
	} {
		if got := AddrPort(test.address, test.port).String(); got != test.want {
			t.Errorf("%q %q: %s, want %s", test.address, test.port, got, test.want)
		}
	}
}

package amiclient

import (
	"net"
	"strconv"
	"strings"
	"time"
)

// The functions here read single values of an answer. They give zero for what is
// missing, says that there is nothing ("N/A", "(null)"), or is no such value: the
// answers come from many versions, and the text stays in the message.

// seconds reads seconds with a fraction, such as "3.000000".
func seconds(s string) time.Duration {
	const most = float64(1<<63-1) / float64(time.Second)
	if f, err := strconv.ParseFloat(s, 64); err == nil && f > 0 && f < most {
		return time.Duration(f * float64(time.Second))
	}
	return 0
}

// truth reads a yes or no, of which Asterisk has several spellings.
func truth(s string) bool {
	switch s {
	case "true", "yes", "Yes", "Y", "1":
		return true
	}
	return false
}

// known gives "" for the words that stand where there is nothing.
func known(s string) string {
	switch s {
	case "(null)", "<Not set>", "<unknown>":
		return ""
	}
	return s
}

// names reads a list of names with commas between, and blanks as people write them.
func names(s string) []string {
	if s == "" {
		return nil
	}
	found := make([]string, 0, 1+strings.Count(s, ","))
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.Trim(name, " \t"); name != "" {
			found = append(found, name)
		}
	}
	return found
}

// hostPort joins a host, in brackets or not, and a port; "" without a host.
func hostPort(host, port string) string {
	if host == "" {
		return ""
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// clock reads hours, minutes and seconds: 00:01:07.
func clock(s string) time.Duration {
	var d time.Duration
	pieces := strings.Split(s, ":")
	if len(pieces) != 3 {
		return 0
	}
	for _, piece := range pieces {
		n, err := strconv.ParseUint(piece, 10, 31)
		if err != nil {
			return 0
		}
		d = 60*d + time.Duration(n)*time.Second
	}
	return d
}

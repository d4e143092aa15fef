package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// A digest is of all parts with their lengths, however long they are: states
// keep it.
func TestDigest(t *testing.T) {
	long := strings.Repeat("x", 5000)
	many := make([]string, 300)
	for i := range many {
		many[i] = strings.Repeat("y", i)
	}
	for _, parts := range [][]string{nil, {""}, {"a", "b"}, {"ab"}, {long}, {"a", long, "", "b"}, {strings.Repeat("z", 504)}, {strings.Repeat("z", 505), "1"}, many} {
		var all []byte
		for _, p := range parts {
			all = binary.LittleEndian.AppendUint64(all, uint64(len(p)))
			all = append(all, p...)
		}
		sum := sha256.Sum256(all)
		if got, want := digest(parts...), hex.EncodeToString(sum[:16]); got != want {
			t.Errorf("%.50q: %s, want %s", parts, got, want)
		}
	}
	if got, want := digest("pbx.hq", "1.2.3"), "7636af1ceadf8852a6547a3919177350"; got != want {
		t.Errorf("it is %s now, and was %s", got, want)
	}
}

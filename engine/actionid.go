package engine

import "strconv"

// ActionID names an attempt on the wire: the run's id, the position of the
// delivery within it and the number of the attempt. It can be made again from
// the ledger at any time, so it is not stored. At most 50 bytes long, of
// letters, digits and hyphens: AMI echoes it whole from every action.
func ActionID(run string, seq, n int) string {
	b := make([]byte, 0, 48)
	b = append(b, run...)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(seq), 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(n), 10)
	return string(b)
}

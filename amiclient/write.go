package amiclient

import (
	"bytes"
	"io"
)

// maxRecord is the size of Asterisk's input buffer. It polls the raw socket
// and not what OpenSSL holds, so a TLS record that carries more, or ends within
// a line, waits until further bytes come (main/manager.c: get_input).
const maxRecord = 1024

// maxTLSAhead is how many bytes of unanswered actions there may be over TLS, but
// for a single larger action. Asterisk closes a connection when it finds part
// of a record on the socket, and the kernel parts records where its buffers are
// full: seen with 16.28 on a busy machine, with 1.5 MB on the way.
const maxTLSAhead = 8 << 10

// send writes a batch of whole lines. It returns how many bytes may have left
// if it fails.
func send(w io.Writer, batch []byte, records bool) (sent int, err error) {
	if !records {
		return w.Write(batch)
	}
	for sent < len(batch) {
		// crypto/tls makes one record of each Write of this size. A line is
		// never longer: see maxLine.
		chunk := batch[sent:]
		if len(chunk) > maxRecord {
			chunk = chunk[:1+bytes.LastIndexByte(chunk[:maxRecord], '\n')]
		}
		sent += len(chunk)
		if _, err := w.Write(chunk); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

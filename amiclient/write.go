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
// for a single larger action. With 1.5 MB on the way 16.28 closed the connection
// on a busy machine, and with this bound it did not. The likely cause, not
// proved: it gives up on a record of which only a part has come, and the kernel
// parts records where its buffers are full.
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

package amiclient

import (
	"bytes"
	"strings"
)

// How Asterisk before 14 frames the output of a command: a few headers, the
// text as the command printed it, empty lines and all, and a mark
// (main/manager.c: action_command).
var (
	followsBegin = []byte("Response: Follows")
	followsEnd   = []byte("--END COMMAND--\r\n\r\n")
)

func isFollows(line []byte) bool {
	return bytes.Equal(bytes.TrimSuffix(line, []byte("\r")), followsBegin)
}

// readFollows reads such an answer, which begins at the start of the buffer. It
// returns what Asterisk 14 and later would have sent: a header Output for each
// line.
func (r *Reader) readFollows() (Message, error) {
	searched := 0
	for {
		text := r.buf[r.start:r.end]
		if i := bytes.Index(text[searched:], followsEnd); i >= 0 {
			text = text[:searched+i]
			if bytes.Count(text, []byte("\n")) > maxReceivedHeaders {
				return Message{}, errTooLong
			}
			r.start += len(text) + len(followsEnd)
			return view(appendOutput(nil, string(text))), nil
		}
		searched = max(0, len(text)-len(followsEnd)+1)
		if len(text) > maxReceivedMessage {
			return Message{}, errTooLong
		}
		if err := r.fill(); err != nil {
			return Message{}, err
		}
	}
}

func appendOutput(dst []byte, text string) []byte {
	header := true
	for text != "" {
		var line string
		line, text = cutLine(text)
		if header {
			name, _, _ := strings.Cut(line, ":")
			header = name == "Response" || name == "Privilege" || name == "ActionID"
		}
		if !header {
			dst = append(dst, "Output: "...)
		}
		dst = append(dst, line...)
		dst = append(dst, '\r', '\n')
	}
	return dst
}

package schema

import (
	"encoding/binary"
)

// framed collects what a digest is taken of: each part with its length before
// it, so that no two lists of parts give the same bytes.
type framed []byte

func (f framed) string(s string) framed {
	f = binary.AppendUvarint(f, uint64(len(s)))
	return append(f, s...)
}

// text adds a text: its value, sensitive or not, or that it is unknown.
func (f framed) text(t Text) framed {
	if t.unknown {
		return append(f, 1)
	}
	return append(f, 0).string(t.value)
}

func (f framed) headers(headers []Header, unknown bool) framed {
	if unknown {
		return append(f, 1)
	}
	f = binary.AppendUvarint(append(f, 0), uint64(len(headers)))
	for _, h := range headers {
		f = f.string(h.Name).text(h.Value)
	}
	return f
}

// Digest identifies what is sent, with the order of its headers and including
// what is sensitive: two messages with one digest make the same NOTIFY. It is
// the hexadecimal first half of a SHA-256. A short secret could be found from it
// by trying, so that a secret should be long.
func (m *Message) Digest() string {
	f := make(framed, 0, 256).string("message").text(m.Event).headers(m.Headers, m.HeadersUnknown).text(m.ContentType)
	if m.Content == nil {
		f = append(f, 0)
	} else {
		f = append(f, 1).text(*m.Content)
	}
	return shortDigest(f.text(m.Option).text(m.CallID).text(m.Channel))
}

// Digest identifies what is sent, as Message.Digest does.
func (e *Event) Digest() string {
	f := framed{}.string("event").text(e.Name).headers(e.Body, e.BodyUnknown)
	if !e.Channel.IsEmpty() { // so that those without one keep the digest that they always had
		f = f.text(e.Channel)
	}
	return shortDigest(f)
}

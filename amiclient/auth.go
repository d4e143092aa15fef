package amiclient

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/notifyrun/notifyrun/amiclient/internal/value"
)

// An Auth is how an endpoint authenticates itself, or Asterisk to it. Asterisk
// tells the password, its digests and tokens in clear; they are reached by Get
// alone, and nothing that prints an Auth shows them.
type Auth struct {
	Name          string
	Type          string // "userpass", "md5" …
	Username      string
	Realm         string
	NonceLifetime time.Duration

	m *Message // not embedded: its All and Headers would hand the secrets out unasked
}

func newAuth(m *Message) Auth {
	return Auth{m.Get("ObjectName"), m.Get("AuthType"), m.Get("Username"), m.Get("Realm"), value.Duration(m.Get("NonceLifetime"), time.Second), m}
}

// Get returns the value of the event AuthDetail's first header of that name,
// secrets included: "Password", "Md5Cred", "PasswordDigest", "RefreshToken",
// "OauthSecret".
func (a Auth) Get(name string) string {
	if a.m == nil {
		return ""
	}
	return a.m.Get(name)
}

func (a Auth) String() string       { return fmt.Sprintf("auth %q of user %q", a.Name, a.Username) }
func (a Auth) GoString() string     { return "amiclient.Auth(" + a.String() + ")" }
func (a Auth) LogValue() slog.Value { return slog.StringValue(a.String()) }

// A Transport is a socket of PJSIP. Asterisk tells the password of its private
// key in clear; it is reached by Get alone, and nothing that prints a Transport
// shows it.
type Transport struct {
	Name     string
	Protocol string // "udp", "tcp", "tls", "ws", "wss" or "flow"
	Bind     string // ip:port

	m *Message // not embedded, as in Auth
}

func newTransport(m *Message) *Transport {
	return &Transport{m.Get("ObjectName"), m.Get("Protocol"), m.Get("Bind"), m}
}

// Get returns the value of the event TransportDetail's first header of that
// name, "Password" included.
func (t Transport) Get(name string) string {
	if t.m == nil {
		return ""
	}
	return t.m.Get(name)
}

func (t Transport) String() string {
	return fmt.Sprintf("transport %q, %q on %q", t.Name, t.Protocol, t.Bind)
}
func (t Transport) GoString() string     { return "amiclient.Transport(" + t.String() + ")" }
func (t Transport) LogValue() slog.Value { return slog.StringValue(t.String()) }

package amiclient

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"log/slog"
)

// Challenge asks for the challenge of an MD5 login (main/manager.c:
// action_challenge). It needs no login. Dial does this and the Login.
type Challenge struct{}

// Action returns the action in AMI's form.
func (Challenge) Action() Action {
	return Action{Name: "Challenge", Headers: []Header{{"AuthType", "MD5"}}}
}

// Do returns the challenge, which holds on this connection only.
func (a Challenge) Do(ctx context.Context, on Doer) (string, error) {
	m, err := on.Do(ctx, a.Action())
	if err != nil {
		return "", err
	}
	challenge := m.Get("Challenge")
	if challenge == "" {
		return "", fmt.Errorf("Challenge: %w: the answer has none", ErrProtocol)
	}
	return challenge, nil
}

// Login logs in (main/manager.c: action_login, authenticate). A connection that
// is logged in already stays what it is, with Success: Dial returns such ones. It
// never prints its Secret.
type Login struct {
	Username  string
	Secret    string
	Plain     bool   // send the Secret itself in place of an MD5 of it and the Challenge
	Challenge string // what Challenge returned; Do asks for it if there is none
	Events    string // the event mask, as of Events; "": all events
}

// String, GoString, LogValue and MarshalText leave the Secret out.
func (l Login) String() string       { return fmt.Sprintf("AMI login of %q", l.Username) }
func (l Login) GoString() string     { return "amiclient.Login(" + l.String() + ")" }
func (l Login) LogValue() slog.Value { return slog.StringValue(l.String()) }

// MarshalText is for JSON, as of a log.
func (l Login) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Action returns the action in AMI's form. Check the result before use: it
// holds the fields as they are. Unless Plain it holds no Secret, but what is
// enough to guess at a weak one.
func (l Login) Action() Action {
	a := Action{Name: "Login", Headers: []Header{{"Username", l.Username}}}
	if l.Plain {
		a.Headers = append(a.Headers, Header{"Secret", l.Secret})
	} else {
		// main/manager.c: authenticate wants lower-case hexadecimal digits.
		key := md5.Sum([]byte(l.Challenge + l.Secret))
		a.Headers = append(a.Headers, Header{"AuthType", "MD5"}, Header{"Key", hex.EncodeToString(key[:])})
	}
	a.add("Events", l.Events)
	return a
}

// Do logs in. An error that is ErrAuth has cost the server a second, and each
// further one may get us banned.
func (l Login) Do(ctx context.Context, on Doer) error {
	if !l.Plain && l.Challenge == "" {
		var err error
		if l.Challenge, err = (Challenge{}).Do(ctx, on); err != nil {
			return err
		}
	}
	_, err := on.Do(ctx, l.Action())
	return err
}

// Logoff ends the session (main/manager.c: action_logoff). Every user may send
// it. The server answers what came before, says goodbye, and closes the
// connection; Close does without.
type Logoff struct{}

// Action returns the action in AMI's form.
func (Logoff) Action() Action { return Action{Name: "Logoff"} }

// Do returns when the server has said goodbye.
func (a Logoff) Do(ctx context.Context, on Doer) error {
	_, err := on.Do(ctx, a.Action())
	return err
}

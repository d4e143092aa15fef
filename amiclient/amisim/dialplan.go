package amisim

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// blanks are what ast_strip takes off.
var blanks = func() string {
	var b strings.Builder
	for c := range rune(' ' + 1) {
		b.WriteRune(c)
	}
	return b.String()
}()

// maxArguments is how many arguments the application UserEvent takes, its name included; the last stays raw.
const maxArguments = 101

// extension runs an extension on a channel. One that is not there hangs up.
func (s *Server) extension(ch *channel, exten, context string) {
	s.mu.Lock()
	ch.exten, ch.context = exten, context
	s.processed++
	s.mu.Unlock()
	steps := s.config.Extensions[exten+"@"+context]
	if len(steps) == 0 {
		s.HangUp(ch.name)
		return
	}
	application, data, _ := strings.Cut(strings.TrimSuffix(steps[0], ")"), "(")
	s.execute(ch, application, data, steps[1:])
}

// execute runs an application on a channel, and then further ones, as an extension has them; at the end it hangs up. A
// channel that is gone runs nothing.
func (s *Server) execute(ch *channel, application, data string, then []string) {
	s.mu.Lock()
	gone := !slices.Contains(s.channels, ch)
	ch.application, ch.data = application, data
	snapshot := ch.snapshot()
	s.mu.Unlock()
	if gone {
		return
	}
	next := func() {
		if len(then) == 0 {
			s.HangUp(ch.name)
			return
		}
		application, data, _ := strings.Cut(strings.TrimSuffix(then[0], ")"), "(")
		s.execute(ch, application, data, then[1:])
	}
	switch strings.ToLower(application) {
	case "echo":
		return
	case "wait":
		if seconds, err := strconv.ParseFloat(data, 64); err == nil && seconds > 0 {
			s.after(time.Duration(seconds*float64(time.Second)), next)
			return
		}
	case "userevent":
		if event := userEvent(data); event != nil {
			s.emit("UserEvent", classUser, append(snapshot, event...))
		}
	}
	next()
}

// userEvent makes headers of the arguments of the application UserEvent; nil if there is no name, or any of it is not
// UTF-8 (apps/app_userevent.c: userevent_exec; main/stasis.c: multi_user_event_to_ami). A key that comes again has its
// last value at its first place.
func userEvent(data string) []Header {
	var name string
	var body []Header
	first, broken := true, false
	separate(data, maxArguments, func(item string) {
		if first {
			name, first, broken = item, false, !utf8.ValidString(item)
			return
		}
		key, value, found := strings.Cut(item, ":")
		value = strings.Trim(value, blanks)
		broken = broken || found && !utf8.ValidString(item)
		i := slices.IndexFunc(body, func(h Header) bool { return h.Name == key })
		switch {
		case !found:
		case key == "eventname":
			name = value
		case i >= 0:
			body[i].Value = value
		default:
			body = append(body, Header{key, value})
		}
	})
	if data == "" || broken {
		return nil
	}
	return append([]Header{{"UserEvent", name}}, body...)
}

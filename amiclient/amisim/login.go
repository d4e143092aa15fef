package amisim

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// main/manager.c: action_challenge.
func (c *session) runChallenge(r *request) {
	if !strings.EqualFold(r.get("AuthType"), "MD5") {
		c.fail(r, "Must specify AuthType")
		return
	}
	if c.challenge == "" {
		c.challenge = strconv.Itoa(rand.IntN(1_000_000_000))
	}
	c.respond(r, "Success")
	c.put("Challenge", c.challenge)
	c.blank()
}

// main/manager.c: action_login, authenticate.
func (c *session) runLogin(r *request) {
	if c.account() != nil {
		c.ack(r, "Already authenticated")
		return
	}
	user := c.server.user(r.get("Username"))
	if user == nil || !c.proved(r, user) {
		c.refuseLogin(r, "Authentication failed")
		return
	}
	if user.Single && c.server.loggedIn(user) {
		c.refuseLogin(r, "Login Already In Use")
		return
	}
	mask, given := parseMask(r.get("Events"))
	if !given {
		mask = classAll
	}
	c.server.mu.Lock()
	c.server.pending--
	booted := !c.server.booting
	c.server.mu.Unlock()
	c.ack(r, "Authentication accepted")
	read := parseClasses(strings.Join(user.Read, ","))
	if booted && read&mask&classSystem != 0 {
		c.reply = appendEvent(c.reply, "FullyBooted", classSystem, c.server.bootHeaders())
	}
	// The answer is queued in one step with becoming a reader of events: no event can come before it.
	c.mu.Lock()
	c.out = append(c.out, c.reply...)
	c.reply = c.reply[:0]
	c.user, c.read, c.mask = user, read, mask
	c.writes = parseClasses(strings.Join(user.Write, ","))
	c.changed.Broadcast()
	c.mu.Unlock()
	c.conn.SetReadDeadline(time.Time{})
	c.after = append(c.after, func() { c.server.authenticated(c, user.Name) })
}

// proved tells whether a login knows the user's secret, in plain text or by the challenge.
func (c *session) proved(r *request, user *User) bool {
	if !strings.EqualFold(r.get("AuthType"), "MD5") {
		return r.get("Secret") == user.Secret
	}
	sum := md5.Sum([]byte(c.challenge + user.Secret))
	return c.challenge != "" && r.get("Key") == hex.EncodeToString(sum[:])
}

// refuseLogin answers after a delay, then closes the connection.
func (c *session) refuseLogin(r *request, message string) {
	c.server.sleep(c.server.config.AuthDelay)
	c.fail(r, message)
	c.goodbye = true
}

// sleep waits for d, or until the server is closed.
func (s *Server) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.done:
	}
}

// user finds a user by name, without regard to case.
func (s *Server) user(name string) *User {
	for i := range s.config.Users {
		if strings.EqualFold(s.config.Users[i].Name, name) {
			return &s.config.Users[i]
		}
	}
	return nil
}

func (s *Server) loggedIn(user *User) bool {
	for _, c := range s.connected() {
		if c.account() == user {
			return true
		}
	}
	return false
}

// authenticated raises the security event of an AMI login.
func (s *Server) authenticated(c *session, name string) {
	now := time.Now().Format("2006-01-02T15:04:05.000-0700")
	s.emit("SuccessfulAuth", classSecurity, []Header{
		{"EventTV", now}, {"Severity", "Informational"}, {"Service", "AMI"}, {"EventVersion", "1"}, {"AccountID", name},
		{"SessionID", fmt.Sprintf("%p", c)}, {"LocalAddress", "IPV4/TCP/" + slashed(c.conn.LocalAddr().String())},
		{"RemoteAddress", "IPV4/TCP/" + slashed(c.conn.RemoteAddr().String())}, {"UsingPassword", "0"}, {"SessionTV", now},
	})
}

// slashed writes ip:port as security events do, ip/port.
func slashed(addr string) string {
	i := strings.LastIndexByte(addr, ':')
	return addr[:i] + "/" + addr[i+1:]
}

// main/manager.c: action_events. A long ActionID is cut off there, together with the line's end.
func (c *session) runEvents(r *request) {
	mask, ok := parseMask(r.get("EventMask"))
	if !ok {
		c.fail(r, "Invalid event mask")
		return
	}
	c.mu.Lock()
	c.mask = mask
	c.mu.Unlock()
	state := "On"
	if mask == 0 {
		state = "Off"
	}
	c.put("Response", "Success")
	c.cutActionID(r, 245)
	c.put("Events", state)
	c.blank()
}

// cutActionID adds the ActionID as actions with a buffer of fixed size do: kept are so many bytes of its value and line
// end together.
func (c *session) cutActionID(r *request, kept int) {
	if id := r.get("ActionID"); id != "" {
		line := id + "\r\n"
		c.reply = append(c.reply, "ActionID: "+line[:min(kept, len(line))]...)
	}
}

// main/manager.c: action_logoff.
func (c *session) runLogoff(r *request) {
	c.respond(r, "Goodbye")
	c.put("Message", "Thanks for all the fish.")
	c.blank()
	c.goodbye = true
}

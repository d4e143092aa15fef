package amisim

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Config says what a server is like. The zero value is useful: Asterisk 22 on a free port of 127.0.0.1, the user
// notifyrun with a random secret and all rights, and 25 registered phones PJSIP/1001 … PJSIP/1025.
type Config struct {
	Version Version     // default Asterisk22
	Listen  string      // default "127.0.0.1:0"
	TLS     *tls.Config // speak TLS with this certificate; default plain TCP
	Users   []User      // see Server.Users for the default
	Phones  []Phone     // default: 25, as above
	// Mailboxes are those that Version.Voicemail knows from the start.
	Mailboxes []Mailbox

	// DefaultOutbound is the default_outbound_endpoint of pjsip.conf; without one, NOTIFYs to a URI go nowhere.
	DefaultOutbound string
	// NotifyOptions are the sections of pjsip_notify.conf, by name.
	NotifyOptions map[string][]Header
	// Commands are CLI commands that the action Command knows, with their output. One whose last line is "Command '…'
	// failed.", as real servers write it, is answered with Error.
	Commands map[string]string
	// Extensions is the dialplan: of each extension, such as "hold@default", the applications that it runs once it has
	// answered; then it hangs up. Known are UserEvent(name,key: value,…), Wait(seconds) and Echo(), which stays. The
	// default is hold@default with Echo().
	Extensions map[string][]string
	// Hints are what ExtensionStateList lists, and whose changes raise the event ExtensionStatus.
	Hints []Hint

	// Booting starts the server in the state in which Asterisk takes logins before its modules are loaded: no
	// FullyBooted, and all their actions unknown, until Server.FinishBoot.
	Booting bool
	// HideUptime leaves Uptime and LastReload out of FullyBooted, as before Asterisk 14.
	HideUptime bool
	// SwapOrder delivers the NOTIFYs for each phone in swapped pairs, as PJSIP's workers may; a single one waits for its
	// partner for 20 ms.
	SwapOrder bool

	AuthDelay    time.Duration // wait before a failed login is answered; default 20 ms, a real server has 1 s
	AuthTimeout  time.Duration // a connection that has not logged in by then is closed in silence; default 30 s
	AuthLimit    int           // connections not logged in; one more is closed before the greeting; default 50
	WriteTimeout time.Duration // a client that reads nothing for so long is cut off; default 10 s, a real server has 100 ms
	Segment      int           // bytes per TCP segment that the server writes at most; default no limit

	// Seed orders the events of one cause, such as PeerStatus, DeviceStateChange and ContactStatus of a phone that goes: real
	// servers raise them in an order that varies, the simulator in one that the seed fixes; 0 is the most common one.
	Seed uint64

	// Keep is how many Notifies are kept, the oldest are forgotten; 0 keeps all, a negative number none (Server.Count
	// counts all the same).
	Keep int
	// OnNotify is called for each NOTIFY that a phone got, one call at a time, in order. It must not block for long.
	OnNotify func(Notify)
}

// User is an AMI user: a section of manager.conf. Read and Write are lists of class names.
type User struct {
	Name, Secret string
	Read, Write  []string
	Single       bool // allowmultiplelogin=no: a second session at the same time is refused
}

// Server is a running simulated Asterisk. All its methods may be called at any time, also by several goroutines.
type Server struct {
	config   Config
	actions  map[string]action
	details  map[string]detail
	listener net.Listener
	done     chan struct{}
	ending   sync.WaitGroup // the listener's and the sessions' goroutines

	deliver sync.Mutex // held while a NOTIFY is recorded and told, so that OnNotify sees them in order; taken before mu

	mu         sync.Mutex
	started    time.Time
	reloaded   time.Time // all modules, by Reload
	phones     map[string]*phone
	names      []string // of phones, in the order configured
	mailboxes  []*mailbox
	sessions   map[*session]struct{}
	pending    int // sessions not logged in
	notifies   []Notify
	count      uint64
	unsent     []Unsent
	userEvents []UserEvent
	crashes    []Crash
	channels   []*channel
	named      map[string]int // channels so far, by channel driver: the number in the next one's name
	uniqueids  int            // channels so far
	processed  int            // channels so far that ran dialplan
	originates int            // calls by Originate that were answered so far
	faults     []*fault
	timers     map[*time.Timer]struct{}
	booting    bool
	stopping   bool // answers "Asterisk is shutting down"
	down       bool // crashed or shut down: takes no connections
	closed     bool
}

// Start starts a server; Close ends it. It fails if the address cannot be listened on, or the configuration names a
// phone or mailbox twice.
func Start(config Config) (*Server, error) {
	if config.Version.AMI == "" {
		config.Version = Asterisk22
	}
	if config.Listen == "" {
		config.Listen = "127.0.0.1:0"
	}
	if len(config.Users) == 0 {
		config.Users = []User{{Name: "notifyrun", Secret: rand.Text(), Read: []string{"all"}, Write: []string{"all"}}}
	}
	if config.Phones == nil {
		config.Phones = Phones(25)
	}
	if config.Extensions == nil {
		config.Extensions = map[string][]string{"hold@default": {"Echo()"}}
	}
	config.AuthDelay = orDefault(config.AuthDelay, 20*time.Millisecond)
	config.AuthTimeout = orDefault(config.AuthTimeout, 30*time.Second)
	config.AuthLimit = orDefault(config.AuthLimit, 50)
	config.WriteTimeout = orDefault(config.WriteTimeout, 10*time.Second)

	details, err := details(config.Version)
	if err != nil {
		return nil, fmt.Errorf("start simulated Asterisk: %w", err)
	}
	s := &Server{
		details: details, config: config, actions: config.Version.byName(), started: time.Now(), reloaded: time.Now(), done: make(chan struct{}),
		booting: config.Booting, phones: make(map[string]*phone), named: make(map[string]int), sessions: make(map[*session]struct{}), timers: make(map[*time.Timer]struct{}),
	}
	for _, m := range config.Mailboxes {
		if !s.addMailbox(m) {
			return nil, fmt.Errorf("start simulated Asterisk: mailbox name %q missing or given twice", m.Name)
		}
	}
	for i, p := range config.Phones {
		if _, twice := s.phones[p.Name]; twice || p.Name == "" {
			return nil, fmt.Errorf("start simulated Asterisk: phone name %q missing or given twice", p.Name)
		}
		s.phones[p.Name] = newPhone(p, i)
		s.names = append(s.names, p.Name)
	}
	if config.Version.SortedEndpoints {
		slices.Sort(s.names)
	}
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("start simulated Asterisk: %w", err)
	}
	s.listener = listener
	s.ending.Add(1)
	go s.accept()
	return s, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Addr returns the address that AMI clients connect to.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Users returns the AMI users, with their secrets.
func (s *Server) Users() []User { return slices.Clone(s.config.Users) }

// Close cuts all connections and ends the server. It returns when nothing of it runs any more.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	for t := range s.timers {
		t.Stop()
	}
	s.mu.Unlock()
	err := s.listener.Close()
	s.Cut()
	s.ending.Wait()
	if errors.Is(err, net.ErrClosed) { // it crashed before
		return nil
	}
	return err
}

// Cut closes all connections at once, without a word. New ones are taken.
func (s *Server) Cut() {
	for _, c := range s.connected() {
		c.abort()
	}
}

// Sessions returns how many connections are open, logged in or not.
func (s *Server) Sessions() int { return len(s.connected()) }

func (s *Server) connected() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*session, 0, len(s.sessions))
	for c := range s.sessions {
		list = append(list, c)
	}
	return list
}

// Restart does what "core restart now" does: it tells the sessions that may read it (event Shutdown), closes them, and
// comes back in the booting state of Config.Booting; phones stay registered. FinishBoot ends that state.
func (s *Server) Restart() {
	s.emit("Shutdown", classSystem, []Header{{"Shutdown", "Cleanly"}, {"Restart", "True"}})
	s.mu.Lock()
	s.booting = true
	s.started, s.reloaded = time.Now(), time.Now()
	s.channels = nil
	for _, p := range s.phones {
		p.calls = [2]int{}
	}
	s.mu.Unlock()
	for _, c := range s.connected() {
		c.finish()
	}
}

// StopGracefully makes the server answer "Asterisk is shutting down" to every action from now on.
func (s *Server) StopGracefully() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// FinishBoot ends the booting state: PeerStatus for each endpoint that can be reached, ContactStatus for each contact that
// had registered before, then FullyBooted to the sessions there are. Who is qualified is asked at the end.
func (s *Server) FinishBoot() {
	s.mu.Lock()
	was := s.booting
	s.booting = false
	var peers, contacts []event
	var ask []*phone
	for _, name := range s.names {
		p := s.phones[name]
		list := slices.Clone(p.contacts)
		for i := range list {
			list[i].status = nonQualified
			if !p.Static {
				contacts = append(contacts, p.contactStatus(list[i], nonQualified))
			}
		}
		p.contacts = list
		if p.available() {
			peers = append(peers, p.peerStatus("PJSIP", reachable))
		}
		if p.QualifyFrequency > 0 && len(list) > 0 {
			ask = append(ask, p)
		}
	}
	s.mu.Unlock()
	if !was {
		return
	}
	for _, e := range append(peers, contacts...) {
		s.emit(e.name, e.of, e.headers)
	}
	headers := s.bootHeaders()
	// Sent as an event it has another order than after a login.
	s.emit("FullyBooted", classSystem, append(headers[len(headers)-1:], headers[:len(headers)-1]...))
	for _, p := range ask {
		s.qualify(p)
	}
}

func (s *Server) bootHeaders() []Header {
	status := Header{"Status", "Fully Booted"}
	if s.config.HideUptime {
		return []Header{status}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seconds := func(since time.Time) string { return fmt.Sprint(int(time.Since(since).Seconds())) }
	return []Header{{"Uptime", seconds(s.started)}, {"LastReload", seconds(s.reloaded)}, status}
}

// crash makes the server act as a process that died: connections reset, nobody listens.
func (s *Server) crash() {
	s.mu.Lock()
	s.down = true
	s.mu.Unlock()
	s.listener.Close()
	for _, c := range s.connected() {
		c.reset()
	}
}

// after calls f when d has passed, unless the server is closed before.
func (s *Server) after(d time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.mu.Lock()
		delete(s.timers, t)
		closed := s.closed
		s.mu.Unlock()
		if !closed {
			f()
		}
	})
	s.timers[t] = struct{}{}
}

func (s *Server) accept() {
	defer s.ending.Done()
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files: a moment later it may work
			select {
			case <-s.done:
				return
			case <-time.After(10 * time.Millisecond):
				continue
			}
		}
		s.mu.Lock()
		// authlimit: closed before the greeting (main/manager.c: session_do).
		if s.closed || s.down || s.pending > s.config.AuthLimit {
			s.mu.Unlock()
			conn.Close()
			continue
		}
		tcp := conn
		if s.config.TLS != nil {
			conn = tls.Server(conn, s.config.TLS)
		}
		c := newSession(s, conn, tcp)
		s.sessions[c] = struct{}{}
		s.pending++
		s.ending.Add(2)
		s.mu.Unlock()
		go c.serve()
		go c.write()
	}
}

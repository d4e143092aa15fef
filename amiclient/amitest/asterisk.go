package amitest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The AMI users of every server that StartAsterisk starts. Their secret is Secret.
const (
	UserFull     = "notifyrun" // every right
	UserMinimal  = "minimal"   // read system,user,call,security; write system,user,reporting
	UserNoSystem = "nosystem"  // read and write user only: neither SIPnotify nor PJSIPNotify
	UserCaller   = "caller"    // read user,call; write originate: calls, as far as those need no more rights
	UserNothing  = "nothing"   // may log in, no more
	UserARI      = "ari"       // of ARI, with AsteriskConfig.ARI
	Secret       = "s3cret"
)

// Endpoints of every server that StartAsterisk starts, besides the numbered ones.
const (
	EndpointTwin   = "twin"   // two static contacts, twin-a@PHONE and twin-b@PHONE
	EndpointAbsent = "absent" // no contact: NOTIFYs to it are answered with Success and go nowhere
	// EndpointDynamic registers with password "pw" (user name as the endpoint): at most 3 contacts, not qualified.
	EndpointDynamic = "dynamic"
	// EndpointQualified, there with AsteriskConfig.Qualified, is like EndpointDynamic, and also a peer of chan_sip. PJSIP asks
	// it by OPTIONS when it registers and by PJSIPQualify, then not for an hour: without an answer within two seconds
	// it is unreachable. There with the same, EndpointSingle is as qualified and has room for one contact, of which a new one
	// takes the place (remove_existing), and EndpointBare has no AOR.
	EndpointQualified = "qualified"
	EndpointSingle    = "single"
	EndpointBare      = "bare"
	// NotifyOption is a section of pjsip_notify.conf: Event check-sync;reboot=true and X-Vendor: option.
	NotifyOption = "reboot-option"
)

// AsteriskConfig says what a server is to have. The zero value is useful: ten endpoints, URI targets work.
type AsteriskConfig struct {
	Phone      string // ip:port of the UDP phone all static contacts point to; default: one that nobody listens on
	Endpoints  int    // numbered endpoints (and chan_sip peers, where there is chan_sip) from "1001" on; default 10
	NoOutbound bool   // leave out default_outbound_endpoint, so that URI targets go nowhere
	HEP        string // ip:port of a HEPv3 collector, default none
	Qualified  bool   // have EndpointQualified, EndpointSingle and EndpointBare too
	ARI        bool   // have ARI, and its user UserARI
	PJSIP      string // more sections of pjsip.conf
	// Files are written into the configuration directory, in place of those of the same name. The names of sections of
	// pjsip_notify.conf and sip_notify.conf are then the caller's; NotifyOption is not among them.
	Files     map[string]string
	Mailboxes bool // have voicemail boxes, where app_voicemail is: 101 of Alice Example, alice@example.com, and 102 of Bob, without address
}

// Asterisk is a running private server.
type Asterisk struct {
	Major   int         // 16 or 22
	Version string      // AsteriskVersion, as the server says it
	Addr    string      // AMI
	TLSAddr string      // AMI over TLS
	TLS     *tls.Config // trusts the server's self-made certificate
	SIPAddr string      // UDP address of PJSIP
	ChanSIP bool        // SIPnotify exists
	ARIAddr string      // HTTP, with AsteriskConfig.ARI
	// ChanSIPAddr is the UDP address of chan_sip, where it exists.
	ChanSIPAddr string

	root string // the chroot it runs in
	dir  string // configuration and log, outside view
	cmd  *exec.Cmd
}

// StartAsterisk starts a real Asterisk of a major version, 16 or 22, on ports of its own, waits until it has fully
// booted, and stops it when the test ends. It skips the test where the server cannot be had; where the environment has
// NOTIFYRUN_REQUIRE_ASTERISK=1 it fails it instead.
func StartAsterisk(tb testing.TB, major int, config AsteriskConfig) *Asterisk {
	tb.Helper()
	cache := os.Getenv("NOTIFYRUN_CACHE")
	if cache == "" {
		cache = "/var/cache/notifyrun"
	}
	root := filepath.Join(cache, "asterisk", strconv.Itoa(major))
	if why := unable(root); why != "" {
		if os.Getenv("NOTIFYRUN_REQUIRE_ASTERISK") == "1" {
			tb.Fatalf("Asterisk %d: %s; get it with: bash .ci/asterisk", major, why)
		}
		tb.Skipf("Asterisk %d: %s; get it with: bash .ci/asterisk", major, why)
	}
	// Another program may take a port between our choosing it and the server's: then choose again.
	var err error
	for range 3 {
		var a *Asterisk
		if a, err = startAsterisk(root, major, config); err == nil {
			tb.Cleanup(func() {
				if err := a.stop(); err != nil {
					tb.Errorf("stop Asterisk %d: %v", major, err)
				}
			})
			return a
		}
	}
	tb.Fatalf("start Asterisk %d: %v", major, err)
	return nil
}

// unable says why the server in root cannot be started, "" if it can.
func unable(root string) string {
	if os.Geteuid() != 0 {
		return "needs root, for a chroot"
	}
	if _, err := os.Stat(filepath.Join(root, "usr/sbin/asterisk")); err != nil {
		return "not in " + root
	}
	return ""
}

func startAsterisk(root string, major int, config AsteriskConfig) (*Asterisk, error) {
	base := filepath.Join(root, "rig")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, err
	}
	sweep(base)
	dir, err := os.MkdirTemp(base, "")
	if err != nil {
		return nil, err
	}
	a := &Asterisk{Major: major, root: root, dir: dir}
	if err := a.configure(root, config); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := a.run(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return a, nil
}

// run starts the server's process and waits until it has booted.
func (a *Asterisk) run() error {
	inside := strings.TrimPrefix(a.dir, a.root) + "/asterisk.conf"
	// setpriv ends the server when the test process dies without cleaning up.
	a.cmd = exec.Command("setpriv", "--pdeathsig", "TERM", "chroot", a.root, "/usr/sbin/asterisk", "-C", inside, "-f")
	a.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=dumb", "HOME=/"}
	if err := a.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := a.waitBooted(ctx); err != nil {
		err = fmt.Errorf("%w; its log:\n%s", err, a.Log())
		a.stop()
		return err
	}
	return nil
}

// Kill ends the server's process as a crash would. StartAgain must follow.
func (a *Asterisk) Kill(tb testing.TB) {
	tb.Helper()
	if err := a.cmd.Process.Kill(); err != nil {
		tb.Errorf("kill Asterisk %d: %v", a.Major, err)
	}
	a.cmd.Wait() // its error is the kill
}

// StartAgain starts a killed server as it was, at the same addresses, and waits
// until it has booted.
func (a *Asterisk) StartAgain(tb testing.TB) {
	tb.Helper()
	if err := a.run(); err != nil {
		tb.Errorf("start Asterisk %d again: %v", a.Major, err)
	}
}

// sweep removes what killed tests have left behind: directories an hour old whose server is gone.
func sweep(base string) {
	dirs, err := filepath.Glob(filepath.Join(base, "*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "run/asterisk.pid"))
		if pid, bad := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && bad == nil && alive(pid) {
			continue // a long test, still at work
		}
		os.RemoveAll(dir)
	}
}

// alive tells whether a process is there.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}

// waitBooted logs in until it works (AMI listens before the modules are loaded), waits for FullyBooted, reads the
// version, and waits until the first endpoint has its contact.
func (a *Asterisk) waitBooted(ctx context.Context) error {
	var conn net.Conn
	for {
		var err error
		if conn, err = net.Dial("tcp", a.Addr); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("connect AMI: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	fmt.Fprintf(conn, "Action: Login\r\nUsername: %s\r\nSecret: %s\r\nEvents: system\r\n\r\n", UserFull, Secret)
	// On a busy machine the static contacts can come to be a little later.
	const contacts = "Action: PJSIPShowEndpoint\r\nEndpoint: 1001\r\n\r\n"
	lines := bufio.NewScanner(conn)
	reachable := false
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); {
		case name == "Event" && value == "FullyBooted":
			io.WriteString(conn, "Action: CoreSettings\r\n\r\n")
		case name == "AsteriskVersion":
			a.Version = value
			io.WriteString(conn, contacts)
		case name == "Event" && value == "ContactStatusDetail":
			reachable = true
		case name == "Event" && value == "EndpointDetailComplete":
			if reachable {
				return nil
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			io.WriteString(conn, contacts)
		case name == "Message" && value == "Authentication failed":
			return fmt.Errorf("log in: %s (another server has its port?)", value)
		}
	}
	return fmt.Errorf("wait for FullyBooted: %w", lines.Err())
}

// Log returns the server's messages: notices, warnings and errors.
func (a *Asterisk) Log() string {
	text, err := os.ReadFile(filepath.Join(a.dir, "log/messages"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// CLI runs a command as "asterisk -rx" does, at the server's own console, and returns what it prints. It is the way to
// restart a server, "core restart now", which keeps its process and its ports.
func (a *Asterisk) CLI(tb testing.TB, command string) string {
	tb.Helper()
	own := a.cmd.Args // setpriv … chroot ROOT asterisk -C FILE -f
	start := slices.Index(own, "chroot")
	cmd := exec.CommandContext(tb.Context(), own[start], append(slices.Clone(own[start+1:len(own)-1]), "-rx", command)...)
	cmd.Env = a.cmd.Env
	output, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("asterisk -rx %q: %v: %s", command, err, output)
	}
	return string(output)
}

// SetMessages puts so many messages into a voicemail box of context default, in place of those that are there. Nobody is
// told of it before VoicemailRefresh.
func (a *Asterisk) SetMessages(tb testing.TB, mailbox string, urgent, new, old int) {
	tb.Helper()
	box := filepath.Join(a.dir, "spool/voicemail/default", mailbox)
	if err := os.RemoveAll(box); err != nil {
		tb.Fatal(err)
	}
	for folder, n := range map[string]int{"Urgent": urgent, "INBOX": new, "Old": old} {
		if err := os.MkdirAll(filepath.Join(box, folder), 0o755); err != nil {
			tb.Fatal(err)
		}
		for i := range n {
			if err := os.WriteFile(filepath.Join(box, folder, fmt.Sprintf("msg%04d.txt", i)), []byte("[message]\n"), 0o600); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// Pid returns the server's process id, for tests that measure, stop or kill it.
func (a *Asterisk) Pid() int { return a.cmd.Process.Pid }

func (a *Asterisk) stop() error {
	defer os.RemoveAll(a.dir)
	ended := make(chan error, 1)
	go func() { ended <- a.cmd.Wait() }()
	patience := time.After(20 * time.Second)
	for {
		// A server that has only just booted may take the signal without looking for it any more, until the next one.
		a.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("%w; the end of its log:\n%s", err, a.Log())
			}
			return nil
		case <-time.After(time.Second):
		case <-patience:
			a.cmd.Process.Kill()
		}
	}
}

// freePort returns a port of 127.0.0.1 that is free for UDP and TCP, below the range from which the kernel hands out
// its own: so nothing that asks for "any port" takes it meanwhile.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := 20000 + rand.IntN(12000)
		addr := "127.0.0.1:" + strconv.Itoa(port)
		l, err := net.Listen("tcp4", addr)
		if err != nil {
			last = err
			continue
		}
		p, err := net.ListenPacket("udp4", addr)
		l.Close()
		if err != nil {
			last = err
			continue
		}
		p.Close()
		return port, nil
	}
	return 0, last
}

// Certificate returns the server's self-made TLS certificate as PEM.
func (a *Asterisk) Certificate(tb testing.TB) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(a.dir, "var", "cert.pem"))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// network is one of its own, in which a daemon runs, with a line to the server.
type network struct {
	t       *testing.T
	name    string // of the namespace; its end of the line is called daemon
	outside string // the other end of the line
	address string // of the server, as seen from inside
}

// newNetwork makes one, or skips the test where that cannot be.
func newNetwork(t *testing.T, server string) *network {
	t.Helper()
	id := fmt.Sprintf("nr%d", os.Getpid()%1_000_000)
	n := &network{t: t, name: id, outside: id}
	if out, err := exec.Command("ip", "netns", "add", n.name).CombinedOutput(); err != nil {
		unavailable(t, fmt.Sprintf("no network of its own can be made: %v: %s", err, out))
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", n.name).Run() })
	// Of the addresses for tests of networks (RFC 2544), a line that nobody else has.
	line := fmt.Sprintf("198.18.%d.", os.Getpid()%256)
	n.ip("link", "add", n.outside, "type", "veth", "peer", "name", "daemon", "netns", n.name)
	t.Cleanup(func() { exec.Command("ip", "link", "del", n.outside).Run() })
	n.ip("address", "add", line+"1/24", "dev", n.outside)
	n.ip("link", "set", n.outside, "up")
	n.ip("-netns", n.name, "address", "add", line+"2/24", "dev", "daemon")
	n.ip("-netns", n.name, "link", "set", "daemon", "up")
	n.ip("-netns", n.name, "link", "set", "lo", "up")
	listener, err := net.Listen("tcp", line+"1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.address = listener.Addr().String()
	var carrying sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		carrying.Wait()
	})
	carrying.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() { carry(near, server) })
		}
	})
	return n
}

// carry takes a connection on to the server, until one of them ends it.
func carry(near net.Conn, server string) {
	defer near.Close()
	far, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	go func() {
		io.Copy(far, near)
		far.Close()
	}()
	io.Copy(near, far)
	far.Close()
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// program is this program, inside.
func (n *network) program(dir string, args ...string) *exec.Cmd {
	cmd := program(dir, args...)
	cmd.Args = slices.Concat([]string{"ip", "netns", "exec", n.name, cmd.Path}, args)
	path, err := exec.LookPath("ip")
	if err != nil {
		n.t.Fatal(err)
	}
	cmd.Path = path
	return cmd
}

// swallow has the line lose everything, in both directions and without a word, or
// carry it again.
func (n *network) swallow(all bool) {
	n.t.Helper()
	tc := func(args ...string) {
		n.t.Helper()
		if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
			n.t.Fatalf("tc %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	if !all {
		tc("qdisc", "del", "dev", n.outside, "root")
		tc("-netns", n.name, "qdisc", "del", "dev", "daemon", "root")
		return
	}
	nothing := []string{"root", "tbf", "rate", "8bit", "burst", "1", "limit", "1"} // no packet is so small
	tc(slices.Concat([]string{"qdisc", "add", "dev", n.outside}, nothing)...)
	tc(slices.Concat([]string{"-netns", n.name, "qdisc", "add", "dev", "daemon"}, nothing)...)
}

package amiclient

import (
	"net"
	"syscall"
)

// A recordConn has the kernel send what each Write gives it in packets of its
// own (MSG_EOR: it closes the socket buffer to later bytes). So a TLS record that
// fits into a packet arrives whole, however many wait behind it.
type recordConn struct {
	*net.TCPConn
	fd syscall.RawConn
}

// keepRecords returns nc with that property, if it can be had.
func keepRecords(nc net.Conn) (_ net.Conn, ok bool) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc, false
	}
	fd, err := tcp.SyscallConn()
	if err != nil {
		return nc, false
	}
	return &recordConn{tcp, fd}, true
}

func (c *recordConn) Write(p []byte) (n int, err error) {
	for n < len(p) {
		var sent int
		var failed error
		err := c.fd.Write(func(fd uintptr) (done bool) {
			for {
				sent, failed = syscall.SendmsgN(int(fd), p[n:], nil, nil, syscall.MSG_EOR|syscall.MSG_NOSIGNAL)
				if failed != syscall.EINTR {
					return failed != syscall.EAGAIN
				}
			}
		})
		if err == nil && failed != nil {
			err = &net.OpError{Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: failed}
		}
		if err != nil {
			return n, err
		}
		n += sent
	}
	return n, nil
}

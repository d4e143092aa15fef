package amisim

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"
)

// overTLS logs in to a server that speaks TLS with a certificate of its own.
func overTLS(t *testing.T) *client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}})
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true}) // the test is about records alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &client{t, conn, bufio.NewReader(conn)}
	if _, err := c.r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c.send("Login", "Username: "+s.Users()[0].Name, "Secret: "+s.Users()[0].Secret, "Events: off")
	c.want("Response: Success\r\nMessage: Authentication accepted\r\n\r\n")
	return c
}

// Records longer than 1024 bytes stall until the client writes again, as with real servers.
func TestServer_TLSRecords(t *testing.T) {
	c := overTLS(t)
	const ping = "Action: Ping\r\nActionID: p\r\n\r\n"
	if _, err := io.WriteString(c.conn, strings.Repeat(ping, 50)); err != nil {
		t.Fatal(err)
	}
	for range inputSize / len(ping) {
		if got, err := c.read(); err != nil || !strings.HasPrefix(got, pong) {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	c.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if got, err := c.read(); err == nil {
		t.Fatalf("got %q before the next record", got)
	}
}

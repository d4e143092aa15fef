// Package amiclient speaks Asterisk's manager interface (AMI).
//
// It has three layers, each usable alone: the codec (Reader, Action), one
// connection (Conn, which stays broken once it broke), and a client that keeps
// one (Client). It needs nothing but the standard library.
//
// Nothing reaches the wire unchecked: Action.Append is the only way to bytes,
// and it refuses what Asterisk would refuse, cut short or silently change, and
// the malformed NOTIFYs that crash a live server.
package amiclient

// Package amisim is a simulated Asterisk: an AMI server on a real TCP socket, with virtual phones behind it.
//
// The quickstart and rehearsals run against it, and so do the tests, which can tell it to misbehave (see [Fault]). What
// it says on the wire is what real servers say: the conformance table of package amitest runs against this server and
// against real Asterisk 16 and 22 alike.
//
// Names of C files and functions in comments are places in Asterisk's own source, where the behaviour comes from.
package amisim

// Package amievent gives the events of AMI types: what phones and contacts do,
// device states, authentication, user events, and the server's own comings and
// goings. It needs package amiclient and the standard library.
//
// Parse makes a typed event of a message; Receive ranges over those of a
// subscription. Every typed event embeds its message, so nothing is lost: what
// has no field is reached by Get, and an event without a type of its own is an
// *Other. A value that cannot be read leaves its field zero, and its text in the
// message. Words of the server, such as a DeviceState, stay as they came, also
// those that this package has no constant for.
//
// The types have the fields of Asterisk 12 and later. Names of C files and
// functions in comments are places in Asterisk's own source, where the fields
// come from. The server sends an event only to users who have its class in
// manager.conf's read; amiclient.Filter turns on the classes needed.
//
// # What can be trusted
//
// Asterisk escapes nothing in events. Text from outside that holds CR LF, such
// as a caller's name or the body of a SIP MESSAGE in an argument of the dialplan,
// adds headers to the event, or ends it and begins another, of any name and with
// any Privilege line. So no event proves anything by itself:
//
//   - What stands before such text is the server's: its first headers. The
//     methods Privilege, Timestamp and SystemName look there and nowhere else,
//     and of a repeated header the fields have the first.
//   - A UserEvent shows only its own headers by Get, Values, All and Headers. The
//     channel's are in its field Channel, and neither can stand in for the other.
//   - An ActionID is secret until it was used: it is drawn at random for each
//     connection. A user event with the ActionID of one's own is one's own, unless
//     somebody who reads class user repeats it.
//
// Where a mistake would cost something, take an event as a reason to ask: the
// answer to an action cannot be forged so. And show text of events only through
// something that neutralises control characters.
package amievent

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
// Asterisk escapes nothing in events. Text from outside that holds a line end adds
// headers to an event, or ends it and begins another message, of any name and with
// any Privilege line. It comes from arguments of dialplan applications, and
// straight from the network: the user part of a SIP URI may have %0A in it, which
// PJSIP and chan_sip decode. That of From stands in AccountID of security events,
// even if nobody knows the sender (36 bytes of it with PJSIP), and in CallerIDNum
// of every event with a channel; that of the Request-URI in Exten. So it is with
// Asterisk 16.28 and 22.10. For a program that acts on events it follows:
//
//   - Have the server send no classes but those needed. A connection whose events
//     cause something should not read security or call: a message forged in one
//     class may pretend to be of any other. Class user has the callers' text in it,
//     too, if the dialplan raises user events.
//   - No event proves anything by itself. Where a mistake would cost something, take
//     it as a reason to ask: an action's answer has the ActionID, which nobody can
//     guess.
//
// What this package does about it:
//
//   - What stands before such text is the server's: its first headers. The
//     methods Privilege, Timestamp and SystemName look there and nowhere else,
//     and of a repeated header the fields have the first.
//   - A UserEvent shows only its own headers by Get, Values, All and Headers. The
//     channel's are in its field Channel, and neither can stand in for the other.
//   - ConfirmationOf tells which user event of one's own an event is about, by the
//     id that it was sent with.
//   - An ActionID drawn by amiclient is secret until it was used. A user event that
//     has that of one's own answer is one's own, unless somebody who reads class
//     user repeats it.
//
// Show text of events only through something that neutralises control characters.
package amievent

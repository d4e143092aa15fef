// Package amiclient speaks Asterisk's manager interface (AMI). It needs nothing
// but the standard library.
//
//	conn, err := amiclient.Dial(ctx, amiclient.Config{Address: "pbx:5038", Username: "notifyrun", Secret: secret})
//	…
//	phone, err := amiclient.PJSIPShowEndpoint{Endpoint: "1001"}.Do(ctx, conn)
//
// # Three layers
//
// Each is usable alone:
//
//   - [Reader] and [Action] are the codec: messages from any stream, such as a
//     recording or a connection of one's own, and actions to bytes.
//   - [Conn] is one connection, logged in by [Dial]. It stays broken once it
//     broke. For a program that does its work and ends, and for whoever has to know
//     which connection an action went by.
//   - [Client] keeps a connection: it dials when an action needs one, and anew after
//     a loss. It repeats no action. For a program that runs on; [Client.Keep] is
//     for one that also wants events.
//
// Conn and Client are both a [Doer], which all typed actions take. Both may be used
// from many goroutines.
//
// # Actions
//
// An action is a struct named as Asterisk names it. Its method Do, or List where
// Asterisk answers with a list, does it and returns a typed result. One that has
// fields embeds its [Message]: whatever has none is reached by Get. Method Action returns
// it in AMI's form, for [Conn.Go] and [Action.Check]. What cannot be read never
// fails a result: its field is zero, its text in the message.
//
//	PJSIP        PJSIPNotify, PJSIPQualify, PJSIPShowContacts, PJSIPShowEndpoint, PJSIPShowEndpoints,
//	             PJSIPShowRegistrationInboundContactStatuses; Contacts, AllContacts, Reachable
//	chan_sip     SIPNotify, SIPPeers, SIPShowPeer
//	calls        CoreShowChannels, Originate
//	states       DeviceStateList, ExtensionStateList
//	voicemail    MailboxCount, MailboxStatus, VoicemailRefresh, VoicemailUserStatus, VoicemailUsersList,
//	             MWIDelete, MWIGet, MWIUpdate
//	events       AddFilter, DialplanUserEvent, Events, UserEvent
//	the server   Command, CoreSettings, CoreStatus, ListCommands, ModuleCheck, Ping, Reload
//	the session  Challenge, Login, Logoff
//
// Every other action is an [Action] of that name, done by the Do or List of a Doer.
// [Conn.Capabilities] tells which actions there are, and what to do about one that
// is missing.
//
// Nothing reaches the wire unchecked: [Action.Append] is the only way to bytes, and
// it refuses what Asterisk would refuse, cut short or silently change, and the
// malformed NOTIFYs that crash a live server. Line ends cannot be smuggled in.
//
// # Pipelining and order
//
// Asterisk runs the actions of one connection one after the other and answers in
// order. [Conn.Go] queues an action without waiting for the answers before it, up to
// [Config].MaxInFlight (default 64); actions that are queued while others are being
// written leave together. A slow action delays those behind it: give an Originate
// without Async, or a long Command, a connection of its own.
//
// An answer must belong to the oldest action in flight. If it is a later one's, an
// answer was lost, and the connection breaks with [ErrProtocol]. If nothing is
// answered for [Config].Timeout the connection breaks with [ErrTimeout], so that a late
// answer meets nobody. A ctx that ends while an action is in flight ends the wait
// only: the connection goes on.
//
// # Events
//
// [Conn.Subscribe] and [Client.Subscribe] have the server send the classes that a
// [Filter] needs and return a [Subscription]; before the first, events are off. Package
// amievent makes typed events of its messages. With [Config].FilterEvents the server sends
// of these classes only the events that are named. No consumer delays the socket: one
// that is slow loses events, and a [MissedError] says how many and where. On a Client
// it also says that a connection was lost in between, and on the first connection
// that nothing is known from before: that is the moment to ask for the state that the
// events are to keep up to date.
//
// Events hold text of strangers with its line ends as they are. By a SIP request
// alone, without a password, or by a call, anybody may forge headers and whole
// messages in those of class security and call, and of class user if the dialplan
// raises events with text of callers; so it was seen on Asterisk 16.28 and 22.10.
// A forged answer matches no action, whose ids are drawn at random unless Go is given
// others; but a forged Shutdown ends the connection. So have no classes sent but
// those needed, take events of these classes on another connection than the one that
// sends, and do by an event nothing that an answer could not confirm. See package
// amievent.
//
// # Errors
//
//	FieldError     not sent: the action would be refused, changed or do harm. Correct it as Advice says
//	ConnError      no answer. Not Written: Asterisk cannot have seen it, so it may be tried again. Written:
//	               nobody knows whether it was done; look, or repeat only what may happen twice
//	ResponseError  refused by Asterisk; its Kind is what errors.Is compares with
//	MissedError    of a Subscription: ask for the state anew, and go on
//
// What to do about those that errors.Is finds:
//
//	ErrAuth             correct the user, the secret, or permit and deny in manager.conf; a Client does not try again by itself
//	ErrLoginInUse       end the other session, or set allowmultiplelogin = yes
//	ErrNotAMI           the address is that of another service
//	ErrTimeout          Asterisk hangs, or the network; a Client dials anew for the next action
//	ErrProtocol         the stream cannot be trusted any more; likewise
//	ErrShuttingDown     Asterisk restarts; likewise, and Dial waits until it has loaded its modules
//	ErrClosed           we closed it ourselves
//	ErrPermission       give the user the write class that the text names, and connect anew
//	ErrUnknownAction    load the module that the text names, or do without in this version
//	ErrUnknownEndpoint, ErrUnknownMailbox, ErrUnknownModule, ErrUnknownOption
//	                    there is none of that name
//	ErrNoContact, ErrNoAddress
//	                    the phone is not registered: try again when it is
//	ErrNoDialog         the call has ended
//	ErrCallFailed       nobody answered, or there was no way to call
//	ErrBusyServer       nothing was done: try again later
//
// Errors and logs never hold the Config's Secret, and a FieldError holds no value at
// all. What they quote of the server, which may repeat what it was sent, is bounded
// in length and free of control characters.
//
// # TLS
//
// With [Config].TLS certificates are verified unless it says otherwise. Asterisk reads
// TLS in a way that leaves data lying: a record must not hold more than 1024 bytes nor
// end within a line, and one that arrives in parts makes it close the connection. So
// records are made that small, and on Linux each travels in a packet of its own. On
// other systems, and through a DialContext that returns no *net.TCPConn, no more than
// 1024 bytes of actions are in flight over TLS, or one larger action: some five
// NOTIFYs. On a link with delay that costs speed, and nothing else.
//
// # Limits
//
// Asterisk's own, which Append holds: 1022 bytes a line, 128 lines an action, 64 bytes
// an ActionID. Those on what a server may send, so that a hostile one cannot fill the
// memory: a greeting of 200 bytes, 1 MiB a line, 16 MiB and 100,000 headers a message,
// 16 MiB of what PJSIPShowEndpoint tells.
// For a consumer that is slow there wait up to 64 MiB of a list, then the list ends with an
// error; and 4096 events (Filter.Buffer) of up to 64 MiB together, then more are
// counted and dropped.
//
// # Goroutines
//
// A Conn has two, one that reads and one that writes; they end when it breaks or is
// closed, and then every action in flight has ended with a ConnError. A Client has
// none of its own: Keep runs in the caller's. The done function of Go is called
// exactly once, by the goroutine that reads or that breaks the connection, so it must
// not block, nor call Go or Do.
package amiclient

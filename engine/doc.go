// Package engine decides what is to be sent, when, to whom, and what an answer
// means. It formats nothing for people, opens no socket and no file, and knows
// no HCL syntax: it takes a schema.Config, a State and the time, and gives a
// Plan; it takes runs and drives them over Senders into a Ledger.
//
// A run is one firing of one job over all its targets, a delivery is one
// target of a run, an attempt is one AMI action sent for a delivery:
//
//	            claim, fsync        Asterisk: Success
//	pending ───────────────► in_flight ─────────────► accepted
//	 │   ▲                    │  │  └─── Error ─────► rejected
//	 │   └── bytes never left ┘  └─ lost after send ► unknown ──(on_unknown = "resend")──► pending
//	 ├─ nobody would hear it ───────────────────────► skipped
//	 └─ no longer in the configuration ─────────────► canceled
//
// What a crash leaves: a pending delivery is pending; one in flight becomes
// unknown, because its bytes may have left; all others are final already.
package engine

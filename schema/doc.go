// Package schema turns configuration files into typed, checked values that know
// where they stand. It words every message about a configuration, and it knows
// nothing of the network, of AMI, of time or of what was sent before.
//
//	Open ─► Source ─► Load ─► Config ─► Job.Message, Job.Event, Job.Revision
//	                    │         └─► Job.When ─► Job   (as it is when something fires it)
//	                    └──► Snapshot ─► Source        (to evaluate it again elsewhere)
//
// The language is HCL over cty, as in Terraform: what is declared refers to each
// other in any order, over all files of a directory. A Load goes through phases,
// each of which reports all mistakes that it finds: parse (parse.go), decode
// (block.go), give the variables their values (values.go, variable.go), check and
// follow references (references.go), evaluate the jobs (job.go and what they
// consist of).
//
// Three things are left to cty and take no special cases here. A sensitive value
// is marked, and so is all that is derived from it; it comes out as a Text that
// does not print. What is known only when a job fires is an unknown value, until
// When evaluates the job again in a scope that has trigger.*. And a message is
// evaluated once for each target, in a scope that has it as target.*.
//
// What an event says comes from outside. It enters as plain values that are never
// parsed, and only those headers do to which an expression refers.
//
// Text is Unicode, and cty normalizes it (NFC): a letter with a combining accent
// reaches a phone as the one letter.
package schema

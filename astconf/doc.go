// Package astconf reads configuration files of Asterisk, such as
// pjsip_notify.conf, and finds in them what Asterisk does: its comments and
// escapes, its templates, its includes, and its limits (main/config.c). It knows
// nothing of what a section is for.
//
// It never executes anything, and it bounds what it reads: files come from people.
// Sections and variables come in the order in which Asterisk keeps them, and each
// knows where it is written. What Asterisk refuses is an error; what it passes
// over with a line in its log, or what does not do what it seems to, is a warning.
package astconf

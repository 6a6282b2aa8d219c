// Package load is what servers are put under while they fail: writers that append as fast as they are
// answered, with producer and seq, with keys, or with neither, and tails that break off and resume. Where
// they connect is a Dialer's choice: one server, or one of several. Every answer goes into a ledger.
package load

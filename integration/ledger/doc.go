// Package ledger keeps what was asked of a server and what it answered, outside of that server, and
// checks it against the log.
//
// An append is named by (client, n); its bytes follow from the seed, so that millions cost a few
// words each. What an index holds is learnt from confirmations, tails and reads alike; whoever says
// otherwise later is a violation. Check goes over the log once: nothing lost, doubled, reordered,
// altered, no gap, nothing foreign.
package ledger

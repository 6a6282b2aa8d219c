// Package sim runs clusters of logserver/order in virtual time: several Cores as they
// are, each with a real segment store on a disk in memory, on a network that delays,
// drops, repeats, reorders and partitions, with clients that append, retry and ask. In a fourth of the
// clusters there are more nodes than replicas: blobstore/placed, as it is, places content there, and a node
// fetches what it owns and hasn't got. All that happens follows from a seed. It is for tests.
//
// What it checks, while a run goes on and at its end, when all faults are healed:
//
//   - two nodes that have decided the same Raft entry have the same chain there;
//   - an order frame, or a decided one, is never stored before the content that goes together with it;
//   - what is acknowledged of placed content is on as many disks as its commit level says; when everything
//     is healed, each batch is on the disks of all its owners, unless one disk was enough and that was lost;
//   - what was acknowledged has the index that was told, on every node, and its bytes;
//     nothing is there twice, what was refused is not there at all, and an append that
//     was sent after another was acknowledged comes behind it;
//   - a head that was told is not behind what was acknowledged before it was asked for,
//     nor ahead of what there is;
//   - when everything is healed all nodes come to the same state, and go on;
//   - every disk, whose files turn while everything is under way, passes logserver/check; a
//     node that starts from a checkpoint, made at any moment, comes to the state that the
//     checkpoint frames behind it say.
//
// A Spoil takes one guarantee away, so that a test can see that the checks find it out.
package sim

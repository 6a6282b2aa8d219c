// Package placed says which nodes are to get the content of the batches that one node takes, and when enough
// of them have it. It is a pure state machine: without goroutine, clock, socket or random number. It takes the ring,
// ticks and answers in and gives what is to be sent out; the server runs it, and so does the simulator.
//
// # A batch
//
// Begin takes a batch. Its owners on the ring are to be sent its content ([Placer.Send]), the node itself too, which
// then has to flush it, as the others do. Who has flushed it answers ([Placer.Held]), once for each batch. When as
// many have as are needed, the batch may be proposed, and names them as its holders ([Placer.Holders]); until then nothing of
// it was ordered, and it can be refused. Proposed says that it was: from then on the rest is made sure of,
// so that all owners get it.
//
// An owner that hasn't answered within Patience is replaced by the next on the ring that does as well for zones and
// regions ([ring.Ring.Replace]). It counts all the same if it answers later. No node is sent the same batch twice:
// links send again what was not received, and who has started anew in between has its turn with the next batch.
//
// A node that was silent is left out of the batches that begin within Shun ticks, unless there are too few others.
// What it owns and doesn't get so, it fetches when it is back; that is not done here.
//
// # What is promised
//
//   - Holders are members of the ring that were sent the batch and have answered, each once, and no fewer than
//     needed.
//   - At no time more nodes are waited for, or have answered in time, than the ring wants replicas.
//   - What isn't held by enough within GiveUp is given up; what was proposed is let go when all replicas are there,
//     when nobody is left to be asked, after Age, or when what goes on is more than Batches or Bytes, the oldest first.
//   - The same calls give the same answers.
//
// # What is left to others
//
// Keeping the content as long as Over hasn't given the batch back, sending, flushing, answering, proposing in
// order; how many replicas a commit level needs; fetching and moving.
package placed

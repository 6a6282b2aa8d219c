// Package order puts appends into their final order: it is Raft, and behind it
// apply, which decides every append and remembers what it must for deciding the
// next ones. It has no goroutine, clock, socket, file or random number; it takes
// proposals, times and completed flushes in and gives frames to flush and
// decisions out. The same inputs give the same bytes, on every node and again
// after a restart.
//
// # Running
//
// One goroutine owns a Core. It restores it (LoadCheckpoint, LoadKey and
// LoadOutcome, then ReplayOrder, ReplayState and ReplayDecided for every frame
// behind the checkpoint, in their order), calls Start, and from then on, after
// Start and after each Propose:
//
//	for {
//		r, ok := core.Ready()
//		if !ok {
//			break
//		}
//		// flush what r holds: order frames, the state frame, the decided frame
//		if err := core.Advance(decided); err != nil {
//			// fatal
//		}
//	}
//
// Nothing may be proposed, read or confirmed before Serving reports true: by then
// an entry of the current Raft term, and this start's incarnation, have been
// applied. A Core that is alone comes to it within that loop.
//
// Every error but ErrNotServing and ErrProposal is fatal: the Core stays as it is,
// repeats the error, and the process has to recover from what it flushed. A panic
// inside Raft becomes such an error.
//
// # Frames
//
// A proposal is an envelope (envelope.go) inside a Raft entry, which an order
// frame carries (frame.go). A state frame is Raft's term, vote and commit. Of order
// frames the last one wins: one with Raft index i cancels all before it with an
// index of i or more, whatever their terms.
//
// A decided frame is a list of decided records (record.go), one for each Raft
// entry, empty ones too. A record holds everything that the decision changed, so
// that replaying records gives the same state as deciding anew; live and in replay
// the state is changed by the same code (install.go). Each record is chained:
// chain = SHA-256(chain ‖ record). Records ride along with the next flush.
// Entries beyond the last flushed record are decided again after a start, which
// gives the same records.
//
// Where a file of the stream ends and the next begins, Turn gives the payloads of two more
// frames. A seal (seal.go) repeats the records of its file and has those that no decided
// frame has. A checkpoint frame (opening.go) is a Checkpoint's State without its rows: with
// it a file can be understood, and checked, without the ones before.
//
// All of these, the checkpoint and its rows begin with a version byte. What this
// version doesn't know is an error, never skipped.
//
// # What is remembered
//
// All windows are counted in order, never in time, and their sizes are cluster
// state, like everything that decides.
//
//   - Producers, the last number each has used up. When there are too many, the one
//     whose number was used up longest ago is forgotten; answering a duplicate or a
//     gap is not a use.
//   - Outcomes of the last numbered appends of all producers, in runs of like ones.
//   - Keys of the last keyed appends, by a hash of log and key.
//
// A checkpoint's State has all of the state except keys and outcomes, which are rows
// under a running number; see Checkpoint.
//
// # What is left to others
//
// Contents, places, reading, answering; flushing frames as one batch, content
// before or with its order; handing frames back in their order.
package order

// Package order puts appends into their final order: it is Raft, and behind it
// apply, which decides every append and remembers what it must for deciding the
// next ones. It has no goroutine, clock, socket or file, and no random number but
// those that Raft draws for its election time-outs; it takes proposals, messages,
// ticks and completed flushes in and gives frames to flush, messages and decisions
// out. The same inputs give the same decisions, on every node and again after a
// restart.
//
// # Running
//
// One goroutine owns a Core. It restores it (LoadCheckpoint, LoadKey and
// LoadOutcome, ReplayOrder for what the checkpoint has Ordered, then ReplayOrder, ReplayState
// and ReplayDecided for every frame behind the checkpoint, in their order), calls Start, and
// from then on, after Start and after each Propose:
//
//	for {
//		r, ok := core.Ready()
//		if !ok {
//			break
//		}
//		// flush what r holds: the decided frame, the state frame, order frames;
//		// contents that came from others in front of them
//		if err := core.Advance(decided); err != nil {
//			// fatal
//		}
//	}
//
// Nothing may be proposed, read or confirmed before Serving reports true: by then
// an entry of the current Raft term, and this start's incarnation, have been
// applied. A Core that is alone comes to it within that loop.
//
// Every error but ErrNotServing, ErrBusy, ErrProposal, ErrMembers and ErrMessage is fatal: the Core stays as it is,
// repeats the error, and the process has to recover from what it flushed. A panic
// inside Raft becomes such an error.
//
// # Several nodes
//
// A Core that isn't alone also gets Tick every tenth of a second and Step with each
// message of another node; what Messages returns is sent after each of these, after
// Ready, for what may leave while it is flushed, and after Advance. Before Ready, Early decides
// what is committed of what was flushed already, so that it need not wait for what came since.
//
// Content goes with its order, or before. Together: who proposes a batch sends its content to all others
// (MessagePut) and says so to nobody; Options.Has tells the Core whether content is here,
// and Arrived that some has come. What is ordered before its content is here is not stored,
// nor acknowledged, but waits (content.go), and the content is asked for (MessageWant). Placed
// (Proposal.Place): some nodes have flushed the content (MessageHold, MessageHeld) before the batch is
// proposed, which names them; its order is stored with or without content. Each batch says itself
// which of the two it is. Decided records are pulled without the contents of what is placed, and, where there are more
// members than replicas, of the rest; what of it belongs here (Options.Owns, Decision.Owned) is fetched behind.
//
// A proposal is numbered by node, incarnation and seq, and handed to one leader after
// the other until it is decided (handover.go). Apply takes a node's next number only, so
// it is done once; a newer incarnation ends an older one. Raft's own forwarding isn't
// used, since it drops silently.
//
// Heads are told after a Read (readindex.go), by the leader too.
//
// Who is too far behind for the entries that the leader still has gets a snapshot, which
// is (index, term, members, chain) and nothing more, and pulls what was decided up to there
// from any member as decided records (pull.go, pulled.go). Pulled records are flushed like own ones;
// with each piece Raft's log is made to begin behind it, so that a crash in between loses
// nothing that was acknowledged.
//
// Members are changed by Join, Leave and Replace, on the leader (members.go, manage.go,
// replace.go): in joint consensus, newcomers copy until they have caught up, and vote when they
// make the number of voters 3, 5 or 7, spread over zones (voters.go). What servers want known
// about nodes (Options.About) is ordered as well (facts.go). A leader whose clock is off hands
// over (clock.go). What a change comes to is decided on a copy before Raft is told;
// one that isn't valid is a recorded no-op.
//
// A node that has started takes part in nothing until the others have told it that it
// has forgotten nothing they know of (probation.go). One that has, because its disk is an
// old copy, or whose newest Raft state is damaged (Distrust), is Faulty.
//
// # Frames
//
// A proposal is an envelope (envelope.go, run.go) inside a Raft entry, which an order
// frame carries (frame.go). A state frame is Raft's term, vote and commit. Of order
// frames the last one wins: one with Raft index i cancels all before it with an
// index of i or more, whatever their terms.
//
// A decided frame is a list of decided records (record.go, item.go), one for each Raft
// entry, empty ones too. A record holds everything that the decision changed, so
// that replaying records gives the same state as deciding anew; live and in replay
// the state is changed by the same code (install.go). Each record is chained:
// chain = SHA-256(chain ‖ record). Records ride along with the next flush.
// Entries beyond the last flushed record are decided again after a start, which
// gives the same records.
//
// Among several nodes there is nearly always something that is ordered, flushed, and not yet
// decided. A checkpoint that is loaded brings it along (Ordered). Records may lie in later files than
// the order that they decide.
//
// Where a file of the stream ends and the next begins, Turn gives the payloads of two more
// frames; Unstored tells before Ready how much room will be needed. A seal (seal.go,
// seal_row.go) repeats the records of its file and has those that no decided frame has. A
// checkpoint frame (opening.go) is a Checkpoint's State without its rows: with it a file can be
// understood, and checked, without the ones before.
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
// before or with its order; handing frames back in their order. Carrying messages, and
// among them the answers to Pull, Want, Fetch and Hold. Saying "unknown outcome" to who doesn't
// want to wait for a proposal.
package order

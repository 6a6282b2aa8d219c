// Package segment is the append-only stream of frames in which a node keeps everything
// that must survive: content, order, decisions. The stream lies in files of a directory,
// its segments; each continues where the one before ends.
//
// What it promises:
//
//   - A batch of frames given to [Store.Append] is there whole or not at all. When Append
//     returns, it is durable: it survives the process and the power.
//   - After a crash, [Open] finds every batch that was acknowledged, in order, and at most
//     one more: the one that was under way. What one Open has shown, every later one shows.
//   - What was damaged is told from what a crash left unfinished. Damage is refused, or
//     found when it is read; it is never served.
//
// How: every frame carries checksums bound to its file and position, so that content
// that looks like a frame is none. A small file, MARK, says after each flush how far the
// stream is durable. Recovery believes it, looks past the first bad frame for anything
// newer, and never writes into a file that it found: it begins a new one, which says
// where the last one ends, and whose rename is its only effect. docs/STORAGE.md has the
// bytes and the rules.
//
// A file that is full ends with a seal and the next begins with a checkpoint, both the
// owner's words; see [Turn]. Beside files that have ended lie tables of the digests of
// their entries, for [Store.Find] alone: they can be lost, and are made by
// [Store.Tabulate].
//
// Damage can be repaired: [Examine] says what is wrong and what can be done about it,
// [Repair.Apply] does it. What is lost is marked where it lay, and everything else keeps
// its place.
//
// It can be copied: [Backup] makes and goes on with a copy, also while a server appends, and
// [Restore] makes a stream of its own of one.
//
// What it leaves to others: what the frames mean, when to append, and who may. One
// caller at a time appends, reserves, idles and closes; reading and scanning go on beside it.
package segment

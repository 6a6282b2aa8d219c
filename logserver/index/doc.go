// Package index is the disposable index of a node: where each entry of each
// log lies, and the checkpoint from which a start goes on.
//
// It holds one [Row] for a log and a batch run: the indices First to
// First+Count-1 of a log, the ordinal of the first of them in its batch, the
// batch's time and place. Rows are added in memory when a batch has been
// committed ([Index.Add]) and are visible at once; they are written behind, in
// one large bbolt transaction with a [Checkpoint] ([Index.Flush]). Everything
// here can be made anew from decided frames, so nothing here is ever waited
// for by an answer.
//
// Content that is on other nodes only has rows, too: their place is none, and [Index.Away]
// says what is known of where it is. When it has come, [Index.Moved] says where it lies.
//
// # What it promises
//
// A row that it returns is the row that was added: never another, an altered,
// or one of another file; and never is one left out. It says [ErrBroken]
// instead, and then the file is gone at the next [Open], which says so by
// [Index.Rebuilt]. No damage to the file makes it panic.
//
//   - Each row carries a CRC-32C over a salt of the file, its key, and its
//     value. A log's rows have no gap, and the checkpoint names the first and
//     last written index of each log, so a missing row is noticed as well.
//     Windows and the checkpoint are checked the same way.
//   - Before bbolt sees a file, its meta pages, free list, branch pages and, up
//     to 64 MiB, leaf pages are checked ([examine]): a page in two places, or a
//     branch that leads back to itself, would make bbolt overwrite what is in use,
//     or recurse until the stack ends, which no recover can stop. In files up
//     to that size every row is read too.
//   - Calls of bbolt are guarded against panics and against faults of its
//     mapping (a file truncated while it is open).
//
// What remains: a branch page of a file that was sound when it was opened, and
// rots while it is open into a circle, may end the process. The next start
// finds it.
//
// # Durability
//
// The index may be lost, but not be wrong after a power cut; so bbolt flushes
// as it always does: pages, then the meta page that refers to them. Its free
// list is written too (NoFreelistSync is off): the list is short here, since
// rows are only ever added, while finding it anew would read the whole file at
// each start, in a goroutine of bbolt's that nothing guards.
//
// # What it leaves to others
//
// To say what is decided, to replay what is not in the checkpoint (adding rows
// that are known already does nothing), to keep [Index.Pending] small (a flush
// needs some 200 bytes of memory a row besides), and to write log lines.
package index

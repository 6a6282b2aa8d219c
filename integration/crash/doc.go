// Package crash drives the real binary through what docs/RELIABILITY.md promises about failures, and
// checks everything afterwards: kills, power cuts, failing and interrupted system calls, full disks,
// ordered stops, and short histories against a model.
//
//	make crash                          the set of each commit, at most four minutes
//	make crash-long HOURS=8             the long one
//	make crash-long HOURS=0.4 PART=Kill one part of it, for as long as fits
//
// The load is writers that append as fast as they are answered, with producer and seq, with keys, or
// with neither, and tails that break off and resume. Every answer goes into a ledger
// (integration/ledger) in this process; the ledger finds what was lost, doubled, reordered, altered,
// refused and yet there.
//
// SEED makes a run again, as far as a race allows. KILLS, CUTS, GAPS, CALLS, FILLS, STOPS, HISTORIES,
// BACKUPS and APPENDS say how often; HOURS bounds the long run, and each part has its share of it. SUMMARY names a file for
// the table of what was tried. A failing run prints its seed and keeps its data.
//
// What a machine can't do (loop devices, mounting, seccomp) is skipped with "not proven here", and
// counted in the summary.
package crash

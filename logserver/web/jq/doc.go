// Package jq runs a program of jq over the lines of a read, in a process that is there for
// nothing else: the program comes from who knows where, and no limit inside a process keeps
// it from taking all memory, or from a built-in that never returns. When a limit is passed
// the process ends, and the server, which reads what it writes, goes on.
//
// Lines without an entry pass as they are. Of an entry, what the program makes of it passes:
// the line itself, byte for byte, where that is the entry unchanged (as of select), and for
// anything else a line with "result" in place of "entry". An entry that the program fails
// on is a line with "error" and "reason".
//
// Program and lines are in hand to hand; what the process tells by its exit code is Ended.
package jq

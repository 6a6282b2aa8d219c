// Package integration holds what tests the binary from outside, each in a folder of its own:
//
//	server    starts, kills and stops a ringlog process in a directory of its own
//	ledger    what was asked of a server and what it answered, and the checks of it against the log
//	crash     kills, power cuts, failing system calls, full disks, ordered stops, under a saturating ledger
//	load      writers and tails that go on over failures, of one server or of several
//	proof     how often each thing is tried, and the table of what came of it
//	chaos     several nodes in network namespaces: partitions, kills, lost and old disks, joining, leaving
//	limits    a full disk, little memory, few file descriptors, a disk that hangs
//	npm       npm's tcp-log-client 4, 5 and 6, unmodified, and the suite of tcp-log-server 6.0.2; AllData's
//	          _put from Node, both ways
//	netcat    OpenBSD netcat, with and without -N, and jq
//	format    docs/STORAGE.md put to the test: a reader in Python that was written from it
//	curl      real curl against HTTP, and what fluent-bit and Vector send
//	page      the page at / in a headless Chromium; `make screenshots` leaves pictures of it in docs/img
//	million   a varied log through `ringlog append` and `ringlog export`, compared byte for byte
//	growth    rates, start-ups, memory and disk as a log grows
//	bench     the same load on ringlog and on its rivals, side by side
//	scripts   what make needs: installing, fuzzing
//
// It is a module of its own: nothing here weighs on who uses ringlog as a library. `make integration`
// builds the binary, installs the rest and runs everything; RINGLOG_BIN names the binary.
package integration

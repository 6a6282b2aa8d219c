// Package integration holds what tests the binary from outside, each in a folder of its own:
//
//	server    starts, kills and stops a ringlog process in a directory of its own
//	ledger    what was asked of a server and what it answered, and the checks of it against the log
//	kill      the kill -9 loop: a saturating ledger, tails that resume, a check after each restart
//	npm       npm's tcp-log-client 4, 5 and 6, unmodified, and the suite of tcp-log-server 6.0.2; AllData's
//	          _put from Node, both ways
//	netcat    OpenBSD netcat, with and without -N, and jq
//	million   a varied log through `ringlog append` and `ringlog export`, compared byte for byte
//	bench     the same load on ringlog and on its rivals, side by side
//	scripts   what make needs: installing, fuzzing
//
// It is a module of its own: nothing here weighs on who uses ringlog as a library. `make integration`
// builds the binary, installs the rest and runs everything; RINGLOG_BIN names the binary.
package integration

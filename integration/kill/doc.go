// Package kill is the kill -9 loop (docs/DESIGN.md, promise "a killed process loses nothing"): writers
// that saturate a server and put every answer into a ledger, tails that are broken off and resumed,
// a server that is killed again and again, also while it starts, and a check after each restart.
//
//	make kill KILLS=50 SEED=7
//
// KILLS is the number of kills (5), SEED makes the same run again as far as a race allows. A failing
// run prints the seed and keeps the server's data.
package kill

// Package wire writes the requests and reads the answers of each system under test, by hand: requests
// are bytes prepared beforehand with a counter patched in, answers are counted rather than parsed. The
// load generator shares two cores with the server, so what it spends is missing there.
//
// Every system gets the same entries (Entry), and does the same for them: an append is answered by the
// server once it has taken the entry in, as durably as it is configured to; a read carries the entries.
package wire

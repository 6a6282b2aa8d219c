// Package npm runs what npm has for this protocol against the real server: the clients that people
// use, unmodified, and the test suite of the server that the protocol comes from. Each folder here
// pins one set of packages; scripts/install puts them under .cache/npm.
package npm

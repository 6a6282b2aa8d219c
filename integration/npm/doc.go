// Package npm runs what npm has for this protocol against the real server: the clients that people
// use, unmodified, and the test suite of the server that the protocol comes from. Each folder here
// pins one set of packages; scripts/install puts them under .cache/npm.
//
// The folders server… are for `ringlog import`: it reads what these servers have written. Versions 6 and 9 get
// a leveldown that comes built.
//
// The folder alldata is another matter: it puts from Node to blobstore/peer and back. Its packages,
// alldata-peer-client-http and alldata-peer-server-http 0.1.0, were not to be had from npm's registry. Where somebody has them,
// ALLDATA_MODULES names the folder in whose node_modules they are; else form.js stands in for them.
package npm

// Package cluster makes a Log one of several that form one: it finds the others, founds a
// cluster with them or joins theirs, keeps links to them, and tells how the cluster is. It is
// what `ringlog serve` does with PEER_PORT; a program that embeds a node uses it the same way.
//
// # Becoming a member
//
// A node that has data is what the data says. One that has none, and knows no peers,
// founds a cluster of its own, to which others come. One that has none and knows peers
// never does: it asks them, one after the other, until one takes it in. Several that begin
// together and are told how many they are (Options.Expect) found a cluster together: the one
// with the least identifier founds it once all others, so many, have said that they leave it
// to that one; each says so to one only, for as long as it runs. Who has nobody to ask can be
// told to found (Node.Found, `ringlog cluster found`), or whom to join (Node.Join, `ringlog cluster join`).
//
// The leader gives a node that joins its number, which no node ever had. A node's
// identifier, in the header of each of its files, is a UUID of version 8 that ends with the
// number in six bytes; the founder's is of version 4, and its number is 1.
//
// # What is said on the peer port
//
// Package peer carries it. Messages are those of package order, and
// one of this package, by which members tell how they do (logserver.Pulse). Calls, with requests and
// results in JSON:
//
//	waiting   who waits to found: its identifier and how many it expects; or its cluster
//	yield     asks a node that waits to leave the founding to the caller
//	join      asks to be taken in
//	status    how the cluster looks from there: Status
//	found     tells a node that waits to found a cluster
//	enter     tells a node that waits to join the cluster of the node at an address
//	owner     who owns a value
//	set       changes a setting
//	leave     tells a node to leave the cluster
//	remove    has a member removed
//	replace   allows an empty node to take the place of a member, under its name
//	lead      has a member lead
//	newest    waits until the node has stored all that was acknowledged anywhere before
//	act       carries out an action that the embedding program has registered
//
// And content over HTTP: POST /_put with {"key":"<its SHA-256>","event":<an entry>} is stored, not ordered: see
// logserver.Log.Put.
package cluster

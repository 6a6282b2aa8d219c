// Package ring says which members of a cluster own content: consistent hashing with virtual nodes
// that knows zones and regions. It is pure. A [Ring] is made from the committed members and settings,
// never changes, and may be used by any number of goroutines; the same members and settings give the
// same owners on every machine and in every order that the members are given in. Placement is cluster
// state: a golden test keeps it from changing by accident.
//
// # The circle
//
// Positions are 64-bit numbers, 0 following the last one. A member has 2048 points on the circle:
// the SHA-256 of "ringlog ring 1", its seat and a counter, eight bytes each (all integers are big
// endian), gives four of them. A digest's position is its first eight bytes; a string's, those of its
// SHA-256, so that a string has the owners that content of the same bytes has. From a position the
// members follow one another by their first points at or behind it: this is the ring order of a
// digest, and the member that comes first is its home.
//
// Consistent hashing is Karger's ("Consistent hashing and random trees", 1997), virtual nodes and
// preference lists are those of Dynamo (DeCandia et al., 2007, 4.2 and 6.2); successor and predecessor
// of a member are Chord's (Stoica et al., 2001), for which a member stands at its first point.
//
// # Owners
//
// The strategy is that of alldata-coordinator, with a digest's home for its local node. Of the
// [Settings.Replicas] owners of a digest,
//
//  1. one is the home,
//  2. OtherZones are in the home's region but in other zones,
//  3. OtherRegions are in other regions,
//  4. and the rest are the members next in ring order, wherever they are.
//
// Each is the first in ring order that will do. Those of 2 and 3 spread: no zone (region) is taken
// twice while there is one that has none. What is not possible, because there is no such member, goes to
// the rest; with too few replicas, zones come before regions. Owners are given in ring order, the
// home first.
//
// Alldata-coordinator puts the rest into the local zone. Here that would move content without need:
// a new member that becomes a digest's home from another zone would bring all the owners with it
// (almost 1.5/n of the content moves with three zones and three replicas, not 1/n). And the loss of one
// zone would take all replicas of a digest where nothing was asked for elsewhere.
//
// # What to expect
//
// At nine members with three replicas a member owns a third of the content give or take 5 % of it, with one
// replica a ninth give or take 8 %: the worst of 300 rings. A member that comes to make n, or goes from n,
// moves 1/n of the content, which is as little as can be, with zones too. Where owners are asked for in other
// regions, or in more zones than there are, homes change sides as well, and about 1.2/n moves. Zones of
// different sizes are filled differently: a zone of one member in which every digest needs an owner has them
// all there.
//
// Members have no weight: nothing in a cluster's configuration tells one.
package ring

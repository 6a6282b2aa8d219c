// Package chaos drives several real nodes through what docs/RELIABILITY.md promises about clusters, and
// checks everything afterwards. Each node is a process of the real binary in a network namespace of its own,
// with certificates of its own; a bridge joins them, and there is no other way from one to another.
//
//	make chaos                          everything, once or a few times, in some minutes
//	make chaos PART=Partition PARTITIONS=100
//	make chaos SEED=7 PART=LeaderKill KILLS=50
//
// What is done: halves, one direction only, a bridge (A–B and B–C, but not A–C), flapping; kill -9 of who
// leads, and of anybody; SIGSTOP and SIGCONT; a disk lost, its node replaced; an old copy of a disk put back;
// joining and leaving; from one node to three and back; restarts in turn.
//
// The load (integration/load) connects to nodes at random, inside their namespaces, so that no fault between
// nodes keeps clients away; probes besides append one entry after the other and go on elsewhere when they hear
// nothing. Every answer goes into one ledger. After a fault healing is waited for. At the end of a round every
// node's log is read in full and held against the ledger and against the others', times and digests included;
// then the nodes are stopped, and `ringlog verify` goes over what each one leaves.
//
// It needs root (for the namespaces) and iproute2. Elsewhere it is skipped with "not proven here"; with CI=true
// that is a failure.
package chaos

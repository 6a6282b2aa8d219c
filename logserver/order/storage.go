package order

import (
	"math"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// storage is what Raft reads its entries from: the newest ones, in memory. Older order
// is in decided records.
type storage struct {
	*raft.MemoryStorage
	retain int64   // bytes of entries to keep
	bytes  int64   // of the entries that are there
	sizes  []int64 // of each, the oldest first
	first  uint64  // index of the oldest

	snapshot func() *pb.Snapshot // of what is decided
}

// entryOverhead is about what an entry takes in memory besides its data.
const entryOverhead = 128

// newStorage holds nothing but where the entries begin: behind index, of that term.
func newStorage(index, term uint64, members *Members, retain int64, snapshot func() *pb.Snapshot) (*storage, error) {
	s := &storage{MemoryStorage: raft.NewMemoryStorage(), retain: retain, first: index + 1, snapshot: snapshot}
	return s, s.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{
		Index: new(index), Term: new(term), ConfState: members.confState(),
	}})
}

// Snapshot returns what another node gets whose next entry isn't here any more.
func (s *storage) Snapshot() (*pb.Snapshot, error) { return s.snapshot(), nil }

// restart forgets all entries: they begin behind a snapshot.
func (s *storage) restart(snapshot *pb.Snapshot) (err error) {
	defer caught(&err)
	s.first, s.bytes, s.sizes = snapshot.GetMetadata().GetIndex()+1, 0, nil
	return s.ApplySnapshot(snapshot)
}

// last returns the index of the newest entry.
func (s *storage) last() uint64 { return s.first + uint64(len(s.sizes)) - 1 }

// beyond returns the entries behind the one with an index, which has a term. If it hasn't, it
// was another leader's, and so is what follows it: none.
func (s *storage) beyond(index, term uint64) (entries []*pb.Entry, err error) {
	defer caught(&err)
	if s.last() <= index {
		return nil, nil
	}
	if t, err := s.Term(index); err != nil || t != term {
		return nil, err
	}
	return s.Entries(index+1, s.last()+1, math.MaxUint64)
}

// append adds entries, in place of those that have the first's index or a later one.
func (s *storage) append(entries []*pb.Entry) (err error) {
	defer caught(&err)
	if len(entries) == 0 {
		return nil
	}
	for at := entries[0].GetIndex(); s.last() >= at && len(s.sizes) > 0; {
		n := len(s.sizes) - 1
		s.bytes -= s.sizes[n]
		s.sizes = s.sizes[:n]
	}
	for _, e := range entries {
		size := int64(len(e.GetData())) + entryOverhead
		s.sizes = append(s.sizes, size)
		s.bytes += size
	}
	return s.Append(entries)
}

// compact forgets the oldest of what is too much, but nothing beyond index. It moves
// what it keeps, so it waits until that is worth it.
func (s *storage) compact(index uint64) (err error) {
	defer caught(&err)
	if s.bytes <= s.retain+s.retain/4 {
		return nil
	}
	first := s.first
	for s.bytes > s.retain && s.first <= index && len(s.sizes) > 0 {
		s.bytes -= s.sizes[0]
		s.sizes = s.sizes[1:]
		s.first++
	}
	if s.first == first {
		return nil
	}
	return s.Compact(s.first - 1)
}

package order

import (
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
}

// entryOverhead is about what an entry takes in memory besides its data.
const entryOverhead = 128

// newStorage holds nothing but where the entries begin: behind index, of that term.
func newStorage(index, term uint64, voters []uint64, retain int64) (*storage, error) {
	s := &storage{MemoryStorage: raft.NewMemoryStorage(), retain: retain, first: index + 1}
	return s, s.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{
		Index: new(index), Term: new(term), ConfState: &pb.ConfState{Voters: voters},
	}})
}

// last returns the index of the newest entry.
func (s *storage) last() uint64 { return s.first + uint64(len(s.sizes)) - 1 }

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

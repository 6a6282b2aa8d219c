package order

import pb "go.etcd.io/raft/v3/raftpb"

// A restored backup is another cluster than the one that it was made of, and has one member: the node that
// was restored. What was ordered and not decided is decided by it alone, as by a leader who has come farthest.

// isolate makes this node the only member of what was restored. Changes of members that were ordered and not decided come to
// nothing: each says which version of the members it is for, and none of them can be for this one.
func (c *Core) isolate() {
	version := c.state.members.Version + 1
	for _, e := range c.restore.entries {
		if e.GetType() == pb.EntryConfChangeV2 {
			version++
		}
	}
	c.state.members = Members{Version: version, Voters: []uint64{c.options.Node}}
}

// Isolate proposes that this node be the only member, where Options.Alone has made it so: whoever reads the records
// learns it then. Members has another version when that is decided. Errors are as with Join.
func (c *Core) Isolate() error {
	return c.proposeMembers(fact{}, change(pb.ConfChangeAddNode, c.options.Node))
}

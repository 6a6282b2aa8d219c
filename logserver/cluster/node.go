package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver"
)

// Node is one node of a cluster: its Log, and its links to the others.
type Node struct {
	options Options
	links   *peer.Links
	log     atomic.Pointer[logserver.Log] // nil: it is not a member yet
	started uint64                        // tells this start from earlier ones

	mu          sync.Mutex // guards the following
	id          uuid.UUID
	cluster     [16]byte             // zero: none yet
	others      map[uint64]About     // members but this one
	moved       map[uint64]string    // addresses that were found to be others than the members were told
	yieldedTo   uuid.UUID            // who may found; zero: nobody was told yet
	replaceable map[string]time.Time // names whose nodes may be replaced, and until when
	founding    bool                 // this node has founded, or is about to
	toldToFound bool                 // by Found
	beats       map[uint64]beat      // how members do
	watch       watch

	seeking chan struct{} // has an element while somebody makes this node a member
	asked   chan struct{} // there is a reason to try that now

	refusals sayings // its own lock

	closing chan struct{}
	workers sync.WaitGroup
	once    sync.Once
}

// ErrInterrupted says that Open was interrupted before the node was a member.
var ErrInterrupted = errors.New("interrupted while looking for a cluster")

// ErrOtherNode is wrapped by Open's error for data of a node of another name.
var ErrOtherNode = errors.New("this is the data of another node")

// Open makes the node a member of its cluster, which may take until another node is up, and
// opens its Log. Errors are those of logserver.Open; ErrInterrupted; ErrOtherNode; and of options that
// can't be.
func Open(o Options) (*Node, error) {
	o = o.withDefaults()
	n := &Node{
		options: o, started: uint64(time.Now().UnixNano()),
		others: map[uint64]About{}, moved: map[uint64]string{}, replaceable: map[string]time.Time{}, beats: map[uint64]beat{},
		seeking: make(chan struct{}, 1), asked: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	lo := o.Links
	lo.Self, lo.Handle, lo.Serve, lo.Admit, lo.Hooks = n.identity, n.handle, n.methods(), n.admit, n.hooks()
	lo.Put, lo.PutOptions, lo.TLS = n.put, o.puts(), nil
	if o.Certificates != nil {
		lo.TLS = o.Certificates.Config()
	}
	n.links = peer.New(lo)
	if err := n.open(); err != nil {
		close(n.closing)
		return nil, errors.Join(err, n.links.Close())
	}
	n.workers.Go(n.keepHouse)
	return n, nil
}

func (n *Node) open() error {
	o := &n.options
	found, err := n.identify()
	if err != nil {
		return err
	}
	n.workers.Go(func() {
		if err := n.links.Run(o.Listener); err != nil {
			o.logger().Error().Err(err).Msg("other nodes can't connect any more")
		}
	})
	joins := found && number(n.id) != 1
	if !found {
		if joins, err = n.becomeMember(); err != nil {
			return err
		}
	}
	about := o.about(n.id)
	lo := o.Log
	lo.Member = &logserver.Member{
		Network: network{n}, Number: number(n.id), Joins: joins,
		Identity: segment.Identity{Cluster: n.cluster, Node: n.id}, About: about.encode(), Zone: zoneOf, Region: regionOf, Pulse: n.Pulse,
	}
	if lo.Member.Known = o.sameName; o.Certificates != nil {
		lo.Member.Expires = o.Certificates.Expires
	}
	log, err := logserver.Open(lo)
	if err != nil {
		return err
	}
	n.log.Store(log)
	return nil
}

// identify finds out who the node is by its data, if it has any.
func (n *Node) identify() (found bool, err error) {
	id, err := logserver.Identify(n.options.Log)
	if errors.Is(err, os.ErrNotExist) {
		n.id = newIdentifier()
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n.id, n.cluster = id.Node, id.Cluster
	return true, nil
}

// Log returns the node's Log.
func (n *Node) Log() *logserver.Log { return n.log.Load() }

// Close ends the node in order: the leadership is handed over, what is under way is ended,
// the Log closed, then the links. Servers are shut down first. It is idempotent.
func (n *Node) Close() (err error) {
	n.once.Do(func() {
		err = n.log.Load().Close() // it still needs the links
		close(n.closing)
		err = errors.Join(err, n.links.Close())
		n.workers.Wait()
	})
	return err
}

// identity is who this node is, for the links.
func (n *Node) identity() peer.Identity {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := peer.Identity{Name: n.options.Name, Incarnation: n.started}
	if n.cluster != [16]byte{} {
		id.Cluster, id.Node, id.Number = n.cluster, n.id, number(n.id)
	}
	return id
}

// handle takes a message of another node.
func (n *Node) handle(from uint64, kind byte, payload []byte) {
	if kind == messagePulse {
		n.hearPulse(from, payload)
		return
	}
	if log := n.log.Load(); log != nil {
		log.Receive(from, kind, payload)
	}
}

// put stores content that another node, or a program of AllData, has put: see logserver.Log.Put.
func (n *Node) put(ctx context.Context, key string, event []byte) error {
	log := n.log.Load()
	if log == nil {
		return errors.New("this node looks for a cluster")
	}
	return log.Put(ctx, key, event)
}

// admit tells whether a node of this cluster may open a link. One that isn't known here may:
// this node may be behind. Whether its messages count, the order judges.
func (n *Node) admit(id peer.Identity) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	known, ok := n.others[id.Number]
	if ok && !sameNode(known.Node, id.Node) && known.Node != (uuid.UUID{}) {
		return fmt.Errorf("node %d of this cluster is %s, not %s: give each node a BLOBS of its own, and never a copy of another's", id.Number, known.Node, uuid.UUID(id.Node))
	}
	return nil
}

// network is how the Log reaches the others.
type network struct{ node *Node }

func (w network) Send(to uint64, kind byte, payload []byte) { w.node.links.Send(to, kind, payload) }

func (w network) Join(others map[uint64][]byte) {
	n := w.node
	n.mu.Lock()
	known := map[uint64]About{}
	for id, b := range others {
		a, err := decodeAbout(b)
		if err != nil {
			n.options.logger().Error().Err(err).Uint64("node", id).Msg("a member can't be reached")
		}
		if a.Address == "" {
			a.Address = n.others[id].Address // as it was told when this node joined
		}
		known[id] = a
	}
	if len(known) > 0 || n.log.Load() != nil {
		n.others = known
	}
	n.mu.Unlock()
	n.connect()
}

// connect has the links be with the others where they are.
func (n *Node) connect() {
	n.mu.Lock()
	peers := map[uint64]peer.Peer{}
	for id, a := range n.others {
		p := peer.Peer{Address: a.Address, Node: a.Node, Name: a.Name}
		if at, ok := n.moved[id]; ok {
			p.Address = at
		}
		if n.options.Certificates == nil {
			p.Name = "" // nobody vouches for it
		}
		peers[id] = p
	}
	n.mu.Unlock()
	n.links.SetPeers(peers)
}

// call asks whoever is at an address.
func (n *Node) call(ctx context.Context, address, method string, in, out any) error {
	return Call(ctx, n.links, address, method, in, out)
}

package cluster

import (
	"cmp"
	"net"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver"
)

// Options say which node this is and where the others are.
type Options struct {
	Log logserver.Options // Member is set by Open

	// Listener is where other nodes connect. Open takes it over.
	Listener     net.Listener
	Certificates *peer.Certificates // nil: plain text, and whoever reaches the port may do everything

	// Name is the node's, Address where the others reach it, Clients where clients do. A
	// name is unique; with Certificates it is theirs.
	Name, Address, Clients string
	Zone, Region           string
	Metadata               map[string]string

	Peers  []string // addresses of well-known nodes: one that is up is enough
	Expect int      // how many nodes found the cluster together, this one included; 0: they don't

	// Actions can be called by name from other nodes: see Node.Act.
	Actions map[string]Action

	// Hooks of the links between nodes. They are told after the log.
	Hooks peer.Hooks

	// Links has the limits and times of the links: how many there may be, what is kept for a node that is away, when
	// silence ends one, how long to wait before the next attempt. What says who this node is and what it does is Open's.
	Links peer.Options

	// Waiting is told, again and again, why the node isn't a member yet and what to do, and at last
	// nothing: it is one. It must return soon; nil: nobody is told.
	Waiting func(reason string)

	Retry        time.Duration // between attempts to find a cluster, 500 ms
	Housekeeping time.Duration // between looks at members and links, 1 s

	Interrupt <-chan struct{} // closed: Open gives up, with ErrInterrupted
}

func (o Options) withDefaults() Options {
	if o.Retry == 0 {
		o.Retry = 500 * time.Millisecond
	}
	if o.Housekeeping == 0 {
		o.Housekeeping = time.Second
	}
	if o.Waiting == nil {
		o.Waiting = func(string) {}
	}
	if o.Certificates != nil {
		o.Name = o.Certificates.Name()
	}
	if o.Address == "" && o.Listener != nil {
		o.Address = o.Listener.Addr().String()
	}
	if o.Name == "" {
		o.Name = nameOf(o.Address)
	}
	return o
}

const (
	aroundEvent = 64 << 10 // bytes that a put may have beside its event
	maxPuts     = 16       // at once: each holds its event in memory
	putsEnd     = time.Second
)

// puts are the limits of what is put over HTTP.
func (o *Options) puts() peer.PutOptions {
	return peer.PutOptions{MaxBody: cmp.Or(o.Log.MaxEntry, 1<<20) + aroundEvent, MaxPuts: maxPuts, CloseTime: putsEnd}
}

// nameOf makes a name of an address: one that other nodes take, so without colons.
func nameOf(address string) string {
	address = address[max(0, len(address)-60):]
	return strings.Trim(strings.Map(func(r rune) rune {
		if peer.CheckName("a"+string(r)) != nil {
			return '-'
		}
		return r
	}, address), "-.")
}

func (o *Options) logger() *zerolog.Logger { return &o.Log.Logger }

func (o *Options) about(id [16]byte) About {
	return About{
		Node: id, Name: o.Name, Address: o.Address, Clients: o.Clients,
		Zone: o.Zone, Region: o.Region, Metadata: o.Metadata,
	}
}

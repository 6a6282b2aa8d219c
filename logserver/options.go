package logserver

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/access"
)

// Options say where a Log lives and what it may use. The zero value of a field
// means its default.
type Options struct {
	Blobs   string // directory of the segments, or "memory"
	Files   fs.FS  // the segments' directory, in place of Blobs, for those who bring their own
	DB      string // file of the index; "", or Blobs "memory": kept in memory
	Segment int64  // size of a segment file in bytes, 256 MiB

	// Keys and Logs only found the cluster: afterwards they are its settings,
	// and Open warns of another value than 0 or those.
	Keys int // keyed appends that are remembered, 1,048,576
	Logs int // logs that may exist, 10,000

	// Settings say how content is placed, by name as order.Placement.With takes them. They, too, only
	// found the cluster; Open, or a member that serves for the first time, warns of other values.
	Settings map[string]string

	MaxEntry     int           // bytes of an entry, 1 MiB, at most 16 MiB
	MaxBatch     int           // bytes of entries gathered into one batch, 1 MiB
	Recent       int           // bytes of encoded lines kept for the tails of all logs, 8 MiB
	MaxUnwritten int64         // bytes of index rows not yet written before appends wait, 64 MiB
	IndexEvery   time.Duration // the index is written behind at least this often, 1 s
	IdleAfter    time.Duration // nothing to do for this long: flush decisions and MARK, 50 ms

	Memory      int64         // bytes for lines, answers, reads of history and recent lines, 256 MiB
	DiskWarning time.Duration // a write that takes longer is warned of, 1 s
	DiskTimeout time.Duration // a write that takes longer fails the log, 30 s

	ScrubRate  int64         // bytes a second that are read to find damage, 8 MiB; less than 0: none
	ScrubEvery time.Duration // from the end of one such reading of everything to the next, a day
	ScrubAfter time.Duration // from the start to the first, a minute

	// Member makes the log one of the nodes of a cluster; nil: it is alone.
	Member *Member

	// Alone makes data of a node of several, which was restored from a backup, that of a node that is alone: the
	// cluster is another one then, and whoever else was a member is none.
	Alone bool

	Interrupt <-chan struct{} // closed: Open gives up with ErrInterrupted; nil: never
	TellEvery time.Duration   // how often Open logs how far it has come, 5 s

	// Progress is called from time to time while Open reads the segments, with the bytes
	// that it has read and that it has to read; nil: never. It must not block.
	Progress func(done, size int64)

	Now    func() time.Time // the clock, time.Now
	Logger zerolog.Logger   // where log lines go; the zero value discards them
}

func (o Options) withDefaults() Options {
	defaults(&o.Segment, 256<<20)
	defaults(&o.MaxEntry, 1<<20)
	defaults(&o.MaxBatch, 1<<20)
	defaults(&o.Recent, 8<<20)
	defaults(&o.MaxUnwritten, 64<<20)
	defaults(&o.IndexEvery, time.Second)
	defaults(&o.IdleAfter, 50*time.Millisecond)
	defaults(&o.Memory, 256<<20)
	defaults(&o.DiskWarning, time.Second)
	defaults(&o.DiskTimeout, 30*time.Second)
	defaults(&o.TellEvery, 5*time.Second)
	defaults(&o.ScrubRate, 8<<20)
	defaults(&o.ScrubEvery, 24*time.Hour)
	defaults(&o.ScrubAfter, time.Minute)
	if o.Member = o.Member.withDefaults(); o.Member != nil {
		defaults(&o.Member.Fetched, int(min(64<<20, o.Memory/4)))
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// ServerOptions are the limits and habits of a Server. The zero value of a
// field means its default.
type ServerOptions struct {
	Echo          bool          // send an unbounded read its own connection's appends too
	MaxConns      int           // connections served at once, 16,384
	MaxUnanswered int           // appends of one connection without an answer before it is not read from, 16,384
	MaxUnsent     int           // bytes of answers not yet taken by a client before it is not read from, 1 MiB
	ReadChunk     int           // bytes of lines that a read gathers before it sends them, 256 KiB
	LineTimeout   time.Duration // half a line, then no progress for this long: dropped, 30 s
	QuietAfter    time.Duration // nothing came for this long: a connection gives memory back, 5 s
	Linger        time.Duration // how long a client may take to notice that it was closed, 1 s
	Patience      time.Duration // how long a read waits for its client before it gives its memory to others, 250 ms
	StopTimeout   time.Duration // how long a stopping server lets a client take what it is still owed, 3 s
	StopGrace     time.Duration // how long it reads lines that are on their way, 50 ms
	LostPause     time.Duration // follows the first line of a read that says that an entry is unavailable: some clients ask again at once, 10 ms
	KeepAlive     time.Duration // idle time before TCP asks whether the peer is alive, 30 s

	// Members tells the addresses ("host:port") at which the cluster's members serve clients, to those who
	// ask; nil, or none: the server is alone. Called by any goroutine, with a connection's lock held: it must
	// not wait.
	Members func() []string

	Guard        *access.Guard        // knows the tokens that are wanted; nil: none is
	Certificates *access.Certificates // for TLS, which is wanted of connections from other machines; nil: there is none
	AllowPlain   bool                 // other machines may do without TLS, unless it is their certificate that lets them in
	AdmitTimeout time.Duration        // how long a connection may take to begin TLS, or say its token, where that is wanted, 5 s
	ShakeTimeout time.Duration        // how long the handshake of TLS may take, 10 s

	// HTTP makes what serves the connections that begin with a request of HTTP; nil: such
	// bytes are a line like any other.
	HTTP func(*Server) HTTP
}

func (o ServerOptions) withDefaults() ServerOptions {
	defaults(&o.MaxConns, 16_384)
	defaults(&o.MaxUnanswered, 16_384)
	defaults(&o.MaxUnsent, 1<<20)
	defaults(&o.ReadChunk, 256<<10)
	defaults(&o.LineTimeout, 30*time.Second)
	defaults(&o.QuietAfter, 5*time.Second)
	defaults(&o.Linger, time.Second)
	defaults(&o.Patience, 250*time.Millisecond)
	defaults(&o.StopTimeout, 3*time.Second)
	defaults(&o.StopGrace, 50*time.Millisecond)
	defaults(&o.LostPause, 10*time.Millisecond)
	defaults(&o.KeepAlive, 30*time.Second)
	defaults(&o.AdmitTimeout, 5*time.Second)
	defaults(&o.ShakeTimeout, 10*time.Second)
	return o
}

func defaults[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

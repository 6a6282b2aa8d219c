package web

import (
	"time"

	"github.com/rs/zerolog"
)

// Options are the limits of a Site. The zero value of a field means its default.
type Options struct {
	Version string // for ringlog_build_info
	Logger  zerolog.Logger
	Guarded bool // not everybody may know everything: a Lobby tells health and no metrics

	// Filter is the command line that runs jq.Main with the program that is put behind it; none:
	// there is no ?jq=.
	Filter []string

	HeaderTimeout time.Duration // from its first byte, how long the head of a request may take, 10 s
	BodyTimeout   time.Duration // no progress of a body for this long: dropped, 30 s
	AnswerTimeout time.Duration // how long a client may take to take an answer that is no read, 30 s
	IdleTimeout   time.Duration // how long a connection may wait between requests, 2 min
	StopGrace     time.Duration // how long a stopping server reads a body that is on its way, 50 ms

	HistoryStep time.Duration // of what /status tells of the last minutes, 1 s

	MaxAtomic     int // bytes of a body that is appended all or none, 8 MiB
	MaxFilters    int // reads with jq at once, 8
	MaxCompressed int // answers that are compressed at once; those beyond are sent plain, 64
}

func (o Options) withDefaults() Options {
	defaults(&o.HeaderTimeout, 10*time.Second)
	defaults(&o.BodyTimeout, 30*time.Second)
	defaults(&o.AnswerTimeout, 30*time.Second)
	defaults(&o.IdleTimeout, 2*time.Minute)
	defaults(&o.StopGrace, 50*time.Millisecond)
	defaults(&o.HistoryStep, time.Second)
	defaults(&o.MaxAtomic, 8<<20)
	defaults(&o.MaxFilters, 8)
	defaults(&o.MaxCompressed, 64)
	return o
}

func defaults[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

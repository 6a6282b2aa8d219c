package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/logserver"
)

// manager is the service manager that has started the process, by the protocol of systemd (NOTIFY_SOCKET,
// WATCHDOG_USEC). Without one, nothing is told.
type manager struct {
	logger   zerolog.Logger
	told     atomic.Int64 // when progress was told, in nanoseconds
	stopping chan struct{}
	ended    chan struct{}
}

const (
	progressEvery = time.Second
	// startExtended is how long a start may take from the last sign of progress on: making the index of a
	// large log anew takes longer than any start-up limit that suits a small one.
	startExtended = time.Minute
	statusEvery   = 5 * time.Second // without a watchdog
)

func newManager(logger zerolog.Logger) *manager {
	return &manager{logger: logger, stopping: make(chan struct{}), ended: make(chan struct{})}
}

// tell sends a message, if there is somebody to send it to.
func (m *manager) tell(format string, args ...any) (there bool) {
	there, err := daemon.SdNotify(false, fmt.Sprintf(format, args...))
	if err != nil {
		m.logger.Warn().Err(err).Msg("cannot tell the service manager (NOTIFY_SOCKET) how things are")
	}
	return there
}

// progress tells how far the opening of the log has come, and asks for the time that it takes.
func (m *manager) progress(done, size int64) {
	m.begins(fmt.Sprintf("opening the log: %d %% read", 100*done/max(1, size)))
}

// begins tells what the start does, and asks for the time that it takes.
func (m *manager) begins(status string) {
	if now := time.Now().UnixNano(); now-m.told.Load() >= int64(progressEvery) {
		m.told.Store(now)
		m.tell("STATUS=%s\nEXTEND_TIMEOUT_USEC=%d", status, startExtended.Microseconds())
	}
}

// serving tells that the server is ready, and from then on how it is, until stop is called.
func (m *manager) serving(server *logserver.Server, addresses string) {
	status := "serving " + addresses
	if !m.tell("READY=1\nSTATUS=%s", status) {
		close(m.ended)
		return
	}
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		m.logger.Warn().Err(err).Msg("WATCHDOG_USEC: want a number of microseconds; there is no watchdog")
	}
	watched := every > 0
	if every = max(every/3, time.Millisecond); !watched {
		every = statusEvery
	}
	go m.watch(every, watched, func() string {
		if err := server.Ready(); err != nil {
			return "not ready: " + err.Error()
		}
		server.Log().Heads()
		return status
	}, status)
}

// watch asks how things are, which takes the locks that serving takes: a server that is stuck doesn't
// answer, and the watchdog ends it. A disk that hangs is no such thing: DISK_TIMEOUT is for that.
func (m *manager) watch(every time.Duration, watched bool, ask func() string, told string) {
	defer close(m.ended)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-m.stopping:
			return
		}
		status := ask()
		if watched {
			m.tell("WATCHDOG=1")
		}
		if status != told {
			m.tell("STATUS=%s", status)
			told = status
		}
	}
}

// stop tells that the server is about to stop. It is called once, after serving, and before wait: a
// server that is stuck must not keep from stopping.
func (m *manager) stop() {
	m.tell("STOPPING=1\nSTATUS=stopping")
	close(m.stopping)
}

// wait waits until nobody asks any more how things are.
func (m *manager) wait() { <-m.ended }

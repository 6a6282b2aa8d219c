package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/cluster"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/web"
)

const (
	stopLimit    = 10 * time.Second // an ordered stop ends within
	logBuffer    = 1 << 20          // bytes of log lines that wait for a slow reader
	logPatience  = time.Second      // how long the last log lines may take
	minimalClose = 2 * time.Second  // of stopLimit, what is kept for closing the log
)

func newServe() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve a log (the default)",
		Long:  "Serve a log. The environment configures it: `ringlog config` prints every variable.",
		Args:  noArgs,
		RunE:  runServe,
	}
}

func runServe(cmd *cobra.Command, _ []string) error {
	config, err := loadConfig()
	if err != nil {
		return err
	}
	security, err := config.secure()
	if err != nil {
		return err
	}
	lines := newLogWriter(os.Stdout, logBuffer)
	defer lines.Close(logPatience)
	zerolog.TimeFieldFormat = time.RFC3339Nano
	logger := zerolog.New(lines).Level(zerolog.Level(config.LogLevel)).With().Timestamp().Logger()
	if fs.NoSync {
		logger.Warn().Msg("built without flushes (nosync), for tests: a power cut loses what was acknowledged")
	}
	for _, unknown := range unknownVariables() {
		logger.Warn().Msg(unknown)
	}
	limitHeap()
	signals := catchSignals()
	defer signals.stop()
	kept := security.keep(logger, signals.again)
	defer kept.stop()
	return serve(cmd.Context(), config, security, logger, signals)
}

// serve opens the log and serves it until a signal or a failure of the disk.
func serve(ctx context.Context, config *Config, security *security, logger zerolog.Logger, signals *signals) error {
	// The port first: when it is taken, the data stays untouched.
	listeners, err := listen(config)
	if err != nil {
		return err
	}
	config.warnOfExposure(listeners, logger)
	pages := web.Options{Version: buildVersion(), Logger: logger, Filter: filterCommand(), Guarded: config.guarded()}
	conns := connectionLimit(int(config.MaxConns), logger)
	lobby := web.NewLobby(pages, conns, listeners...)
	defer lobby.Close()
	manager := newManager(logger)
	began := time.Now()
	log, node, err := openLog(config, security.peers, listeners[0].Addr(), logger, signals.stopping, opening{
		progress: func(done, size int64) {
			lobby.Progress(done, size)
			manager.progress(done, size)
		},
		waiting: func(reason string) {
			lobby.Waiting(reason)
			manager.begins("waiting for a cluster")
		},
	})
	if errors.Is(err, logserver.ErrInterrupted) || errors.Is(err, cluster.ErrInterrupted) {
		logger.Info().Err(err).Msg("stopping; the next start goes on")
		return nil
	}
	if err != nil {
		return err
	}
	so := logserver.ServerOptions{
		Echo: bool(config.Echo), MaxConns: conns, HTTP: web.Handler(pages),
		Guard: security.guard, Certificates: security.certificates, AllowPlain: bool(config.Insecure),
	}
	if node != nil {
		so.Members = node.Clients
	}
	server := logserver.NewServer(log, so)
	served := serveAll(server, lobby.Open())
	logger.Info().Str("version", buildVersion()).Str("address", addresses(listeners)).
		Dur("started_ms", time.Since(began)).Msg("serving")
	manager.serving(server, addresses(listeners))

	select {
	case <-signals.stopping:
		logger.Info().Msg("stopping")
	case <-log.Failed():
	case err = <-served:
		served <- err
	}
	manager.stop()
	defer manager.wait()
	return stop(ctx, server, log, node, served)
}

// serveAll serves on all listeners; when it ends on one of them by itself, the channel gets why, and
// otherwise ErrServerClosed once it has ended on all.
func serveAll(server *logserver.Server, listeners []net.Listener) chan error {
	each, all := make(chan error), make(chan error, 1)
	for _, listener := range listeners {
		go func() { each <- server.Serve(listener) }()
	}
	go func() {
		var failed error
		for range listeners {
			err := <-each
			if failed == nil && !errors.Is(err, logserver.ErrServerClosed) {
				failed = err
				all <- err
			}
		}
		if failed == nil {
			all <- logserver.ErrServerClosed
		}
	}()
	return all
}

// stop ends everything in order: no new connections, what is in flight answered, all flushed.
func stop(ctx context.Context, server *logserver.Server, log *logserver.Log, node *cluster.Node, served <-chan error) error {
	hung := time.AfterFunc(stopLimit, func() {
		if err := log.Err(); err != nil {
			fmt.Fprintln(os.Stderr, "ringlog:", err)
			os.Exit(exitDisk)
		}
		fmt.Fprintln(os.Stderr, "ringlog: stopping took too long")
		os.Exit(exitFailure)
	})
	defer hung.Stop()
	ctx, cancel := context.WithTimeout(ctx, stopLimit-minimalClose)
	defer cancel()
	// Who still hangs on after the time is cut off; that isn't a failure of ours.
	_ = server.Shutdown(ctx)
	serveErr := <-served
	if errors.Is(serveErr, logserver.ErrServerClosed) {
		serveErr = nil
	}
	closeErr := log.Close()
	if node != nil {
		closeErr = errors.Join(closeErr, node.Close())
	}
	if err := log.Err(); err != nil {
		return withCode(exitDisk, err)
	}
	return errors.Join(serveErr, withCode(exitDisk, closeErr))
}

// opening is told how a start goes on.
type opening struct {
	progress func(done, size int64)
	waiting  func(reason string)
}

// openLog opens the log, and makes it part of a cluster if it is to be: node is nil if not.
func openLog(config *Config, peers *peer.Certificates, clients net.Addr, logger zerolog.Logger, interrupt <-chan struct{}, told opening) (log *logserver.Log, node *cluster.Node, err error) {
	var others cluster.Options
	if config.PeerPort != "" { // before anything is made
		if others, err = clusterOptions(config, peers, clients, logger); err != nil {
			return nil, nil, err
		}
	}
	if config.Blobs != inMemory {
		if _, err := os.Stat(filepath.Dir(config.DB)); errors.Is(err, os.ErrNotExist) {
			return nil, nil, configErrorf("DB: want a file whose directory exists: %w", err)
		}
		if err := makeBlobs(config.Blobs); err != nil {
			return nil, nil, err
		}
		if err := refuseNoted(config.Blobs); err != nil {
			return nil, nil, err
		}
	}
	o := logserver.Options{
		Blobs:    config.Blobs,
		DB:       config.DB,
		Segment:  int64(config.Segment),
		Keys:     config.founding("KEYS"),
		Logs:     config.founding("LOGS"),
		Settings: config.settings(),
		MaxEntry: int(config.MaxEntry),
		Memory:   int64(config.Memory),

		DiskTimeout: time.Duration(config.DiskTimeout),
		Interrupt:   interrupt,
		Progress:    told.progress,
		Logger:      logger,
	}
	if config.PeerPort == "" {
		log, err = logserver.Open(o)
		if errors.Is(err, logserver.ErrOthers) {
			return nil, nil, configErrorf("PEER_PORT: want a port for the other nodes: %w", err)
		}
	} else {
		others.Log, others.Interrupt, others.Waiting = o, interrupt, told.waiting
		if node, err = cluster.Open(others); err == nil {
			log = node.Log()
		}
	}
	return log, node, withCode(dataCode(err), inUse(err))
}

// inUse adds to the error of data that another server has what to do about it.
func inUse(err error) error {
	var locked *fs.LockedError
	const advice = "give each server a BLOBS and a DB of its own"
	switch {
	case errors.As(err, &locked):
		return fmt.Errorf("BLOBS: %w; %s", err, advice)
	case errors.Is(err, index.ErrLocked):
		return fmt.Errorf("DB: %w; %s", err, advice)
	case errors.Is(err, cluster.ErrOtherNode):
		return fmt.Errorf("BLOBS, NODE: %w", err)
	}
	return err
}

// inMemory is the value of BLOBS that keeps nothing on disk.
const inMemory = "memory"

// makeBlobs makes the directory of the segments, for its owner alone, if its parent is there.
func makeBlobs(dir string) error {
	err := os.Mkdir(dir, 0o700)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrExist):
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			return withCode(exitDisk, fmt.Errorf("BLOBS: want a directory: %s is a file", dir))
		}
		return nil
	case errors.Is(err, os.ErrNotExist):
		return configErrorf("BLOBS: want a directory whose parent exists: %w", err)
	}
	return withCode(exitDisk, fmt.Errorf("BLOBS: %w", err))
}

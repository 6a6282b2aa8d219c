package logserver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// labelledLogs is how many logs have a head of their own in the metrics: those that came
// into being first. A label without bound would be anyone's to fill.
const labelledLogs = 100

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ringlog_"+name, help, labels, nil)
}

var (
	descBatches     = desc("batches_total", "Batches that were committed, each with one flush.")
	descAppends     = desc("appends_total", "Appends that were made.")
	descDuplicates  = desc("duplicates_total", "Appends that were sent again and answered as the first time.")
	descEntries     = desc("entries_total", "Entries that were appended.")
	descBytes       = desc("bytes_total", "Bytes of entries that were written.")
	descLogs        = desc("logs", "Logs that have entries.")
	descHead        = desc("log_head", "Last index of a log, for the first hundred logs.", "log")
	descReaders     = desc("readers", "Reads under way.")
	descLag         = desc("reader_lag_entries", "How many entries the slowest of the reads under way is behind its log's head.")
	descConnections = desc("connections", "Connections, by what they speak.", "protocol")
	descMaxConns    = desc("connections_limit", "MAX_CONNS.")
	descMemory      = desc("memory_used_bytes", "What connections hold of MEMORY.")
	descMaxMemory   = desc("memory_limit_bytes", "MEMORY.")
	descUnwritten   = desc("index_unwritten_bytes", "Index rows that are in memory only; the segments have what they say.")
	descBusy        = desc("disk_busy_seconds", "For how long the disk has been busy with the write under way; 0 without one.")
	descFree        = desc("disk_free_bytes", "Free space where the segments are, as of the last second or so.")
	descDiskSize    = desc("disk_size_bytes", "Size of the file system where the segments are.")
	descStored      = desc("stored_bytes", "Length of the segments, as far as they are durable.")
	descScrubbed    = desc("scrub_progress_ratio", "How much of the segments the reading that looks for damage has come past.")
	descPasses      = desc("scrub_passes_total", "How often everything was read to find damage, since the start.")
	descPassed      = desc("scrub_last_timestamp_seconds", "When everything had been read the last time; 0: not since the start.")
	descDamaged     = desc("damaged_pieces", "Batches and other pieces of the segments that are damaged, of those that were looked at since the start.")
	descRepaired    = desc("repaired_pieces", "Pieces of the segments that a repair has given up as lost, as the last whole reading met them.")
	descUnsealed    = desc("tls_handshake_failures_total", "Handshakes of TLS that failed.")
	descWrongTokens = desc("wrong_tokens_total", "Wrong tokens that came, and how many of them were not looked at, as their address had sent too many.", "looked_at")
	descStale       = desc("reload_failed", "1 when files could not be read the last time: what was read before is in force.", "what")
	descExpires     = desc("certificate_expires_timestamp_seconds", "Until when the server's certificate is valid, in Unix time.")
	descPeerExpires = desc("peer_certificate_expires_timestamp_seconds", "Until when this node's certificate between nodes is valid, in Unix time.")
	descReady       = desc("ready", "1 when /readyz says so.")
	descMembers     = desc("cluster_members", "Nodes of the cluster, by what they do: voter (the leader is one), learner, leaving.", "role")
	descLeads       = desc("cluster_leads", "1 on the node that leads, 0 on others.")
	descServing     = desc("cluster_serving", "1 where a leader is known and this node is trusted.")
	descMissing     = desc("cluster_missing_entries", "Entries whose content this node is to have, and has to fetch from others, as far as is known.")
	descToMend      = desc("cluster_damaged_batches", "Batches that are damaged here, and are to be put right by other nodes' copies.")
	descMended      = desc("cluster_repaired_batches_total", "Batches that were fetched from other nodes to be stored here, or put right by their copies.", "how")
	descMendedBytes = desc("cluster_repaired_bytes_total", "Bytes of those.")
	descFetched     = desc("cluster_fetched_batches_total", "Batches that were fetched from other nodes, to be read or stored.")
	descGiven       = desc("cluster_given_bytes_total", "Bytes of content that were given to other nodes to be read or stored.")
	descApplied     = desc("cluster_applied", "Raft index of the last decision here: how far a node is behind others.")
)

// Describe and Collect make the Server a prometheus.Collector. Nothing is read from the
// disk, so that they answer also when that hangs.
func (s *Server) Describe(to chan<- *prometheus.Desc) {
	s.log.metrics.flush.Describe(to)
	s.log.metrics.commit.Describe(to)
	s.log.metrics.refused.Describe(to)
	s.log.metrics.troubled.Describe(to)
	for _, d := range []*prometheus.Desc{
		descBatches, descAppends, descDuplicates, descEntries, descBytes, descLogs, descHead, descReaders, descLag,
		descConnections, descMaxConns, descMemory, descMaxMemory, descUnwritten, descBusy, descFree, descReady,
		descDiskSize, descStored, descScrubbed, descPasses, descPassed, descDamaged, descRepaired,
		descMembers, descLeads, descServing, descApplied,
		descMissing, descToMend, descMended, descMendedBytes, descFetched, descGiven,
		descUnsealed, descWrongTokens, descStale, descExpires, descPeerExpires,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector: see Describe.
func (s *Server) Collect(to chan<- prometheus.Metric) {
	l := s.log
	l.metrics.flush.Collect(to)
	l.metrics.commit.Collect(to)
	l.metrics.refused.Collect(to)
	l.metrics.troubled.Collect(to)
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	count := func(d *prometheus.Desc, value uint64) { send(d, prometheus.CounterValue, float64(value)) }
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		send(d, prometheus.GaugeValue, value, labels...)
	}
	l.collectStanding(gauge)
	l.collectRepairs(send)
	count(descBatches, l.metrics.batches.Load())
	count(descAppends, l.metrics.appends.Load())
	count(descDuplicates, l.metrics.duplicates.Load())
	count(descEntries, l.metrics.entries.Load())
	count(descBytes, l.metrics.bytes.Load())
	logs := l.hub.Logs()
	gauge(descLogs, float64(len(logs)))
	for _, t := range logs {
		if t.ID() <= labelledLogs {
			gauge(descHead, float64(t.Head()), t.Name())
		}
	}
	census := s.census()
	gauge(descReaders, float64(census.readers))
	gauge(descLag, float64(census.lag))
	gauge(descConnections, float64(census.lines), "lines")
	gauge(descConnections, float64(census.http), "http")
	gauge(descMaxConns, float64(s.options.MaxConns))
	gauge(descMemory, float64(l.memory.used.Load()))
	gauge(descMaxMemory, float64(l.memory.limit))
	gauge(descUnwritten, float64(l.index.Pending()))
	gauge(descBusy, l.stall.lasts().Seconds())
	if free := l.space.free.Load(); free >= 0 {
		gauge(descFree, float64(free))
		gauge(descDiskSize, float64(l.space.size.Load()))
	}
	l.collectScrub(count, gauge)
	ready := 1.0
	if s.Ready() != nil {
		ready = 0
	}
	gauge(descReady, ready)
	s.collectSecurity(send)
}

// collectSecurity tells of TLS and tokens, where they are.
func (s *Server) collectSecurity(send func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
	stale := func(what string, is bool) {
		value := 0.0
		if is {
			value = 1
		}
		send(descStale, prometheus.GaugeValue, value, what)
	}
	if g := s.options.Guard; g != nil {
		wrong, ignored := g.Failures()
		send(descWrongTokens, prometheus.CounterValue, float64(wrong), "yes")
		send(descWrongTokens, prometheus.CounterValue, float64(ignored), "no")
		stale("tokens", g.Stale())
	}
	if m := s.log.member; m != nil && m.options.Expires != nil {
		send(descPeerExpires, prometheus.GaugeValue, float64(m.options.Expires().Unix()))
	}
	if c := s.options.Certificates; c != nil {
		send(descUnsealed, prometheus.CounterValue, float64(s.unsealed.Load()))
		send(descExpires, prometheus.GaugeValue, float64(c.Expires().Unix()))
		stale("certificates", c.Stale())
	}
}

// collectScrub tells what is known of the segments' health.
func (l *Log) collectScrub(count func(*prometheus.Desc, uint64), gauge func(*prometheus.Desc, float64, ...string)) {
	scrub, stored := l.Scrubbed(), l.store.Size(segment.Position{})
	gauge(descStored, float64(stored))
	gauge(descScrubbed, 1-float64(l.store.Size(scrub.At))/float64(max(1, stored)))
	count(descPasses, scrub.Passes)
	ended := 0.0
	if !scrub.Ended.IsZero() {
		ended = float64(scrub.Ended.UnixMilli()) / 1000
	}
	gauge(descPassed, ended)
	gauge(descDamaged, float64(scrub.Damaged))
	gauge(descRepaired, float64(scrub.Repaired))
}

// census is who is being served.
type census struct {
	lines, http, readers int
	lag                  uint64 // the largest
}

func (s *Server) census() (n census) {
	s.mu.Lock()
	conns := make([]*connection, 0, len(s.conns)+len(s.streams))
	for c := range s.conns {
		conns = append(conns, c)
	}
	for c := range s.streams {
		conns = append(conns, c)
	}
	n.lines, n.http = len(s.conns), s.handed
	s.mu.Unlock()
	for _, c := range conns {
		if lag, reading := c.out.lag(); reading {
			n.readers++
			n.lag = max(n.lag, lag)
		}
	}
	return n
}

// collectStanding tells of the cluster, which may be this node alone.
func (l *Log) collectStanding(gauge func(d *prometheus.Desc, value float64, labels ...string)) {
	s, ok := l.Standing()
	if !ok {
		s = Standing{Number: 1, Leader: 1, Serving: true, Members: order.Members{Voters: []uint64{1}}}
	}
	roles := map[string]int{"voter": 0, "learner": 0, "leaving": 0}
	for _, number := range s.Members.All() {
		role := s.Role(number)
		if role == RoleLeader {
			role = "voter"
		}
		roles[role]++
	}
	for role, n := range roles {
		gauge(descMembers, float64(n), role)
	}
	gauge(descLeads, oneIf(s.Leader == s.Number))
	gauge(descServing, oneIf(s.Serving && s.Faulty == nil))
	gauge(descApplied, float64(l.metrics.applied.Load()))
}

// collectRepairs tells of the content that comes from other nodes, and goes to them.
func (l *Log) collectRepairs(send func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
	r, several := l.Repairs()
	if !several {
		return
	}
	send(descMissing, prometheus.GaugeValue, float64(r.Missing))
	send(descToMend, prometheus.GaugeValue, float64(r.Damaged))
	send(descMended, prometheus.CounterValue, float64(r.Fetched), "fetched")
	send(descMended, prometheus.CounterValue, float64(r.Mended), "mended")
	send(descMendedBytes, prometheus.CounterValue, float64(r.Bytes))
	send(descFetched, prometheus.CounterValue, float64(l.member.fetcher.count()))
	send(descGiven, prometheus.CounterValue, float64(l.metrics.given.Load()))
}

func oneIf(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// lag tells whether a read is under way, and how far behind the head it is.
func (o *outbox) lag() (entries uint64, reading bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.tail
	if t == nil || t.seen == 0 { // it is only about to begin
		return 0, t != nil
	}
	if head := t.topic.Head(); head >= t.seen {
		entries = head - t.seen + 1
	}
	return entries, true
}

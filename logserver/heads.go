package logserver

// Head is a log and its last index, and about how many bytes its entries have; -1: not known
// yet.
type Head struct {
	Log   string
	Head  uint64
	About int64
}

// Heads returns the logs that have entries, by name.
func (l *Log) Heads() []Head {
	logs := l.hub.Logs()
	heads, about := make([]Head, len(logs)), l.aboutBytes(logs)
	for i, t := range logs {
		heads[i] = Head{t.Name(), t.Head(), about[i]}
	}
	return heads
}

// HeadOf returns the head of one log, 0 if it has no entries.
func (l *Log) HeadOf(name string) uint64 {
	if t, ok := l.hub.Lookup([]byte(name)); ok {
		return t.Head()
	}
	return 0
}

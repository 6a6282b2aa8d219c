package logserver

// history reads a log with a cursor, a chunk ahead: while one is on its way to the
// client, the next is read and encoded. While appends are made it doesn't: it would
// only take their processor. One goroutine at a time.
type history struct {
	cursor cursor
	alone  bool       // nobody appended lately
	lost   bool       // what next returned last ends with an entry that is damaged
	ahead  chan chunk // nil: nothing is being read ahead
}

// chunk is what a cursor has read: the lines of count entries from first on.
type chunk struct {
	first, count uint64
	lines        []byte
	lost         bool // the last line says that its entry is damaged
	err          error
}

// span is what is to be read: entries from..to of a log, in chunks of about size bytes.
type span struct {
	log      uint32
	from, to uint64
	meta     bool
	size     int
}

// next returns the first chunk of s, which is valid until the next call, and has the
// one behind it read meanwhile.
func (h *history) next(s span) chunk {
	c, ok := h.awaited(s)
	if !ok {
		c = h.cursor.chunk(s)
	}
	h.lost = c.lost
	if s.from += c.count; h.alone && len(c.lines) >= s.size && s.from <= s.to && !c.lost && c.err == nil {
		h.readAhead(s)
	}
	return c
}

// one returns a chunk of s, and has nothing read ahead.
func (h *history) one(s span) chunk {
	h.awaited(span{})
	return h.cursor.chunk(s)
}

// awaited returns what was read ahead, if it is of use for s.
func (h *history) awaited(s span) (chunk, bool) {
	if h.ahead == nil {
		return chunk{}, false
	}
	c := <-h.ahead
	h.ahead = nil
	return c, c.first == s.from && c.count > 0 && c.first+c.count-1 <= s.to && c.err == nil
}

func (h *history) readAhead(s span) {
	ahead := make(chan chunk, 1)
	h.ahead = ahead
	go func() { ahead <- h.cursor.chunk(s) }()
}

// release gives memory back, until the next call of next.
func (h *history) release() {
	h.awaited(span{})
	h.cursor.release()
}

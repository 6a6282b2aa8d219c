package logserver

func (o *outbox) drainUnlessTail() {
	if o.tail == nil {
		o.drain()
	}
}

// drain makes the answers ready whose turn has come. A live read holds back
// what says that an index of its log exists which it has not come to, and
// skips what was confirmed in place of being sent. The caller holds o.mu and,
// when there is a tail, drives it.
func (o *outbox) drain() {
	before := o.answers.len()
	for o.answers.len() > 0 {
		a, id := o.answers.front()
		if !o.answers.released() {
			break
		}
		if o.tail != nil && !o.tail.mayTell(a) {
			break
		}
		if a.kind == answerHead {
			o.ready = o.appendHead(o.ready, id, a)
		} else {
			o.ready = a.encode(o.ready, id)
		}
		o.answers.pop()
	}
	if o.answers.len() < before {
		o.changed.Broadcast()
	}
	if o.gone {
		o.ready = o.ready[:0]
	}
}

// flush sends what is ready as far as that can't block. While a read is live
// it only wakes the read.
func (o *outbox) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tail != nil {
		o.tail.Wake()
		return
	}
	for !o.writing && !o.gone && len(o.ready) > 0 {
		p := o.take()
		o.mu.Unlock()
		n, err := o.tryWrite(p)
		o.mu.Lock()
		if err == nil && n < len(p) {
			go o.writeRest(p, n) // finish waits for it
			return
		}
		o.wrote(p, err)
	}
}

// writeRest writes p[n:], and what becomes ready meanwhile, however long that
// takes. The caller has taken p and leaves it to writeRest.
func (o *outbox) writeRest(p []byte, n int) {
	_, err := o.c.net.Write(p[n:])
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrote(p, err)
	for o.tail == nil && !o.gone && len(o.ready) > 0 {
		p := o.take()
		o.mu.Unlock()
		_, err := o.c.net.Write(p)
		o.mu.Lock()
		o.wrote(p, err)
	}
}

// take takes what is ready, to be written by the caller, who holds o.mu and
// then calls wrote. Nobody else writes meanwhile.
func (o *outbox) take() []byte {
	p := o.ready
	o.ready, o.spare = o.spare[:0], nil
	o.writing, o.sending = true, len(p)
	return p
}

// wrote ends what take began. The caller holds o.mu.
func (o *outbox) wrote(p []byte, err error) {
	const keep = 64 << 10 // a buffer that grew beyond this is not kept
	if cap(p) <= keep {
		o.spare = p[:0]
	}
	if len(o.ready) == 0 && cap(o.ready) > keep {
		o.ready = nil
	}
	o.writing, o.sending = false, 0
	if err != nil {
		o.breakOff()
	}
	o.changed.Broadcast()
}

// breakOff gives up what could not be sent. The caller holds o.mu.
func (o *outbox) breakOff() {
	o.gone = true
	o.ready = nil
	o.changed.Broadcast()
	if o.tail != nil {
		o.tail.Wake()
	}
	_ = o.c.net.SetDeadline(alreadyPast) // nobody has anything to wait for any more
}

// abandon gives up everything that is to be sent.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.breakOff()
}

func (o *outbox) broken() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gone
}

// wake lets the connection's goroutine look at its state again.
func (o *outbox) wake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed.Broadcast()
}

// begin makes t the read under way, unless there is one.
func (o *outbox) begin(t *tail) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tail != nil {
		return false
	}
	o.tail = t
	return true
}

// tryWriteTail sends what is ready and then lines, of a live read, as far as that
// can't block, and tells whether everything went. Of lines, taken bytes are no longer the
// caller's business; when not everything went, the caller, who drives the tail, goes on
// where it may block.
func (o *outbox) tryWriteTail(lines []byte) (taken int, all bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	taken = len(lines)
	if o.writing || len(o.ready) > 0 {
		o.ready = append(o.ready, lines...)
		lines = nil
	}
	if o.writing {
		return taken, false
	}
	if len(o.ready) > 0 {
		lines = o.take()
	}
	if len(lines) == 0 || o.gone {
		return taken, true
	}
	own := o.writing // lines are a buffer of the outbox
	o.writing, o.sending = true, len(lines)
	o.mu.Unlock()
	n, err := o.tryWrite(lines)
	o.mu.Lock()
	partly := err == nil && n < len(lines)
	if own && partly {
		go o.writeRest(lines, n)
		return taken, false
	}
	if !own { // tails share them: they are not kept
		taken, lines = n, nil
	}
	o.wrote(lines, err)
	return taken, !partly
}

package order

// memory is what a node says that it remembers of its past.
type memory struct{ start, incarnation, term, last uint64 }

func (m memory) append(dst []byte) []byte {
	return appendUvarints(append(dst, messageVersion), m.start, m.incarnation, m.term, m.last)
}

func (m *memory) decode(payload []byte) error {
	const what = "hello"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return err
	}
	m.start, m.incarnation = r.uvarint(), r.between(0, maxNumber)
	m.term, m.last = r.between(0, maxNumber), r.between(0, maxNumber)
	return r.end(what)
}

// welcome is what others answer.
type welcome struct {
	start  uint64 // that asked
	lead   uint64 // who leads; 0: nobody, or who answers can't know
	reason string // why the node is not welcome; empty: it is
}

func (w welcome) append(dst []byte) []byte {
	dst = appendUvarints(append(dst, messageVersion), w.start)
	if w.reason != "" {
		return append(append(dst, 0), w.reason...)
	}
	return appendUvarints(append(dst, 1), w.lead)
}

func (w *welcome) decode(payload []byte) error {
	const what = "welcome"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return err
	}
	w.start = r.uvarint()
	if r.byte() == 0 {
		w.reason = "it has forgotten something"
		if text := r.take(len(r.b)); len(text) > 0 {
			w.reason = string(text)
		}
	} else if len(r.b) > 0 { // once it was not said
		w.lead = r.uvarint()
	}
	return r.end(what)
}

package order

// producers remembers the limit producers whose numbers were used up last.
type producers struct {
	byName map[string]*producer
	// The ring of the producers: newest.older, …; root.newer is the oldest.
	root  producer
	born  uint64 // how many there ever were
	limit int
}

type producer struct {
	name         string
	serial       uint64 // this life's: a producer that was forgotten gets another
	last         uint64 // the last number used up
	runs         []uint64
	older, newer *producer
	forgotten    bool
}

func (s *producers) find(name []byte) *producer { return s.byName[string(name)] }

// use returns the producer as the one used last, and makes it if need be.
func (s *producers) use(name []byte) *producer {
	p := s.byName[string(name)]
	if p == nil {
		p = &producer{name: string(name), serial: s.born}
		s.born++
		s.add(p)
		return p
	}
	if s.root.older != p {
		p.unlink()
		s.link(p)
	}
	return p
}

// add makes p the one used last, and forgets whoever is too many.
func (s *producers) add(p *producer) {
	if s.byName == nil {
		s.byName = make(map[string]*producer)
		s.root.older, s.root.newer = &s.root, &s.root
	}
	s.byName[p.name] = p
	s.link(p)
	s.evict()
}

func (s *producers) evict() {
	for len(s.byName) > s.limit {
		p := s.root.newer
		p.unlink()
		delete(s.byName, p.name)
		p.forgotten, p.runs = true, nil
	}
}

func (s *producers) link(p *producer) {
	p.older, p.newer = s.root.older, &s.root
	p.older.newer, p.newer.older = p, p
}

func (p *producer) unlink() {
	p.older.newer, p.newer.older = p.newer, p.older
	p.older, p.newer = nil, nil
}

// all calls fn with each producer, the one used last at the end.
func (s *producers) all(fn func(*producer)) {
	if s.byName == nil {
		return
	}
	for p := s.root.newer; p != &s.root; p = p.newer {
		fn(p)
	}
}

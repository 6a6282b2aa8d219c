package index

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// load checks the content of a file that was just opened, and takes its salt.
// Without an error, no header is a new file.
func (s *store) load(o Options) (h *header, err error) {
	s.use.Lock()
	defer s.use.Unlock()
	defer guard(&err)()
	err = s.db.View(func(tx *bbolt.Tx) error {
		if name, _ := tx.Cursor().First(); name == nil {
			return nil
		}
		h, err = readHeader(tx)
		if err != nil {
			return err
		}
		if err := h.belongs(o); err != nil {
			return err
		}
		s.salt = h.salt
		if tx.Size() > s.deep {
			return nil // rows are checked as they are read
		}
		return view{tx, s.salt}.check(h.logs)
	})
	return h, err
}

// header reads the header again.
func (s *store) header() (h *header, err error) {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.db == nil {
		return nil, errClosed
	}
	defer guard(&err)()
	err = s.db.View(func(tx *bbolt.Tx) error {
		h, err = readHeader(tx)
		return err
	})
	return h, err
}

func readHeader(tx *bbolt.Tx) (*header, error) {
	b := tx.Bucket(bucketMeta)
	if b == nil {
		return nil, errNotIndex
	}
	return parseHeader(b.Get(headerKey))
}

func (h *header) belongs(o Options) error {
	var none [16]byte
	if o.Cluster != none && o.Cluster != h.Cluster {
		return fmt.Errorf("index of another cluster, %x", h.Cluster)
	}
	if o.Node != none && o.Node != h.Node {
		return fmt.Errorf("index of another node, %x", h.Node)
	}
	return nil
}

// check reads every row: each log has exactly its span.
func (v view) check(logs map[uint32]span) error {
	c, err := v.cursor()
	if errors.Is(err, errGap) && len(logs) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	found := make(map[uint32]span, len(logs))
	var log uint32
	var is span
	for key, value := c.First(); key != nil; key, value = c.Next() {
		r, err := v.parse(key, value)
		if err != nil {
			return err
		}
		if r.Log != log || is.next == 0 {
			found[log] = is
			log, is = r.Log, span{r.First, r.First}
		}
		if r.First != is.next {
			return fmt.Errorf("log %d, index %d: %w", log, is.next, errGap)
		}
		is.next = r.Last() + 1
	}
	found[log] = is
	for log, want := range logs {
		if found[log] != want {
			return fmt.Errorf("log %d: %w", log, errGap)
		}
	}
	return nil
}

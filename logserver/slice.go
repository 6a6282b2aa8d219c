package logserver

import (
	"fmt"
	"sync"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
)

// slice stands where the segments will be: frames in memory.
type slice struct {
	mu     sync.RWMutex // guards the following
	frames []sliceFrame
}

type sliceFrame struct {
	kind    segment.Kind
	payload []byte
}

func (s *slice) Identity() segment.Identity { return segment.Identity{} }

func (s *slice) Append(frames []segment.Frame) (places []blobstore.Place, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range frames {
		p := append(append([]byte(nil), f.Payload[0]...), f.Payload[1]...)
		places = append(places, blobstore.Place{Segment: 1, Offset: int64(len(s.frames)), Length: uint32(len(p))})
		s.frames = append(s.frames, sliceFrame{f.Kind, p})
	}
	return places, nil
}

func (s *slice) Scan(segment.Position, func(segment.Position, segment.Kind, []byte) error) error {
	return nil
}

func (s *slice) Read(p blobstore.Place, buf []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if p.Offset >= int64(len(s.frames)) {
		return nil, fmt.Errorf("no frame at %d", p.Offset)
	}
	return append(buf[:0], s.frames[p.Offset].payload...), nil
}

func (s *slice) Durable() segment.Position { return segment.Position{} }
func (s *slice) Idle() error               { return nil }
func (s *slice) Close() error              { return nil }

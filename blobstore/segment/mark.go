package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

const (
	markName  = "MARK"
	markMagic = "\x9eRLMARK\n"
	markSlot  = 88   // bytes of a slot that mean something
	slotSpace = 4096 // from one slot to the other: no write can spoil both
)

// mark is what the newest good slot of MARK says: the stream was durable up to here.
// It may lag behind the truth, and is never ahead of it.
type mark struct {
	identity Identity
	sequence uint64 // of the slot, one more with each write; 0: there is no mark
	Position
	batch uint64 // the last one before the position
}

func (m *mark) put(p []byte) {
	p = p[:markSlot]
	clear(p)
	le := binary.LittleEndian
	copy(p, markMagic)
	le.PutUint32(p[8:], fileFormat)
	copy(p[16:], m.identity.Cluster[:])
	copy(p[32:], m.identity.Node[:])
	le.PutUint64(p[48:], m.sequence)
	le.PutUint64(p[56:], m.Segment)
	le.PutUint64(p[64:], uint64(m.Offset))
	le.PutUint64(p[72:], m.batch)
	le.PutUint32(p[84:], crc32.Checksum(p[:84], castagnoli))
}

// parseMark reads a slot; ok is false if it holds none.
func parseMark(p []byte) (m mark, ok bool, err error) {
	le := binary.LittleEndian
	if len(p) < markSlot || string(p[:8]) != markMagic || le.Uint32(p[84:]) != crc32.Checksum(p[:84], castagnoli) {
		return mark{}, false, nil
	}
	if v := le.Uint32(p[8:]); v != fileFormat {
		return mark{}, false, foreignFormat(markName, v)
	}
	return mark{
		identity: Identity{[16]byte(p[16:]), [16]byte(p[32:])},
		sequence: le.Uint64(p[48:]),
		Position: Position{le.Uint64(p[56:]), int64(le.Uint64(p[64:]))},
		batch:    le.Uint64(p[72:]),
	}, true, nil
}

// readMark reads MARK. A slot that was never written, or lies in a file that is too
// short, is none; spoilt tells that one held something else than a mark.
func readMark(f fs.FS) (best mark, spoilt bool, err error) {
	file, err := open(f, markName)
	if errors.Is(err, os.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, err
	}
	defer file.Close()
	var buf [slotSpace + markSlot]byte
	p, err := readFull(file, buf[:], 0)
	if err != nil {
		return mark{}, false, fmt.Errorf("read %s: %w", markName, err)
	}
	for _, at := range []int{0, slotSpace} {
		slot := p[min(at, len(p)):min(at+markSlot, len(p))]
		m, ok, err := parseMark(slot)
		if err != nil {
			return mark{}, false, err
		}
		if ok && m.sequence > best.sequence {
			best = m
		}
		spoilt = spoilt || !ok && !allZero(slot)
	}
	return best, spoilt, nil
}

// marker writes MARK, its two slots in turn.
type marker struct {
	file  fs.File
	last  mark
	slot  [markSlot]byte // last, as bytes
	dirty bool           // written since the last flush
}

// openMarker opens MARK to be written after last. When there is none to go on with, it
// makes one.
func openMarker(f fs.FS, last mark) (*marker, error) {
	if last.sequence == 0 {
		return createMark(f, last)
	}
	file, err := open(f, markName)
	if err != nil {
		return nil, err
	}
	return &marker{file: file, last: last}, nil
}

// createMark makes a MARK without any mark, of full length, so that writing one never
// needs space.
func createMark(f fs.FS, last mark) (*marker, error) {
	d, err := newDraft(f, markName, 2*slotSpace)
	if err != nil {
		return nil, err
	}
	if _, err := d.file.WriteAt(make([]byte, 2*slotSpace), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", markName, err), d.file.Close())
	}
	if err := d.publish(); err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	return &marker{file: d.file, last: last}, nil
}

// set notes that the stream is durable up to a point. It does not flush.
func (m *marker) set(p point) error {
	m.last.sequence++
	m.last.Position, m.last.batch = p.Position, p.batch
	m.last.put(m.slot[:])
	m.dirty = true
	if _, err := m.file.WriteAt(m.slot[:], int64(m.last.sequence%2)*slotSpace); err != nil {
		return fmt.Errorf("write %s: %w", markName, err)
	}
	return nil
}

// flush makes what was set durable.
func (m *marker) flush() error {
	if !m.dirty {
		return nil
	}
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", markName, err)
	}
	m.dirty = false
	return nil
}

func (m *marker) setAndFlush(p point) error {
	if err := m.set(p); err != nil {
		return err
	}
	return m.flush()
}

package segment

import (
	"errors"

	"github.com/ringlog/ringlog/blobstore"
)

// A Turn is what the owner of the stream has to say where a file ends and the next one
// begins.
type Turn struct {
	Seal       []byte // payload of the frame that ends the file
	Checkpoint []byte // payload of the one that the next begins with; empty: there is none
	// Done, if not nil, is called when both are durable, with the seal's place.
	Done func(seal blobstore.Place)
}

// checkpointShare is the part of a file that its checkpoint takes at most: a file gets
// longer than Options.Size where a checkpoint is so large.
const checkpointShare = 4

// ask asks the owner for a turn; false: not now.
func (s *Store) ask() (Turn, bool) {
	if s.turn == nil {
		return Turn{}, true
	}
	return s.turn()
}

// roll ends the current file with a seal and begins the next, with room for a batch. All
// space is taken before anything is written, so that a full disk harms nothing. The
// checkpoint is a batch of its own right behind the header, and flushed with it: no file
// that was begun so has ever been without, and it costs no flush.
func (s *Store) roll(turn *Turn, size int64) error {
	seal := []Frame{{Kind: KindSeal, Payload: [2][]byte{turn.Seal}}}
	var first [][]Frame
	if len(turn.Checkpoint) > 0 {
		first = [][]Frame{{{Kind: KindCheckpoint, Payload: [2][]byte{turn.Checkpoint}}}}
	}
	if err := s.Secure(sizeOf(seal)); err != nil {
		return err
	}
	if err := s.allocate(s.tail.Offset + sizeOf(seal)); err != nil {
		return err
	}
	head := fileHead{identity: s.identity, number: s.tail.Segment + 1, origin: originRolled, born: bornWith(first)}
	full := max(s.limit, checkpointShare*(head.born-fileHeader))
	room := max(head.born+size+sealSize, min(minStep, full))
	d, err := newDraft(s.fs, fileName(head.number), room)
	if err != nil {
		return err
	}
	if err := s.write(seal, sizeOf(seal)); err != nil {
		return errors.Join(err, d.file.Close())
	}
	place, ended, end := s.encoder.places[0], s.current, s.tail.Offset
	head.prev = s.tail
	if err := s.switchTo(d, &head, first, room); err != nil {
		return err
	}
	s.full = full
	defer s.handles.release(ended.pinned)
	if err := s.mark.setAndFlush(s.tail); err != nil {
		return err
	}
	if turn.Done != nil {
		turn.Done(place)
	}
	if end = alignUp(end, fileHeader); end < ended.allocated {
		return ended.file.Truncate(end)
	}
	return nil
}

// bornWith is how long a file is that begins with these batches.
func bornWith(batches [][]Frame) int64 {
	size := int64(fileHeader)
	for _, b := range batches {
		size += sizeOf(b)
	}
	return size
}

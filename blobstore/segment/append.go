package segment

import (
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

const (
	sealSize = frameHeader // of a seal without a payload
	// Blocks are allocated in steps: as many as the file has, within these bounds.
	minStep = 1 << 20
	maxStep = 16 << 20
	// zeroStep is how far ahead blocks are zeroed: by Idle, and by a batch up to smallBatch
	// that comes to blocks which are not. Measured: a batch of 4 to 64 KiB is flushed in
	// two thirds of the time over zeroed blocks; for larger ones it makes no difference.
	zeroStep   = 1 << 20
	smallBatch = 64 << 10
)

var zeroes [256 << 10]byte

// Append writes frames as one batch and makes it durable: one write, one flush, then MARK.
// It returns where the frames lie; the slice is valid until the next call.
//
// ErrBatch, ErrDiskFull and ErrNoFiles leave the stream as it was, good for more. After any other
// error it is not known whether the batch will be found by the next Open; the store gives
// that error to every later call.
func (s *Store) Append(frames []Frame) ([]blobstore.Place, error) {
	if s.err != nil {
		return nil, s.err
	}
	size, err := batchSize(frames)
	if err != nil {
		return nil, err
	}
	if err := s.makeRoom(size); err != nil {
		if Passing(err) {
			return nil, err
		}
		return nil, s.fail(err)
	}
	if err := s.write(frames, size); err != nil {
		return nil, s.fail(err)
	}
	return s.encoder.places, nil
}

// Reserve makes sure that a batch of up to n bytes, headers included, can be appended
// next: that Append will not give ErrDiskFull. It also makes sure that this batch, and
// another one of up to next bytes, can be written by the Open that follows when the process
// is killed and the disk full. It is for those who must know before they commit themselves
// to a batch. ErrDiskFull and ErrNoFiles leave the stream as it was; any other error is final, as
// Append's are.
func (s *Store) Reserve(n, next int64) error {
	if err := s.Secure(n + next); err != nil {
		return err
	}
	err := s.makeRoom(n)
	if err == nil || Passing(err) {
		return err
	}
	return s.fail(err)
}

// makeRoom makes the current file one that has blocks for a batch, and for the seal that
// must fit behind it. ErrDiskFull if there are none.
func (s *Store) makeRoom(size int64) error {
	need := s.tail.Offset + size + sealSize
	if need <= s.full || s.tail.Offset == s.born {
		return s.allocate(need)
	}
	turn, ok := s.ask()
	if !ok {
		return s.allocate(need)
	}
	err := s.roll(&turn, size)
	if Passing(err) && need <= s.allocated {
		return nil // better in a file that is a little long than nowhere
	}
	return err
}

// allocate makes the current file have blocks for need bytes, and some more if they can
// be had.
func (s *Store) allocate(need int64) error {
	if need <= s.allocated {
		return nil
	}
	step := min(max(s.allocated, minStep), maxStep)
	want := max(need, min(s.allocated+step, s.full))
	err := s.file.Allocate(s.allocated, want-s.allocated)
	if err = full(err); errors.Is(err, ErrDiskFull) && want > need {
		want = need
		err = full(s.file.Allocate(s.allocated, want-s.allocated))
	}
	if err == nil {
		s.allocated = want
	}
	return err
}

// write writes a batch, for which there is room, and makes it durable.
func (s *Store) write(frames []Frame, size int64) error {
	// All that was written before has been flushed, so the file is durable up to here.
	to := s.encoder.batch(frames, size, s.salt, s.tail, s.tail.Offset)
	end := to.Offset
	if end > s.zeroed && size <= smallBatch {
		end = max(end, min(end+zeroStep, s.allocated))
		s.encoder.zeroes(int(end - to.Offset))
	}
	if _, err := s.file.WriteAt(s.encoder.buf, s.tail.Offset); err != nil {
		return fmt.Errorf("write segment %d: %w", s.tail.Segment, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("flush segment %d: %w", s.tail.Segment, err)
	}
	if err := s.mark.set(to); err != nil {
		return err
	}
	s.tail = to
	s.zeroed = max(s.zeroed, end)
	s.settled()
	return nil
}

// zeroAhead writes zeroes where the next batches will lie, so that flushing them need not
// change what the file system knows of the file.
func (s *Store) zeroAhead() error {
	start := max(s.zeroed, s.tail.Offset)
	end := min(s.tail.Offset+zeroStep, s.full)
	if s.born == s.tail.Offset {
		return nil // a new file stays as short as it is until the first append
	}
	if end-start < zeroStep/2 && end < s.full || end <= start {
		return nil
	}
	if err := s.allocate(end); errors.Is(err, ErrDiskFull) {
		return nil
	} else if err != nil {
		return err
	}
	for at := start; at < end; at += int64(len(zeroes)) {
		if _, err := s.file.WriteAt(zeroes[:min(int64(len(zeroes)), end-at)], at); err != nil {
			return fmt.Errorf("zero segment %d: %w", s.tail.Segment, err)
		}
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("flush segment %d: %w", s.tail.Segment, err)
	}
	s.zeroed = end
	return nil
}

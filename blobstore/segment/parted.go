package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// compare finds how many files of the source a backup has begun to have.
func (c *copier) compare(dst *inspection) (int, error) {
	have := len(dst.files)
	if have == 0 {
		return 0, nil
	}
	if mine := dst.last().head.identity; mine != c.identity {
		return 0, &ForeignError{"the backup", fmt.Sprintf("is of %s, and this is %s", mine, c.identity), "back up to another directory"}
	}
	for i := range have {
		if i == len(c.src.files) {
			return 0, fmt.Errorf("%w: it has %s, which the stream lacks", ErrParted, fileName(uint64(i)+1))
		}
		mine, theirs := &dst.files[i].head, &c.src.files[i].head
		if mine.salt == theirs.salt && mine.prev == theirs.prev {
			continue
		}
		if i == have-1 && mine.prev == theirs.prev {
			// A start begins a file anew of which nothing was known to be durable, and keeps what was in it.
			if same, err := c.keeps(&dst.files[i], &c.src.files[i]); same || err != nil {
				return i, err
			}
		}
		return 0, fmt.Errorf("%w: %s was begun differently", ErrParted, fileName(uint64(i)+1))
	}
	return have, nil
}

// keeps reports whether a file of the stream has all batches of the backup's.
func (c *copier) keeps(mine, theirs *segment) (bool, error) {
	file, err := open(c.to, fileName(mine.head.number))
	if err != nil {
		return false, err
	}
	defer file.Close()
	return c.begins(theirs, newWalker(file, mine.salt, mine.head.start(), mine.size))
}

// goesOn checks that what the backup has behind the end of a file of the stream begins the next: a
// start has found it whole, and kept it there.
func (c *copier) goesOn(has *walker, number uint64) error {
	next := &segment{} // has nothing
	if number <= uint64(len(c.src.files)) {
		next = &c.src.files[number-1]
	}
	ok, err := c.begins(next, has)
	if err == nil && !ok {
		err = fmt.Errorf("%w: of %s it has more", ErrParted, fileName(number-1))
	}
	return err
}

// begins reports whether the batches that the backup has from here on are those that a file of the stream
// begins with.
func (c *copier) begins(f *segment, has *walker) (bool, error) {
	var keeps *walker
	if f.head.number > 0 {
		source, err := open(c.from, fileName(f.head.number))
		if err != nil {
			return false, err
		}
		defer source.Close()
		keeps = newWalker(source, f.salt, f.head.start(), f.end.Offset)
	}
	for {
		if err := has.next(); errors.Is(err, io.EOF) || errors.As(err, new(*flaw)) {
			return true, nil
		} else if err != nil {
			return false, fmt.Errorf("read %s of the backup: %w", fileName(has.Segment), err)
		}
		if keeps == nil || keeps.next() != nil || !alike(has.frames, keeps.frames) {
			return false, nil
		}
	}
}

// alike reports whether two batches hold the same, though framed differently.
func alike(a, b []frame) bool {
	return slices.EqualFunc(a, b, func(a, b frame) bool {
		return a.kind == b.kind && a.batch == b.batch && a.length == b.length && a.payloadCRC == b.payloadCRC
	})
}

package segment

import (
	"bytes"
	"io"
	"testing"
)

// countingReader counts reads.
type countingReader struct {
	io.ReaderAt
	reads int
}

func (c *countingReader) ReadAt(p []byte, at int64) (int, error) {
	c.reads++
	return c.ReaderAt.ReadAt(p, at)
}

// TestABatchOfManyFramesIsReadInFewPieces: a node that catches up writes batches of many megabytes in thousands
// of frames; the window that keeps such a batch isn't made anew for each of them.
func TestABatchOfManyFramesIsReadInFewPieces(t *testing.T) {
	const size, step = 16 << 20, 64
	file := &countingReader{ReaderAt: bytes.NewReader(make([]byte, size))}
	w := window{file: file, end: size}
	for at := int64(0); at < size; at += step {
		if _, err := w.get(0, at, step); err != nil {
			t.Fatal(err)
		}
	}
	if file.reads > 10 {
		t.Errorf("%d reads", file.reads)
	}
}

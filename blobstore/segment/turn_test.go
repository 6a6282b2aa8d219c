package segment_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// TestTurn: a full file ends with the owner's seal, the next one begins with the
// checkpoint, and both are there before Append returns. It costs two flushes of segments
// more than an append: the seal's, and the one that every new file costs.
func TestTurn(t *testing.T) {
	disk, turns := fs.Memory(), 0
	var sealed blobstore.Place
	o := small
	o.Turn = func() (segment.Turn, bool) {
		turns++
		return segment.Turn{
			Seal: fmt.Appendf(nil, "seal %d", turns), Checkpoint: fmt.Appendf(nil, "checkpoint %d", turns),
			Done: func(p blobstore.Place) { sealed = p },
		}, true
	}
	s, _ := mustOpen(t, disk, o)
	if err := s.Secure(0); err != nil {
		t.Fatal(err)
	}
	flushes := 0
	disk.SetHook(func(op fs.Op) error {
		if op.Kind == fs.OpSync && !strings.HasPrefix(op.Name, "MARK") {
			flushes++
		}
		return nil
	})
	payload := bytes.Repeat([]byte{1}, 30000)
	for range 3 {
		s.Append([]segment.Frame{{Kind: segment.KindOrder, Payload: [2][]byte{payload}}})
	}
	disk.SetHook(nil)
	var shown []string
	for _, line := range scan(t, s, segment.Position{}) {
		shown = append(shown, line[:min(len(line), 14)])
	}
	order := fmt.Sprintf("%d %s", segment.KindOrder, payload[:12])
	want := []string{order, order, "8 seal 1", "5 checkpoint 1", order}
	if !slices.Equal(shown, want) || flushes != 3+2 {
		t.Errorf("%d flushes for %q, want 5 for %q", flushes, shown, want)
	}
	if got, err := s.Read(sealed, nil); err != nil || string(got) != "seal 1" {
		t.Errorf("the seal's place holds %q, %v", got, err)
	}
}

// TestLargeCheckpoint: where a checkpoint is as long as a file, files get longer, so that
// most of what is written is what was appended.
func TestLargeCheckpoint(t *testing.T) {
	o := small
	o.Turn = func() (segment.Turn, bool) {
		return segment.Turn{Checkpoint: make([]byte, 2*small.Size)}, true
	}
	s, _ := mustOpen(t, fs.Memory(), o)
	const appended = 200
	for range appended {
		if _, err := s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{make([]byte, 10000)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if files, most := s.Durable().Segment, uint64(2+appended*10000/(6*small.Size)); files > most {
		t.Errorf("%d files, want %d at most", files, most)
	}
}

// TestTurnRefused: while the owner is not ready for a turn, the file gets longer.
func TestTurnRefused(t *testing.T) {
	ready := false
	o := small
	o.Turn = func() (segment.Turn, bool) { return segment.Turn{Seal: []byte("seal")}, ready }
	s, _ := mustOpen(t, fs.Memory(), o)
	for range 10 {
		s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{make([]byte, 20000)}}})
	}
	if at := s.Durable(); at.Segment != 1 || at.Offset < 200000 {
		t.Errorf("the end is at %v, want it in the first file", at)
	}
	ready = true
	s.Append([]segment.Frame{{Kind: segment.KindContent}})
	if at := s.Durable(); at.Segment != 2 {
		t.Errorf("the end is at %v, want it in the second file", at)
	}
}

// TestNamesThatWereFoundAreFlushed: killed between a new file's rename and the flush of the
// directory, then a power cut at the same moment of the next start: no name may be there
// without the one before it.
func TestNamesThatWereFoundAreFlushed(t *testing.T) {
	before := func(disk *fs.Mem, file string, fn func()) {
		named := false
		disk.SetHook(func(op fs.Op) error {
			if op.Kind == fs.OpSyncDir && named {
				fn()
			}
			named = op.Kind == fs.OpRename && op.To == file
			return nil
		})
	}
	disk := fs.Memory()
	o := small
	o.Turn = func() (segment.Turn, bool) { return segment.Turn{Checkpoint: []byte("checkpoint")}, true }
	s, _ := mustOpen(t, disk, o)
	var killed *fs.Mem
	before(disk, name(2), func() { killed = disk.Kill() })
	for range 4 {
		s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{make([]byte, 20000)}}})
	}
	r := rand.New(rand.NewPCG(1, 2))
	var cut []*fs.Mem
	before(killed, name(3), func() {
		for range 50 {
			cut = append(cut, killed.Crash(r))
		}
	})
	mustOpen(t, killed, o)
	if len(cut) == 0 {
		t.Fatal("the power was never cut")
	}
	for _, disk := range cut {
		if _, _, err := segment.Open(disk, o); err != nil {
			t.Fatal(err)
		}
	}
}

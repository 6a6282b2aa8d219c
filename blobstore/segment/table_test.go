package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// contentFrame makes a content frame of entries.
func contentFrame(entries ...string) segment.Frame {
	var b blobstore.Batch
	for _, e := range entries {
		b.Add([]byte(e), blobstore.Sum([]byte(e)), nil)
	}
	return segment.Frame{Kind: segment.KindContent, Payload: [2][]byte{bytes.Clone(b.Manifest()), bytes.Clone(b.Content())}}
}

func goOn() bool { return true }

// tabulate makes all tables that are missing, and returns how many it made.
func tabulate(t testing.TB, s *segment.Store) (made int) {
	t.Helper()
	for {
		ok, err := s.Tabulate(goOn)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return made
		}
		made++
	}
}

// fill appends batches of entries until there are so many files, and returns the entries.
func fill(t testing.TB, s *segment.Store, files uint64) (entries []string) {
	t.Helper()
	for n := 0; s.Durable().Segment < files; n++ {
		var batch []string
		for i := range 1 + n%40 {
			batch = append(batch, fmt.Sprintf(`{"file":%d,"batch":%d,"entry":%d}`, files, n, i), `{"the same":"everywhere"}`)
		}
		if _, err := s.Append([]segment.Frame{contentFrame(batch...)}); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, batch...)
	}
	return entries
}

// mustFind wants each of the entries to be found, and what isn't there not to be.
func mustFind(t testing.TB, s *segment.Store, entries []string) {
	t.Helper()
	var m blobstore.Manifest
	for _, e := range entries {
		d := blobstore.Sum([]byte(e))
		p, found, err := s.Find(d)
		if err != nil || !found {
			t.Fatalf("%s: found %v, %v", e, found, err)
		}
		payload, err := s.Read(p, nil)
		if err == nil {
			err = m.Parse(payload)
		}
		held := false
		for i := 0; i < m.Len() && !held; i++ {
			held = string(m.Entry(i)) == e
		}
		if !held || int(p.Content) != m.ContentAt() {
			t.Fatalf("%s: not at %v: %v", e, p, err)
		}
	}
	if p, found, err := s.Find(blobstore.Sum([]byte("never appended"))); found || err != nil {
		t.Fatalf("what isn't there is at %v, %v", p, err)
	}
}

func TestFind(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	entries := fill(t, s, 5)
	mustFind(t, s, entries) // without any table
	if made := tabulate(t, s); made != 4 {
		t.Errorf("%d tables were made of 5 files, one of them open", made)
	}
	mustFind(t, s, entries)
	s.Close()
	s, _ = mustOpen(t, disk, small)
	if made := tabulate(t, s); made != 1 {
		t.Errorf("%d tables were made after a start, want that of the file that it ended", made)
	}
	mustFind(t, s, entries)
	view, _, err := segment.View(disk)
	if err != nil {
		t.Fatal(err)
	}
	mustFind(t, view, entries)
	view.Close()
}

// TestFindReadsTables: what lies in a file that has a table is found with a few reads.
func TestFindReadsTables(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	entries := fill(t, s, 2)
	s.Close()
	s, _ = mustOpen(t, disk, small)
	tabulate(t, s)
	reads := 0
	disk.SetHook(func(op fs.Op) error {
		if op.Kind == fs.OpReadAt {
			reads++
		}
		return nil
	})
	mustFind(t, s, entries[:1])
	disk.SetHook(nil)
	if reads > 20 { // two finds in three files, and the entry read again
		t.Errorf("%d reads", reads)
	}
}

// TestSpoiltTables: a table that is damaged, foreign or older is as good as none, and
// made anew.
func TestSpoiltTables(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	entries := fill(t, s, 4)
	tabulate(t, s)
	s.Close()
	im := imageOf(t, disk)
	table := strings.Replace(name(2), ".seg", ".dig", 1)
	other := strings.Replace(name(1), ".seg", ".dig", 1)
	whole := im[table]
	flip := func(at int) []byte {
		c := bytes.Clone(whole)
		c[at] ^= 0x40
		return c
	}
	entries = slices.DeleteFunc(entries, func(e string) bool { return len(e)%2 == 0 || !strings.Contains(e, `0,"entry":`) })
	harms := map[string][]byte{
		"gone": nil, "empty": {}, "cut": whole[:len(whole)-1], "cut to its header": whole[:4096],
		"longer": append(bytes.Clone(whole), 0), "another file's": im[other],
		"zeroes": make([]byte, len(whole)), "another version": flip(8),
	}
	for at := 0; at < len(whole); at += 401 {
		harms[fmt.Sprintf("flipped at %d", at)] = flip(at)
	}
	for what, content := range harms {
		im := maps.Clone(im)
		im[table] = content
		if content == nil {
			delete(im, table)
		}
		disk := im.disk(t)
		s, _, err := segment.Open(disk, small)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		mustFind(t, s, entries)
		tabulate(t, s)
		mustFind(t, s, entries)
		if again := imageOf(t, disk)[table]; !bytes.Equal(again, whole) {
			t.Errorf("%s: not made anew", what)
		}
		s.Close()
	}
}

// TestTableOfMany: more digests than are sorted at a time.
func TestTableOfMany(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	entries := fill(t, s, 2)
	table := strings.Replace(name(1), ".seg", ".dig", 1)
	tabulate(t, s)
	want := imageOf(t, disk)[table]
	for _, room := range []int{4, 5, 64, 300} {
		if err := disk.Remove(table); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s, _ = mustOpen(t, disk, small)
		s.SortRows(room)
		tabulate(t, s)
		if !bytes.Equal(imageOf(t, disk)[table], want) {
			t.Errorf("sorted %d at a time it is another table", room)
		}
	}
	mustFind(t, s, entries[:10])
}

// TestTabulateGivesUp: it ends when it is told to, and on a full disk; nothing is left
// behind, and the stream is not touched.
func TestTabulateGivesUp(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	entries := fill(t, s, 3)
	if made, err := s.Tabulate(func() bool { return false }); made || err != nil {
		t.Errorf("made %v, %v", made, err)
	}
	disk.SetHook(func(op fs.Op) error {
		if strings.Contains(op.Name, ".dig") && op.Kind.Changes() && op.Kind != fs.OpRemove {
			return fs.ErrNoSpace
		}
		return nil
	})
	if _, err := s.Tabulate(goOn); !errors.Is(err, segment.ErrDiskFull) {
		t.Errorf("on a full disk: %v", err)
	}
	disk.SetHook(nil)
	for file := range imageOf(t, disk) {
		if strings.Contains(file, ".dig") {
			t.Errorf("%s was left", file)
		}
	}
	entries = append(entries, fill(t, s, 4)...)
	tabulate(t, s)
	mustFind(t, s, entries)
}

// TestFindPastDamage: content that is damaged is not given, and whoever asks is told that
// it may be there.
func TestFindPastDamage(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	entries := fill(t, s, 3)
	tabulate(t, s)
	file, err := disk.Open(name(1))
	if err != nil {
		t.Fatal(err)
	}
	content := imageOf(t, disk)[name(1)]
	at := bytes.Index(content, []byte(entries[0]))
	file.WriteAt([]byte{content[at] ^ 1}, int64(at))
	file.Close()
	if p, found, err := s.Find(blobstore.Sum([]byte(entries[0]))); found || !errors.Is(err, segment.ErrUnavailable) {
		t.Errorf("at %v, %v, %v", p, found, err)
	}
	mustFind(t, s, entries[1:2]) // which is everywhere
}

// FuzzTable: a side file may be anything: what is there is found nevertheless, and what
// isn't is not.
func FuzzTable(f *testing.F) {
	disk := fs.Memory()
	s, _ := mustOpen(f, disk, reproducible())
	entries := fill(f, s, 2)
	tabulate(f, s)
	s.Close()
	im := imageOf(f, disk)
	table := strings.Replace(name(1), ".seg", ".dig", 1)
	f.Add(0, []byte{1})
	f.Add(112, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(4096, bytes.Repeat([]byte{0xff}, 64))
	f.Add(8192, []byte{})
	f.Fuzz(func(t *testing.T, at int, patch []byte) {
		if at < 0 || at > 1<<20 || len(patch) > 1<<16 {
			return
		}
		im := maps.Clone(im)
		content := bytes.Clone(im[table])
		if len(patch) == 0 {
			content = content[:min(at, len(content))]
		}
		content = append(content, make([]byte, max(0, at+len(patch)-len(content)))...)
		copy(content[at:], patch)
		im[table] = content
		view, _, err := segment.View(im.disk(t))
		if err != nil {
			t.Fatal(err)
		}
		defer view.Close()
		mustFind(t, view, entries[:4])
	})
}

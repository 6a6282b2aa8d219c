package logserver

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/order"
)

var update = flag.Bool("update", false, "write testdata/format1 anew: only for another format, see its README")

const golden = "testdata/format1"

// TestGoldenDirectory opens what version 1 of the format has written, and wants it to
// hold what it held then. What the directory lacks, a later one gets.
func TestGoldenDirectory(t *testing.T) {
	if *update {
		makeGolden(t)
	}
	disk := loadDisk(t, filepath.Join(golden, "blobs"))
	report, err := check.Data(check.Options{Files: disk})
	if err != nil || report.Refused == 0 {
		t.Fatalf("check: %v (%+v)", err, report)
	}
	kinds := goldenKinds(t, disk)
	for _, kind := range []segment.Kind{
		segment.KindContent, segment.KindOrder, segment.KindState, segment.KindDecided, segment.KindCheckpoint, segment.KindSeal,
	} {
		if kinds[kind] == 0 {
			t.Errorf("it has no frame of kind %d", kind)
		}
	}
	for range 2 {
		l, err := Open(Options{Files: disk, Segment: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for log, got := range dump(t, l) {
			want, err := os.ReadFile(filepath.Join(golden, log+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("log %s holds\n%s\nwant\n%s", log, got, want)
			}
		}
		g := &goldenClient{}
		g.append(l, order.Append{Producer: []byte("p"), Seq: 2}, "")
		if g.outcomes[0].Status != order.Appended || !g.outcomes[0].Duplicate {
			t.Errorf("a producer's append, sent again, was %+v", g.outcomes[0])
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// goldenKinds counts frames.
func goldenKinds(t *testing.T, disk fs.FS) map[segment.Kind]int {
	t.Helper()
	view, _, err := segment.View(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	kinds := map[segment.Kind]int{}
	err = view.Scan(segment.Position{}, func(_ segment.Position, kind segment.Kind, _ []byte) error {
		kinds[kind]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

// goldenClient makes appends one by one and notes what becomes of them.
type goldenClient struct{ outcomes []order.Outcome }

func (g *goldenClient) resolve(o *order.Outcome) { g.outcomes = append(g.outcomes, *o) }
func (g *goldenClient) fail(int, string)         { g.outcomes = append(g.outcomes, order.Outcome{}) }
func (g *goldenClient) flush()                   {}

func (g *goldenClient) append(l *Log, a order.Append, pad string) {
	s := submission{Append: a}
	for i := range max(a.Entries, 1) {
		text := fmt.Appendf(nil, `{"n":%d,"i":%d,"kept":[1.0,"\u00e9",12345678901234567890],"pad":"%s"}`, len(g.outcomes), i, pad)
		s.entries = append(s.entries, entry{text, blobstore.Sum(text)})
		s.size += len(text)
	}
	s.Entries = len(s.entries)
	s.KeyDigest = keyDigest(s.Key, s.entries)
	l.submit(g, []submission{s})
}

// makeGolden makes a directory with files of every sort: full ones, sealed, one that a kill has
// left, with a batch that recovery kept and one that was torn, and one stopped in order.
func makeGolden(t *testing.T) {
	t.Helper()
	disk, g := fs.Memory(), &goldenClient{}
	o := Options{Files: disk, Segment: 64 << 10, DB: "", IdleAfter: 1}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	b, c := []byte("b"), []byte("c.d-e_f")
	for i := range uint64(20) {
		g.append(l, order.Append{}, strings.Repeat("x", 1200))
		g.append(l, order.Append{Log: b, Producer: []byte("p"), Seq: i + 1}, "")
		g.append(l, order.Append{Log: c, Entries: 3, Key: fmt.Appendf(nil, "key é %d", i%15)}, "")
		g.append(l, order.Append{Log: b, HasAfter: true, After: 7}, "")
		g.append(l, order.Append{Log: c, Producer: []byte("q"), Seq: 1 + i/2}, "")
		g.append(l, order.Append{Log: c, Producer: []byte("r"), Seq: i + 2}, "")
	}
	if _, err := l.store.Tabulate(func() bool { return true }); err != nil {
		t.Fatal(err)
	}
	resume := hold(l)
	o.Files = tear(t, disk.Kill(), l.store.Durable())
	resume()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(o); err != nil {
		t.Fatal(err)
	}
	g.append(l, order.Append{}, "after the kill")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	saveGolden(t, o.Files, dumpOf(t, o.Files))
}

// tear leaves half a batch behind the end of the stream, and a MARK without a mark: then
// the last batch is one of which it isn't known that it was durable.
func tear(t *testing.T, disk *fs.Mem, end segment.Position) fs.FS {
	t.Helper()
	file, err := disk.Open(fmt.Sprintf("%016d.seg", end.Segment))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(bytes.Repeat([]byte{0xa5}, 100), end.Offset); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	mark, err := disk.Open("MARK")
	if err != nil {
		t.Fatal(err)
	}
	defer mark.Close()
	if _, err := mark.WriteAt(make([]byte, 8192), 0); err != nil {
		t.Fatal(err)
	}
	return disk
}

func readFile(t *testing.T, disk fs.FS, name string) []byte {
	t.Helper()
	file, err := disk.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, size)
	if _, err := file.ReadAt(p, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return p
}

// dump returns the lines of every log, as `ringlog export --meta` prints them.
func dump(t *testing.T, l *Log) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	l.core.Logs(func(name string, id uint32, head uint64) {
		c := cursor{log: l}
		defer c.release()
		for at := uint64(1); at <= head; {
			lines, n, err := c.next(id, at, head, true, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = append(all[name], lines...)
			at += n
		}
	})
	return all
}

func dumpOf(t *testing.T, disk fs.FS) map[string][]byte {
	t.Helper()
	l, err := Open(Options{Files: disk.(*fs.Mem).Kill(), Segment: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return dump(t, l)
}

func saveGolden(t *testing.T, disk fs.FS, logs map[string][]byte) {
	t.Helper()
	blobs := filepath.Join(golden, "blobs")
	if err := os.RemoveAll(blobs); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	names, err := disk.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content := readFile(t, disk, name)
		used := (len(bytes.TrimRight(content, "\x00")) + 4095) / 4096 * 4096
		if err := os.WriteFile(filepath.Join(blobs, name), content[:used], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, lines := range logs {
		if err := os.WriteFile(filepath.Join(golden, name+".jsonl"), lines, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// loadDisk returns a copy of a directory in memory.
func loadDisk(t *testing.T, dir string) *fs.Mem {
	t.Helper()
	disk := fs.Memory()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		file, err := disk.Create(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(content, 0); err != nil {
			t.Fatal(err)
		}
		if err := file.Sync(); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
	}
	if err := disk.SyncDir(); err != nil {
		t.Fatal(err)
	}
	return disk
}

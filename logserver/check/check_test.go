package check_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/index"
)

// lived returns the files of a log that has lived a little and stopped in order.
func lived(t *testing.T) (files *fs.Mem, db string) {
	t.Helper()
	var lines []string
	for i := range 60 {
		lines = append(lines, fmt.Sprintf(`{"id":"a","log":"%c","entries":[{"n":%d},{"pad":"%s"}],"after":%d}`,
			'a'+i%3, i, strings.Repeat("x", 2000), i/3*2))
	}
	lines = append(lines, `{"id":"r","log":"a","entry":{},"after":0}`) // refused
	return said(t, lines...)
}

// said returns the files of a log that was told lines, one after the other, and stopped in order.
func said(t *testing.T, lines ...string) (files *fs.Mem, db string) {
	t.Helper()
	files, db = fs.Memory(), filepath.Join(t.TempDir(), "db")
	l, err := logserver.Open(logserver.Options{Files: files, DB: db, Segment: segment.MinSize})
	if err != nil {
		t.Fatal(err)
	}
	client, server := net.Pipe()
	s := logserver.NewServer(l, logserver.ServerOptions{})
	go s.Serve(&once{conn: server, done: make(chan struct{})})
	answers := bufio.NewReader(client)
	for _, line := range lines {
		fmt.Fprintln(client, line)
		if answer, err := answers.ReadString('\n'); err != nil || strings.Contains(answer, "error") && !strings.Contains(line, `"id":"r"`) {
			t.Fatal(answer, err)
		}
	}
	client.Close()
	if err := errors.Join(s.Shutdown(t.Context()), l.Close()); err != nil {
		t.Fatal(err)
	}
	return files, db
}

// once is a listener with one connection.
type once struct {
	conn net.Conn
	done chan struct{}
	end  sync.Once
}

func (o *once) Accept() (net.Conn, error) {
	if c := o.conn; c != nil {
		o.conn = nil
		return c, nil
	}
	<-o.done
	return nil, net.ErrClosed
}
func (o *once) Close() error   { o.end.Do(func() { close(o.done) }); return nil }
func (o *once) Addr() net.Addr { return &net.UnixAddr{} }

func TestWhatIsSoundPasses(t *testing.T) {
	files, db := lived(t)
	r, err := check.Data(check.Options{Files: files, DB: db})
	if err != nil {
		t.Fatal(err)
	}
	if r.Logs != 3 || r.Entries != 120 || r.Refused != 1 || r.Rows != 60 || r.Batches != 61 || len(r.Warnings) > 0 {
		t.Fatalf("%+v", r)
	}
}

// Content that was stored twice may be read from either place.
func TestEqualContentIsInEitherPlace(t *testing.T) {
	entry := `{"id":"a","log":"a","entry":{"same":"bytes"}}`
	files, db := said(t, entry, `{"id":"b","log":"a","entry":{"other":"ones"}}`, entry)
	var first index.Row
	for _, test := range []struct {
		of uint64
		ok bool
	}{{3, true}, {2, false}} {
		rewrite(func(r *index.Row) bool {
			if r.First == 1 {
				first = *r
			}
			if r.First == test.of {
				r.Place = first.Place
			}
			return true
		})(t, files, db)
		if _, err := check.Data(check.Options{Files: files, DB: db}); (err == nil) != test.ok {
			t.Errorf("entry %d at the place of the first: %v", test.of, err)
		}
	}
}

// Every invariant is broken in turn, and found broken.
func TestWhatIsSpoiltIsFound(t *testing.T) {
	for name, spoil := range map[string]struct {
		with func(t *testing.T, files *fs.Mem, db string)
		want string
	}{
		"an entry that is not its digest": {addContent(blobstore.Sum([]byte("other"))), "does not hash"},
		"a decision that does not chain":  {repeat(segment.KindDecided), "decided"},
		"a byte":                          {flip, "damaged"},
		"a row that says something else":  {rewrite(func(r *index.Row) bool { r.Time++; return true }), "the index says"},
		"a place that is another's":       {rewrite(func(r *index.Row) bool { r.Place.Offset += 8; return true }), "the index says"},
		"a row that nobody decided":       {rewrite(func(r *index.Row) bool { return true }, index.Row{Log: 1, First: 41, Count: 1, Place: blobstore.Place{Segment: 1, Offset: 4096}}), "beyond what was decided"},
		"rows that are missing":           {rewrite(func(r *index.Row) bool { return r.Log != 2 }), "the index says"},
	} {
		t.Run(name, func(t *testing.T) {
			files, db := lived(t)
			spoil.with(t, files, db)
			r, err := check.Data(check.Options{Files: files, DB: db})
			if err == nil || !strings.Contains(err.Error(), spoil.want) {
				t.Fatalf("error %v, want %q (%+v)", err, spoil.want, r)
			}
			if about := strings.Contains(name, "row") || strings.Contains(name, "place"); errors.Is(err, check.ErrIndex) != about {
				t.Errorf("that it is the index is said: %v", !about)
			}
		})
	}
}

func addContent(d blobstore.Digest) func(*testing.T, *fs.Mem, string) {
	return func(t *testing.T, files *fs.Mem, _ string) {
		var b blobstore.Batch
		b.Add([]byte(`{}`), d, nil)
		add(t, files, segment.Frame{Kind: segment.KindContent, Payload: [2][]byte{b.Manifest(), b.Content()}})
	}
}

func add(t *testing.T, files *fs.Mem, f segment.Frame) {
	t.Helper()
	s, _, err := segment.Open(files, segment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Append([]segment.Frame{f})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// repeat appends the last frame of a kind again, with its last byte changed.
func repeat(kind segment.Kind) func(*testing.T, *fs.Mem, string) {
	return func(t *testing.T, files *fs.Mem, _ string) {
		s, _, err := segment.View(files)
		if err != nil {
			t.Fatal(err)
		}
		var last []byte
		err = s.Scan(segment.Position{}, func(_ segment.Position, k segment.Kind, payload []byte) error {
			if k == kind {
				last = append([]byte(nil), payload...)
			}
			return nil
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		last[len(last)-1]++
		add(t, files, segment.Frame{Kind: kind, Payload: [2][]byte{last}})
	}
}

func flip(t *testing.T, files *fs.Mem, _ string) {
	f, err := files.Open("0000000000000001.seg")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], 20_000); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], 20_000); err != nil {
		t.Fatal(err)
	}
}

// rewrite makes the index anew with its rows changed (false: left out), and more.
func rewrite(change func(*index.Row) bool, more ...index.Row) func(*testing.T, *fs.Mem, string) {
	return func(t *testing.T, _ *fs.Mem, db string) {
		x, err := index.Open(db, index.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		cp, ok := x.Checkpoint()
		if !ok {
			t.Fatal("no checkpoint")
		}
		var rows []index.Row
		for log := uint32(1); log <= 3; log++ {
			if rows, err = x.Range(log, 1, rows, 1000); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.Discard(); err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if change(&rows[i]) {
				x.Add(cp.Applied, rows[i:i+1])
			}
		}
		x.Add(cp.Applied, more)
		cp.Windows = nil
		if err := x.Flush(cp); err != nil {
			t.Fatal(err)
		}
	}
}

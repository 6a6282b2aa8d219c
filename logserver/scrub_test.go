package logserver_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

// logLines gathers log lines.
type logLines struct {
	mu   sync.Mutex // guards the following
	text bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// scrubs opens a directory, lets so much time pass, and returns what the scrub has done and logged.
func scrubs(t *testing.T, disk fs.FS, o logserver.Options, pass time.Duration) (state logserver.ScrubState, lines string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out logLines
		o.Files, o.Segment, o.Logger = disk, segment.MinSize, zerolog.New(&out)
		l, err := logserver.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(pass)
		synctest.Wait()
		state = l.Scrubbed()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		lines = out.String()
	})
	return state, lines
}

// The scrub reads everything once a day, no faster than it may.
func TestScrubKeepsItsRate(t *testing.T) {
	v := newVictim(t)
	size := int64(0)
	for name, content := range v.image {
		if strings.HasSuffix(name, ".seg") {
			size += int64(len(content))
		}
	}
	disk := diskOf(t, v.image)
	if s, _ := scrubs(t, disk, logserver.Options{}, 59*time.Second); s.Passes != 0 {
		t.Errorf("before its time: %+v", s)
	}
	if s, _ := scrubs(t, disk, logserver.Options{}, 2*time.Minute); s.Passes != 1 || s.Damaged != 0 || s.Ended.IsZero() {
		t.Errorf("on the first day: %+v", s)
	}
	if s, _ := scrubs(t, disk, logserver.Options{}, 50*time.Hour); s.Passes != 3 {
		t.Errorf("in three days: %+v", s)
	}
	slow := logserver.Options{ScrubRate: size / 200}
	if s, _ := scrubs(t, disk, slow, time.Minute+20*time.Second); s.Passes != 0 || s.At.Segment == 0 {
		t.Errorf("slowly: %+v", s)
	}
	if s, _ := scrubs(t, disk, slow, time.Minute+500*time.Second); s.Passes != 1 {
		t.Errorf("slowly, to the end: %+v", s)
	}
	if s, _ := scrubs(t, disk, logserver.Options{ScrubRate: -1}, 50*time.Hour); s.Passes != 0 {
		t.Errorf("without: %+v", s)
	}
}

// What a repair has given up is no damage any more, and is still counted.
func TestScrubCountsWhatARepairHasGivenUp(t *testing.T) {
	disk := fs.Memory()
	l, err := logserver.Open(logserver.Options{Files: disk})
	if err != nil {
		t.Fatal(err)
	}
	k := dial(t, serveLog(t, l))
	k.send(`{"id":"a","entry":{"findme":1}}` + "\n" + `{"id":"b","entry":{"n":2}}` + "\n")
	k.expect(`{"id":"a","index":1}`, `{"id":"b","index":2}`)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if s, _ := scrubs(t, disk, logserver.Options{}, 2*time.Minute); s.Damaged != 0 || s.Repaired != 0 {
		t.Errorf("of sound data: %+v", s)
	}
	flip(t, disk, "findme")
	flip(t, disk, "1}") // two of one batch: it can't be put right
	if s, _ := scrubs(t, disk, logserver.Options{}, 2*time.Minute); s.Damaged != 1 || s.Repaired != 0 {
		t.Errorf("of damaged data: %+v", s)
	}
	repair, err := check.Examine(check.Options{Files: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer repair.Close()
	if err := repair.Apply(); err != nil {
		t.Fatal(err)
	}
	if s, _ := scrubs(t, disk, logserver.Options{}, 2*time.Minute); s.Damaged != 0 || s.Repaired != 1 {
		t.Errorf("of repaired data: %+v", s)
	}
}

// What is damaged while a server runs is found, told with its indices, and unavailable; everything
// behind it is looked at as well.
func TestScrubFindsDamage(t *testing.T) {
	disk := fs.Memory()
	lines := &logLines{}
	l, err := logserver.Open(logserver.Options{Files: disk, ScrubAfter: 1, ScrubRate: 1 << 40, ScrubEvery: 1, Logger: zerolog.New(lines)})
	if err != nil {
		t.Fatal(err)
	}
	k := dial(t, serveLog(t, l))
	for i, line := range []string{
		`{"id":"a","entry":{"n":1}}`, `{"id":"b","log":"other","entries":[{"findme":2},{"n":3}]}`,
		`{"id":"c","entry":{"n":4}}`, `{"id":"d","log":"other","entry":{"n":5}}`,
	} {
		k.send(line + "\n")
		if r := k.receive(); r.Error != "" {
			t.Fatal(i, r)
		}
	}
	flip(t, disk, "findme")
	done := l.Scrubbed().Passes
	for l.Scrubbed().Passes < done+2 {
		k.send(`{"id":"h","head":true}` + "\n")
		k.receive()
	}
	k.send(`{"log":"other","from":1,"follow":false}` + "\n")
	k.expect(`{"index":1,"error":"entry unavailable"}`, `{"index":2,"error":"entry unavailable"}`, `{"index":3,"entry":{"n":5}}`, `{"current":true}`)
	if text := lines.String(); !strings.Contains(text, "other 1 to 2") || !strings.Contains(text, "0000000000000001.seg is damaged at offset") {
		t.Error(text)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever is damaged, the scrub goes through to the end, and finds all that a repair finds.
func TestScrubGoesThrough(t *testing.T) {
	v := newVictim(t)
	by, first, r := offsets(t, 9001)
	for at := first; at < len(v.image["0000000000000001.seg"]); at += by {
		// The damage comes when the server has started.
		disk := diskOf(t, v.image)
		content := bytes.Clone(v.image["0000000000000001.seg"])
		for i := at; i < min(at+1+r.IntN(600), len(content)); i++ {
			content[i] ^= byte(1 + r.IntN(255))
		}
		harmed := at >= 4096 && v.image["0000000000000001.seg"][at] != 0
		synctest.Test(t, func(t *testing.T) {
			l, err := logserver.Open(logserver.Options{Files: disk, Segment: segment.MinSize, ScrubEvery: 100 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			f, err := disk.Open("0000000000000001.seg")
			if err != nil {
				t.Fatal(err)
			}
			f.WriteAt(content, 0)
			time.Sleep(time.Hour)
			synctest.Wait()
			if s := l.Scrubbed(); s.Passes != 1 || harmed && s.Damaged == 0 {
				t.Errorf("harmed at %d: %+v", at, s)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

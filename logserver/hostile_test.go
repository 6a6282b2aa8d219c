package logserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

// step is a part of a hostile conversation: first bytes are sent, then bytes
// are received.
type step struct {
	send, want []byte
	half       bool // end the sending side in between
}

// hostile is a case of testdata/hostile, whose README says how it is written.
type hostile struct {
	options logserver.Options
	server  logserver.ServerOptions
	steps   []step
	closes  bool // by the server, at the end
}

func readHostile(path string) (h hostile, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return h, err
	}
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if err := h.parse(line); err != nil {
			return h, fmt.Errorf("%s:%d: %w", path, n+1, err)
		}
	}
	if last := strings.TrimSpace(string(text)); !strings.HasSuffix(last, "\nstays") && !strings.HasSuffix(last, "\ncloses") {
		return h, fmt.Errorf("%s: how does it end?", path)
	}
	return h, nil
}

func (h *hostile) parse(line string) error {
	switch {
	case line == "" || line[0] == '#' || line == "stays":
	case line == "closes":
		h.closes = true
	case line == "half":
		h.sending().half = true
	case line[0] == '>':
		text, err := bytesOf(line[1:])
		s := h.sending()
		s.send = append(s.send, text...)
		return err
	case line[0] == '<':
		text, err := bytesOf(line[1:])
		if len(h.steps) == 0 {
			return errors.New("nothing was sent")
		}
		s := &h.steps[len(h.steps)-1]
		s.want = append(s.want, text...)
		return err
	case strings.HasPrefix(line, "option "):
		return h.option(strings.Fields(line)[1:])
	default:
		return fmt.Errorf("what is %q?", line)
	}
	return nil
}

// sending is the step that sends more: the last, unless it waits for an answer.
func (h *hostile) sending() *step {
	if n := len(h.steps); n == 0 || len(h.steps[n-1].want) > 0 {
		h.steps = append(h.steps, step{})
	}
	return &h.steps[len(h.steps)-1]
}

func (h *hostile) option(words []string) (err error) {
	switch words[0] {
	case "max-entry":
		h.options.MaxEntry, err = strconv.Atoi(words[1])
	case "keys":
		h.options.Keys, err = strconv.Atoi(words[1])
	case "logs":
		h.options.Logs, err = strconv.Atoi(words[1])
	case "echo":
		h.server.Echo, err = strconv.ParseBool(words[1])
	default:
		err = fmt.Errorf("no option %q", words[0])
	}
	return err
}

// bytesOf reads what is behind > or <.
func bytesOf(text string) ([]byte, error) {
	if strings.HasPrefix(text, " ") {
		return []byte(text[1:] + "\n"), nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return nil, err
	}
	count := 1
	if times := strings.TrimPrefix(text[len(quoted):], " * "); times != "" {
		if count, err = strconv.Atoi(times); err != nil {
			return nil, err
		}
	}
	unquoted, err := strconv.Unquote(quoted)
	return bytes.Repeat([]byte(unquoted), count), err
}

// TestHostile holds the conversations of testdata/hostile with a server each,
// in whole writes and byte by byte.
func TestHostile(t *testing.T) {
	paths, err := filepath.Glob("testdata/hostile/[0-9]*")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases: ", err)
	}
	for _, path := range paths {
		h, err := readHostile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, piece := range []int{64 << 20, 1} {
			if piece == 1 && h.size() > 8<<10 {
				piece = 8191
			}
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(path), piece), func(t *testing.T) {
				h.hold(t, piece, dial)
			})
			if piece < 64<<20 {
				continue
			}
			t.Run(filepath.Base(path)+"/TLS", func(t *testing.T) {
				ca, certs := certified(t, false, false)
				h.server.Certificates = certs
				h.hold(t, piece, func(t *testing.T, addr string) *talk { return dialTLS(t, addr, trusting(ca)) })
			})
		}
	}
}

func (h *hostile) size() (n int) {
	for _, s := range h.steps {
		n += len(s.send)
	}
	return n
}

// hold holds the conversation, sending pieces of so many bytes.
func (h *hostile) hold(t *testing.T, piece int, dial func(*testing.T, string) *talk) {
	addr := checked(t, h.options, h.server)
	k := dial(t, addr)
	for _, s := range h.steps {
		for rest := s.send; len(rest) > 0; {
			n := min(piece, len(rest))
			if _, err := k.conn.Write(rest[:n]); err != nil && !h.closes {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if s.half {
			k.half()
		}
		for want := range bytes.Lines(s.want) {
			if got := k.line() + "\n"; got != string(want) {
				t.Fatalf("\n got %.2000s\nwant %.2000s", got, want)
			}
		}
	}
	if h.closes {
		k.expectEnd()
	} else {
		k.alive()
	}
}

// alive wants the connection to answer.
func (k *talk) alive() {
	k.t.Helper()
	k.send(`{"id":"alive?","head":true}` + "\n")
	if r := k.receive(); r.ID != "alive?" || r.Head == nil {
		k.t.Fatalf("instead of its head: %+v", r)
	}
}

// checked is serve on files that are held against every invariant after the
// test, when a fresh connection has appended and read everything back.
func checked(t *testing.T, o logserver.Options, so logserver.ServerOptions) string {
	t.Helper()
	if o.Files == nil {
		o.Files = fs.Memory()
	}
	files := o.Files
	if so.StopGrace == 0 {
		so.StopGrace = time.Millisecond // nothing is on its way when a test has ended
	}
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		if report, err := check.Data(check.Options{Files: files}); err != nil {
			t.Errorf("check: %v (%+v)", err, report)
		}
	})
	addr := serve(t, o, so)
	t.Cleanup(func() {
		if !t.Failed() {
			asUsual(dial(t, addr))
		}
	})
	return addr
}

// asUsual appends on a fresh connection and reads everything back.
func asUsual(k *talk) {
	t := k.t
	t.Helper()
	defer k.conn.Close()
	k.send(`{"id":"as usual","entry":{"as":"usual"}}` + "\n")
	r := k.receive()
	if r.ID != "as usual" || r.Error != "" {
		t.Errorf("an append afterwards: %+v", r)
		return
	}
	k.send(`{"from":1,"follow":false}` + "\n")
	next, found := uint64(1), false
	for e := k.receive(); !e.Current; e = k.receive() {
		if e.Index != next || e.Entry == nil {
			t.Errorf("read back: %+v, want %d", e, next)
			return
		}
		found = found || next == r.Index && string(e.Entry) == `{"as":"usual"}`
		next++
	}
	if !found {
		t.Errorf("what was appended at %d was not read back", r.Index)
	}
	k.half()
	k.expectEnd()
}

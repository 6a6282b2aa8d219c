package client

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// server is the model behind a real socket. It can be told to cut connections
// at any byte, and goes on with what it had received on them at some later time.
type server struct {
	t        testing.TB
	listener net.Listener
	running  sync.WaitGroup
	token    string

	members []string // told to those who ask

	// conduct is that of the n-th connection, from 1.
	conduct func(n int) conduct

	mu      sync.Mutex // guards the following
	changed *sync.Cond // a log has grown, or the server is closed
	m       *model
	rnd     *rand.Rand
	conns   map[net.Conn]bool
	count   int
	cuts    int
	reading int // reads that were asked for
	zombies [][][]byte
	closed  bool
}

// conduct is how the server behaves on one connection.
type conduct struct {
	read, write int // bytes after which it cuts the connection; 0: never

	// answer, if not nil, answers appends in place of the model, unless it
	// returns nil; "cut" cuts the connection.
	answer func(m message) []byte
}

func newServer(t testing.TB) *server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := &server{
		t: t, listener: listener, m: newModel(), conns: map[net.Conn]bool{},
		rnd: rand.New(rand.NewPCG(seed, 0)), conduct: func(int) conduct { return conduct{} },
	}
	s.changed = sync.NewCond(&s.mu)
	t.Cleanup(s.close)
	return s
}

// start begins to accept, after the fields were set.
func (s *server) start() *server {
	s.accept(s.listener, func() conduct {
		s.count++
		return s.conduct(s.count)
	})
	return s
}

// also has the same logs served at another address, as another member of a
// cluster does, and returns that.
func (s *server) also(c conduct) (addr string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { listener.Close() }) // before s.close
	s.accept(listener, func() conduct { return c })
	return listener.Addr().String()
}

func (s *server) accept(listener net.Listener, conduct func() conduct) {
	s.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			c := conduct()
			s.mu.Unlock()
			s.running.Go(func() { s.serve(conn, c) })
		}
	})
}

func (s *server) addr() string { return s.listener.Addr().String() }

func (s *server) close() {
	s.listener.Close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cutAll()
	s.running.Wait()
}

// cutAll cuts every connection there is.
func (s *server) cutAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
	s.changed.Broadcast()
}

// log returns what a log has now, after all lines still lying around have had
// their effect.
func (s *server) log(name string) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.zombies) > 0 {
		s.revive()
	}
	return s.m.logs[name]
}

// put appends to a log behind the clients' backs.
func (s *server) put(name string, entries ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		s.m.logs[name] = append(s.m.logs[name], []byte(e))
	}
	s.changed.Broadcast()
}

// revive handles one line of a connection that was cut.
func (s *server) revive() {
	i := s.rnd.IntN(len(s.zombies))
	s.m.append(parseMessage(s.zombies[i][0]))
	if s.zombies[i] = s.zombies[i][1:]; len(s.zombies[i]) == 0 {
		s.zombies = append(s.zombies[:i], s.zombies[i+1:]...)
	}
}

// link is the server's side of a connection, with the bytes it has left.
type serverConn struct {
	net.Conn
	s           *server
	c           conduct
	mu          sync.Mutex // guards the following and writing
	read, wrote int
	cut         bool
}

var errCut = errors.New("cut")

func (c *serverConn) Read(p []byte) (int, error) {
	if c.c.read > 0 {
		if c.read >= c.c.read {
			return 0, errCut
		}
		p = p[:min(len(p), c.c.read-c.read)]
	}
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

func (c *serverConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left := c.c.write - c.wrote; c.c.write > 0 && len(p) >= left {
		c.Conn.Write(p[:max(left, 0)])
		c.wrote += left
		c.Conn.Close()
		c.cut = true
		return 0, errCut
	}
	c.wrote += len(p)
	return c.Conn.Write(p)
}

func (s *server) serve(raw net.Conn, c conduct) {
	conn := &serverConn{Conn: raw, s: s, c: c}
	lines := bufio.NewReaderSize(conn, 64<<10)
	var reads sync.WaitGroup
	authorized := s.token == ""
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		m := parseMessage(line)
		if m.Auth != nil {
			authorized = authorized || *m.Auth == s.token
		}
		if !authorized {
			conn.Write(protocol.AppendError(nil, nil, protocol.ErrorUnauthorized))
			break
		}
		if !s.handle(conn, m, &reads) {
			break
		}
	}
	s.mu.Lock()
	delete(s.conns, raw)
	raw.Close()
	s.changed.Broadcast()
	if c.read > 0 || c.write > 0 {
		s.cuts++
	}
	s.keep(lines)
	s.mu.Unlock()
	reads.Wait()
}

// keep keeps the lines that were received and not handled, or some of them.
func (s *server) keep(lines *bufio.Reader) {
	rest, _ := lines.Peek(lines.Buffered())
	var left [][]byte
	for line := range bytes.Lines(rest) {
		if line[len(line)-1] == '\n' && bytes.Contains(line, []byte(`"producer"`)) {
			left = append(left, bytes.Clone(line))
		}
	}
	if n := s.rnd.IntN(len(left) + 1); n > 0 {
		s.zombies = append(s.zombies, left[:n])
	}
}

// handle handles a line; false cuts the connection.
func (s *server) handle(conn *serverConn, m message, reads *sync.WaitGroup) bool {
	var answer []byte
	s.mu.Lock()
	head := uint64(len(s.m.logs[m.Log]))
	switch {
	case m.Auth != nil:
		answer = protocol.AppendAuth(nil)
	case m.Head:
		answer = protocol.AppendHead(nil, m.ID, head)
		if m.Members {
			answer = protocol.AppendHeadMembers(nil, m.ID, head, s.members)
		}
	case m.Logs:
		for name, log := range s.m.logs {
			answer = protocol.AppendLog(answer, name, 1, uint64(len(log)))
		}
		answer = protocol.AppendLogs(answer, len(s.m.logs))
	case m.From != nil:
		s.reading++
		reads.Go(func() { s.tail(conn, m, head) })
	default:
		answer = s.answer(conn.c, m)
	}
	s.mu.Unlock()
	if string(answer) == "cut" {
		return false
	}
	if len(answer) > 0 {
		_, err := conn.Write(answer)
		return err == nil
	}
	return true
}

func (s *server) answer(c conduct, m message) []byte {
	if c.answer != nil {
		if a := c.answer(m); a != nil {
			return a
		}
	}
	if len(s.zombies) > 0 && s.rnd.IntN(2) == 0 {
		s.revive()
	}
	defer s.changed.Broadcast()
	return s.m.append(m)
}

// tail answers a read; head is that of when its line came.
func (s *server) tail(conn *serverConn, m message, head uint64) {
	var line []byte
	next, left := s.first(m, head), m.Read
	for current := false; ; {
		s.mu.Lock()
		log := s.m.logs[m.Log]
		for current && next > uint64(len(log)) && s.conns[conn.Conn] {
			s.changed.Wait()
			log = s.m.logs[m.Log]
		}
		gone := !s.conns[conn.Conn]
		s.mu.Unlock()
		switch {
		case gone:
			return
		case m.Read > 0 && left == 0:
			conn.Write(protocol.AppendHead(nil, nil, uint64(len(log))))
			return
		case !current && next > head:
			current = true
			line = protocol.AppendCurrent(line[:0])
		default:
			line = s.entryLine(line[:0], m, next, log[next-1])
			next, left = next+1, left-1
		}
		if _, err := conn.Write(line); err != nil || current && m.Follow != nil && !*m.Follow {
			return
		}
	}
}

// testTime is when an entry was appended: a second after the one before.
func testTime(index uint64) time.Time {
	return time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.UTC).Add(time.Duration(index) * time.Second)
}

func (s *server) first(m message, head uint64) uint64 {
	if text, ok := strings.CutPrefix(string(m.From), `"`); ok {
		at, err := time.Parse(time.RFC3339Nano, strings.TrimSuffix(text, `"`))
		if err != nil {
			s.t.Errorf("from %s: %v", m.From, err)
		}
		for i := uint64(1); i <= head; i++ {
			if !testTime(i).Before(at) {
				return i
			}
		}
		return head + 1
	}
	n, err := strconv.ParseInt(string(m.From), 10, 64)
	if err != nil || n < 0 {
		s.t.Errorf("from %s", m.From)
	}
	return uint64(max(n, 1))
}

func (s *server) entryLine(dst []byte, m message, index uint64, entry []byte) []byte {
	if text, ok := bytes.CutPrefix(entry, []byte("error ")); ok {
		return protocol.AppendErrorEntry(dst, index, string(text))
	}
	if !m.Meta {
		return protocol.AppendEntry(dst, index, entry)
	}
	var key []byte
	for name, k := range s.m.keys {
		if k.index == index {
			key = []byte(strings.TrimPrefix(name, m.Log+" "))
		}
	}
	return protocol.AppendEntryMeta(dst, index, testTime(index).UnixNano(), sha256.Sum256(entry), key, entry)
}

var _ io.ReadWriter = (*serverConn)(nil)

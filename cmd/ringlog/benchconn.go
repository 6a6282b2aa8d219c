package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const (
	benchMark     = `{"sent":"`
	benchDigits   = 16
	minBenchEntry = len(benchMark) + benchDigits + len(`","text":""}`)
	benchBuffer   = 256 << 10
)

// benchStart is what times in entries are counted from.
var benchStart = time.Now()

// dialNext makes the connection of that number, to the server whose turn it is.
func (b *benching) dialNext(number int) (halfConn, error) {
	conn, err := b.dial(context.Background(), b.servers[number%len(b.servers)], connectTimeout)
	return conn, withCode(exitConnect, err)
}

// benchWriter keeps appends in flight on one connection.
type benchWriter struct {
	*benching
	conn     halfConn
	request  []byte
	at       int             // of the entry's time
	sent     chan benchGroup // those in flight, for the reader
	answered chan int        // by the reader
	ended    chan struct{}   // the reader has
	last     uint64
}

// benchGroup is n appends written at one time.
type benchGroup struct {
	n  int
	at time.Duration
}

func newBenchWriter(b *benching, number int) (*benchWriter, error) {
	conn, err := b.dialNext(number)
	if err != nil {
		return nil, err
	}
	w := &benchWriter{
		benching: b, conn: conn, sent: make(chan benchGroup, b.inFlight), answered: make(chan int, b.inFlight),
		ended: make(chan struct{}),
	}
	head := fmt.Sprintf(`{"id":"%d","log":"%s","entry":`, number, b.log)
	w.at = len(head) + len(benchMark)
	w.request = fmt.Appendf(nil, `%s%s%016x","text":"%s"}}`+"\n", head, benchMark, 0, bytes.Repeat([]byte("x"), b.size-minBenchEntry))
	return w, nil
}

// run appends until ctx ends and waits for what is unanswered then.
func (w *benchWriter) run(ctx context.Context) error {
	defer w.conn.Close()
	// A server that hangs must not hang us.
	defer context.AfterFunc(ctx, func() { _ = w.conn.SetDeadline(time.Now().Add(reconnectFor)) })()
	read := make(chan error, 1)
	go func() {
		defer close(w.ended)
		read <- w.read()
	}()
	err := w.write(ctx)
	_ = w.conn.CloseWrite() // the server answers all and closes
	return errors.Join(<-read, err)
}

func (w *benchWriter) write(ctx context.Context) error {
	var buf []byte
	for room := w.inFlight; ; {
		for more := true; more; {
			select {
			case n := <-w.answered:
				room += n
			default:
				more = false
			}
		}
		if room == 0 {
			select {
			case n := <-w.answered:
				room += n
			case <-w.ended:
				return nil // it says why
			case <-ctx.Done():
				return nil
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		now := time.Since(benchStart)
		n := min(room, max(1, benchBuffer/len(w.request)))
		buf = buf[:0]
		for range n {
			buf = w.append(buf, now)
		}
		room -= n
		w.sent <- benchGroup{n, now}
		if _, err := w.conn.Write(buf); err != nil {
			return fmt.Errorf("%w: %w", errBenchCut, err)
		}
	}
}

// append adds a request; no two entries of a connection are the same.
func (w *benchWriter) append(buf []byte, now time.Duration) []byte {
	w.last = max(w.last+1, uint64(now))
	const hex = "0123456789abcdef"
	for i, rest := benchDigits-1, w.last; i >= 0; i-- {
		w.request[w.at+i] = hex[rest&15]
		rest >>= 4
	}
	return append(buf, w.request...)
}

var (
	errBenchRefused = errors.New("the server refused")
	errBenchCut     = errors.New("the connection was cut")
	benchNewline    = []byte{'\n'}
)

// read counts confirmations until the server closes.
func (w *benchWriter) read() error {
	buf := make([]byte, 64<<10)
	var group benchGroup
	for {
		n, err := w.conn.Read(buf)
		if at := bytes.Index(buf[:n], []byte(`"error"`)); at >= 0 {
			return fmt.Errorf("%w: %.200s", errBenchRefused, bytes.TrimSpace(buf[max(0, at-20):n]))
		}
		answered := bytes.Count(buf[:n], benchNewline)
		now := time.Since(benchStart)
		for left := answered; left > 0; {
			if group.n == 0 {
				group = <-w.sent
			}
			k := min(left, group.n)
			w.benching.answered.add(now-group.at, k, k*w.size)
			left -= k
			group.n -= k
		}
		if answered > 0 {
			w.answered <- answered
		}
		switch {
		case errors.Is(err, io.EOF) && group.n == 0 && len(w.sent) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("%w with appends unanswered: %w", errBenchCut, err)
		}
	}
}

// benchTail reads on one connection.
type benchTail struct {
	*benching
	conn halfConn
}

// newBenchTail begins to read: from the head when there are appends, else from the beginning.
func newBenchTail(b *benching, number int) (*benchTail, error) {
	conn, err := b.dialNext(number)
	if err != nil {
		return nil, err
	}
	from := uint64(1)
	if b.appends {
		if from, err = benchHead(conn, b.log); err != nil {
			return nil, err
		}
		from++
	}
	_, err = fmt.Fprintf(conn, "{\"from\":%d,\"log\":%q}\n", from, b.log)
	return &benchTail{benching: b, conn: conn}, err
}

func benchHead(conn net.Conn, log string) (uint64, error) {
	if _, err := fmt.Fprintf(conn, "{\"head\":true,\"log\":%q}\n", log); err != nil {
		return 0, err
	}
	buf := make([]byte, 256)
	n := 0
	for n == 0 || buf[n-1] != '\n' {
		m, err := conn.Read(buf[n:])
		if err != nil {
			return 0, err
		}
		n += m
	}
	digits, ok := bytes.CutPrefix(buf[:n], []byte(`{"head":`))
	if !ok {
		return 0, fmt.Errorf("%w: %s", errBenchRefused, bytes.TrimSpace(buf[:n]))
	}
	return strconv.ParseUint(string(bytes.TrimSuffix(digits, []byte("}\n"))), 10, 64)
}

// stop ends the read: after all that was appended, or at once.
func (t *benchTail) stop(all bool) {
	if all {
		_ = t.conn.CloseWrite()
		return
	}
	t.conn.Close()
}

var benchTime = []byte(benchMark)

// run counts entries until the connection ends.
func (t *benchTail) run() error {
	defer t.conn.Close()
	buf := make([]byte, benchBuffer)
	for {
		n, err := t.conn.Read(buf)
		t.take(buf[:n])
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("%w: %w", errBenchCut, err)
		}
	}
}

// take counts entries by their ends. One line in a read is looked at for its age: a sample.
func (t *benchTail) take(chunk []byte) {
	lines := bytes.Count(chunk, benchNewline)
	if bytes.Contains(chunk[max(0, len(chunk)-32):], []byte(`{"current":true}`)) {
		lines--
	}
	age := time.Duration(-1)
	if at := bytes.Index(chunk, benchTime); t.appends && at >= 0 && at+len(benchTime)+benchDigits <= len(chunk) {
		sent, err := strconv.ParseUint(string(chunk[at+len(benchTime):at+len(benchTime)+benchDigits]), 16, 64)
		if err == nil {
			age = time.Since(benchStart) - time.Duration(sent)
		}
	}
	t.delivered.add(age, max(0, lines), len(chunk))
}

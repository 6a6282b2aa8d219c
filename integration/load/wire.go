package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"net"
	"strconv"
	"time"
)

// Answer is a line of the server.
type Answer struct {
	ID        string          `json:"id"`
	Index     uint64          `json:"index"`
	Entry     json.RawMessage `json:"entry"`
	Duplicate bool            `json:"duplicate"`
	Error     string          `json:"error"`
	Head      *uint64         `json:"head"`
	Current   bool            `json:"current"`
}

// Parse reads the lines that come by the million without a JSON parser.
func Parse(line []byte) (a Answer, err error) {
	if rest, ok := bytes.CutPrefix(line, []byte(`{"index":`)); ok {
		if digits, entry, ok := bytes.Cut(rest, []byte(`,"entry":`)); ok && bytes.HasSuffix(entry, []byte("}\n")) {
			a.Index, err = strconv.ParseUint(string(digits), 10, 64)
			a.Entry = entry[:len(entry)-2]
			return a, err
		}
	}
	err = json.Unmarshal(line, &a)
	return a, err
}

const bufferSize = 64 << 10

// A Dialer tries once to connect to a server, or to one of several.
type Dialer func(ctx context.Context) (net.Conn, error)

// At connects to an address.
func At(address string) Dialer {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
}

// Connect connects as soon as the server can be reached, until ctx ends, and so does the connection.
func (d Dialer) Connect(ctx context.Context) (net.Conn, error) {
	for {
		conn, err := d(ctx)
		if err == nil {
			// A read that waits must end with ctx.
			context.AfterFunc(ctx, func() { conn.Close() })
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Lines yields the lines of a connection to its end, each valid until the next; ctx may cut it short.
func Lines(conn net.Conn) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		reader := bufio.NewReaderSize(conn, 2<<20) // longer than any line
		for {
			line, err := reader.ReadSlice('\n')
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// errNotCurrent ends a read that broke off before it said that it was current.
var errNotCurrent = errors.New("the read broke off")

// History reads from an index to the head, or at most so many entries if read is not 0; err is set
// when it is over, before that it may be ignored.
func History(ctx context.Context, dial Dialer, from, read uint64) (entries iter.Seq2[uint64, []byte], err func() error) {
	failure := errNotCurrent
	return func(yield func(uint64, []byte) bool) {
		conn, err := dial.Connect(ctx)
		if err != nil {
			failure = err
			return
		}
		defer conn.Close()
		if read == 0 {
			read = math.MaxInt64
		}
		if _, failure = fmt.Fprintf(conn, "{\"from\":%d,\"read\":%d,\"follow\":false}\n", from, read); failure != nil {
			return
		}
		failure = errNotCurrent
		for line, err := range Lines(conn) {
			if err != nil {
				failure = fmt.Errorf("%w: %w", errNotCurrent, err)
				return
			}
			a, err := Parse(line)
			switch {
			case err != nil || a.Error != "":
				failure = fmt.Errorf("unexpected line %.200q", line)
				return
			case a.Current, a.Head != nil:
				failure = nil
				return
			case !yield(a.Index, a.Entry):
				return
			}
		}
	}, func() error { return failure }
}

// Head asks for the head of the log.
func Head(ctx context.Context, dial Dialer) (uint64, error) {
	conn, err := dial.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("{\"head\":true}\n")); err != nil {
		return 0, err
	}
	for line, err := range Lines(conn) {
		if err != nil {
			return 0, err
		}
		if a, err := Parse(line); err != nil || a.Head == nil {
			return 0, fmt.Errorf("unexpected line %.200q", line)
		} else {
			return *a.Head, nil
		}
	}
	return 0, errNotCurrent
}

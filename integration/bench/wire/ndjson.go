package wire

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// NDJSON is the dialect of Ringlog and of tcp-log-server.
type NDJSON struct {
	// Numbered appends carry a producer and its running number.
	Numbered bool
	// Old is a server that knows neither named logs, nor heads, nor reads that end.
	Old bool
}

// endless is how many entries a read without an end asks for, where it has to say so.
const endless = 1_000_000_000

var (
	current   = []byte("{\"current\":true}\n")
	errorMark = []byte(`"error"`)
)

// Open does nothing: the protocol has no greeting.
func (NDJSON) Open(io.ReadWriter) error { return nil }

// Found does nothing: a log comes into being with its first append.
func (NDJSON) Found(io.ReadWriter) error { return nil }

// Head asks for the head; of an old server, by a read of one entry.
func (d NDJSON) Head(c io.ReadWriter) (uint64, error) {
	ask := "{\"head\":true}\n"
	if d.Old {
		return 0, d.wait(c, `{"from":1,"read":1}`)
	}
	if _, err := io.WriteString(c, ask); err != nil {
		return 0, err
	}
	line, err := readLine(c)
	if err != nil {
		return 0, err
	}
	digits, ok := bytes.CutPrefix(line, []byte(`{"head":`))
	if !ok {
		return 0, fmt.Errorf("%w: %.200q", ErrRefused, line)
	}
	return strconv.ParseUint(string(bytes.TrimSuffix(digits, []byte("}\n"))), 10, 64)
}

func (d NDJSON) wait(c io.ReadWriter, ask string) error {
	if _, err := io.WriteString(c, ask+"\n"); err != nil {
		return err
	}
	_, err := readLine(c)
	return err
}

// Appender is for one connection, which is also one producer.
func (d NDJSON) Appender(conn, size int) Appender {
	entry := Entry(size, uint64(conn))
	a := &lineAppender{request: newRequest(`{"id":"00000000","entry":`, entry, "}\n"), numbered: d.Numbered}
	if d.Numbered {
		a.head = fmt.Sprintf(`{"producer":"bench-%d","seq":`, conn)
		a.request = newRequest(`,"id":"00000000","entry":`, entry, "}\n")
	}
	a.id = bytes.Index(a.request.bytes, []byte(`00000000`))
	return a
}

type lineAppender struct {
	request
	id       int // where its digits are
	numbered bool
	head     string
	seq      uint64
}

func (a *lineAppender) Append(buf []byte, n uint64) []byte {
	a.seq++
	id := a.bytes[a.id : a.id+8]
	for i, rest := 7, a.seq; i >= 0; i-- {
		id[i] = byte('0' + rest%10)
		rest /= 10
	}
	if a.numbered {
		buf = append(buf, a.head...)
		buf = strconv.AppendUint(buf, a.seq, 10)
	}
	return a.append(buf, n)
}

var newline = []byte{'\n'}

// Take counts confirmations: lines.
func (a *lineAppender) Take(chunk []byte) (Taken, error) {
	return Taken{Count: bytes.Count(chunk, newline)}, refusal(chunk)
}

// refusal looks for an error line. One that two chunks share is missed; the head, compared at the end
// of a run, is not.
func refusal(chunk []byte) error {
	if at := bytes.Index(chunk, errorMark); at >= 0 {
		return fmt.Errorf("%w: %.200q", ErrRefused, chunk[max(0, at-100):])
	}
	return nil
}

// History reads to the head.
func (d NDJSON) History(_ io.ReadWriter, _ int, _ uint64) (Reader, error) {
	if d.Old {
		return &lineReader{begin: fmt.Sprintf("{\"from\":1,\"read\":%d}\n", endless)}, nil
	}
	return &lineReader{begin: "{\"from\":1,\"follow\":false}\n"}, nil
}

// Tail begins the read at once and waits until the server has said that it is current.
func (d NDJSON) Tail(c io.ReadWriter, _ int, head uint64) (Reader, error) {
	ask := fmt.Sprintf("{\"from\":%d}\n", head+1)
	if d.Old {
		ask = fmt.Sprintf("{\"from\":%d,\"read\":%d}\n", head+1, endless)
	}
	if _, err := io.WriteString(c, ask); err != nil {
		return nil, err
	}
	line, err := readLine(c)
	if err == nil && !bytes.Equal(line, current) {
		err = fmt.Errorf("%w: %.200q", ErrRefused, line)
	}
	return &lineReader{}, err
}

type lineReader struct {
	begin string
	tail  [len("{\"current\":true}\n")]byte // the last bytes received
}

func (r *lineReader) Begin(buf []byte) []byte { return append(buf, r.begin...) }

// Take counts entries: lines, but for the one that says that a history has ended.
func (r *lineReader) Take(chunk []byte) (Taken, error) {
	taken := Taken{Count: bytes.Count(chunk, newline)}
	if r.begin == "" || len(chunk) == 0 {
		return taken, nil
	}
	if len(chunk) >= len(r.tail) {
		copy(r.tail[:], chunk[len(chunk)-len(r.tail):])
	} else {
		copy(r.tail[:], r.tail[len(chunk):])
		copy(r.tail[len(r.tail)-len(chunk):], chunk)
	}
	if bytes.Equal(r.tail[:], current) {
		taken.Count--
		taken.Done = true
	}
	return taken, nil
}

// readLine reads one line, byte by byte so that nothing behind it is lost: for what is not measured.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(r, one); err != nil {
			return nil, err
		}
		line = append(line, one[0])
		if one[0] == '\n' {
			return line, nil
		}
	}
}

package logserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver"
)

// dropped wants the server to close without a word, in order or with a reset.
func (k *talk) dropped() {
	k.t.Helper()
	if line, err := k.lines.ReadString('\n'); line != "" || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		k.t.Fatalf("want to be dropped, got %q, %v", line, err)
	}
}

// reset closes the connection with RST.
func (k *talk) reset() {
	k.conn.(*net.TCPConn).SetLinger(0)
	k.conn.Close()
}

// stuck sends text again and again until the server takes no more, and returns
// how many bytes of it were taken. Their count is not a multiple of text's.
func (k *talk) stuck(text []byte) (sent int) {
	k.t.Helper()
	const enough = 64 << 20
	k.conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)) // it gets stuck long before
	defer k.conn.SetWriteDeadline(time.Now().Add(guard))
	text = bytes.Repeat(text, 1+64<<10/len(text))
	for sent < enough {
		n, err := k.conn.Write(text[sent%len(text):])
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return sent
		}
		if err != nil {
			k.t.Fatal(err)
		}
	}
	k.t.Fatalf("%d bytes were taken although nothing was read", sent)
	return 0
}

// small makes the buffers of a connection small, so that it gets stuck soon.
func small(k *talk) *talk {
	tcp := k.tcp()
	tcp.SetReadBuffer(128 << 10)
	tcp.SetWriteBuffer(128 << 10)
	return k
}

// 10 GB of `{`: the limit is found without reading further, in little memory,
// although the client goes on sending and never ends the line.
func TestHostileEndlessLine(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{Linger: 50 * time.Millisecond})
	k := dial(t, addr)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sent, text := int64(0), bytes.Repeat([]byte("{"), 1<<20)
	for err := error(nil); err == nil && sent < 10<<30; {
		var n int
		n, err = k.conn.Write(text)
		sent += int64(n)
	}
	runtime.ReadMemStats(&after)
	if sent > 512<<20 {
		t.Errorf("%d bytes of one line were taken", sent)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

// A line is found wherever the network splits it.
func TestHostileSplitAtEveryPoint(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{})
	text := `{"id":"a","entry":{"s":"\ud83d\ude00 é"}}` + "\r\n \n" + `{"head":true,"id":"h"}` + "\n"
	k := dial(t, addr)
	for i := range len(text) + 1 {
		k.send(text[:i])
		k.send(text[i:])
		k.expect(fmt.Sprintf(`{"id":"a","index":%d}`, i+1), fmt.Sprintf(`{"id":"h","head":%d}`, i+1))
	}
}

// Half a line, and then nothing: dropped. Silence between lines is fine.
func TestHostileHalfALine(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{LineTimeout: 100 * time.Millisecond})
	silent := dial(t, addr)
	silent.send(`{"id":"a","entry":{}}` + "\n")
	silent.expect(`{"id":"a","index":1}`)
	for _, half := range []string{"{", `{"id":"b","entry":{}}`, " ", "\r", "\x00\x00\x00\x23\x00\x12", "x"} {
		k := dial(t, addr)
		k.send(`{"id":"x","head":true}` + "\n" + half)
		k.expect(`{"id":"x","head":1}`)
		k.dropped()
	}
	silent.alive()
}

// A client that was not read from because it took no answers has not been
// idle: when it takes them, everything it has sent is answered.
func TestHostileHalfALineWhileNotReadFrom(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{
		LineTimeout: 100 * time.Millisecond, MaxUnanswered: 64, MaxUnsent: 4 << 10,
	})
	k := small(dial(t, addr))
	line := fmt.Appendf(nil, `{"id":"%s","entry":1}`+"\n", strings.Repeat("x", 256))
	sent := k.stuck(line) // for longer than LineTimeout
	lines := sent / len(line)
	if rest := sent % len(line); rest > 0 {
		lines++
		go k.conn.Write(line[rest:]) // there is no room for it yet
	}
	for range lines {
		if r := k.receive(); r.Error != "invalid message" {
			t.Fatalf("%+v", r)
		}
	}
	k.alive()
}

// More connections than MaxConns are dropped; those that are served stay, and
// when one ends another is welcome.
func TestHostileTooManyConnections(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{MaxConns: 3})
	var served []*talk
	for range 3 {
		k := dial(t, addr)
		k.alive()
		served = append(served, k)
	}
	for range 20 {
		k := dial(t, addr)
		k.conn.Write([]byte(`{"id":"a","entry":{}}` + "\n"))
		k.dropped()
	}
	for _, k := range served {
		k.alive()
		k.half()
		k.expectEnd()
	}
	for { // the server forgets a connection a moment after it closed it
		k := dial(t, addr)
		k.conn.Write([]byte(`{"id":"again","head":true}` + "\n"))
		line, _ := k.lines.ReadString('\n')
		k.conn.Close()
		if line != "" {
			break
		}
	}
	waitForRoom(t, addr)
}

// waitForRoom returns when the server serves a connection again.
func waitForRoom(t *testing.T, addr string) {
	t.Helper()
	for end := time.Now().Add(guard); time.Now().Before(end); {
		k := dial(t, addr)
		k.conn.Write([]byte(`{"head":true}` + "\n"))
		line, _ := k.lines.ReadString('\n')
		k.half()
		k.lines.ReadString('\n')
		k.conn.Close()
		if line != "" {
			return
		}
	}
	t.Fatal("no connection is served any more")
}

// Connections that come and go, with and without a word, in order or not.
func TestHostileStormOfConnections(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{MaxConns: 64})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 100 {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				k := &talk{t: t, conn: conn}
				switch (i + j) % 5 {
				case 1:
					conn.Write([]byte(`{"from":1}` + "\n" + `{"id":"a","entry":{}}` + "\n"))
				case 2:
					conn.Write([]byte(`{"id":"a","entry":{}}` + "\n" + `{"id":"b`))
					k.reset()
				case 3:
					conn.Write([]byte(`{"from":1,"read":3,"log":"x` + fmt.Sprint(j) + `"}` + "\nnonsense\n"))
				case 4:
					k.half()
				}
				conn.Close()
			}
		})
	}
	all.Wait()
	waitForRoom(t, addr)
}

// RST while appends and reads are under way: nobody waits for them.
func TestHostileResetDuringAppends(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{MaxUnanswered: 32, MaxUnsent: 4 << 10})
	lines := strings.Repeat(`{"id":"a","entry":{"pad":"`+strings.Repeat("x", 300)+`"}}`+"\n", 100)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			k := dial(t, addr)
			if i%2 == 0 {
				k.send(`{"from":1,"echo":true}` + "\n")
			}
			for range i {
				k.conn.Write([]byte(lines))
			}
			if i%3 == 0 {
				k.lines.ReadString('\n')
			}
			k.reset()
		})
	}
	all.Wait()
}

// A million appends without reading an answer: the connection is not read from
// any more. Others don't notice, and when the answers are read all are there.
func TestHostileAppendsWithoutReading(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{MaxUnanswered: 64, MaxUnsent: 4 << 10})
	id := strings.Repeat("x", 250)
	line := fmt.Appendf(nil, `{"id":"%s","entry":{}}`+"\n", id)
	k := small(dial(t, addr))
	sent := k.stuck(line)
	other := dial(t, addr)
	for range 100 {
		other.send(`{"id":"b","entry":{},"log":"b"}` + "\n")
		other.receive()
	}
	lines := sent / len(line)
	for i := range lines {
		k.expect(fmt.Sprintf(`{"id":"%s","index":%d}`, id, i+1))
	}
	k.half() // the half line that is left is discarded
	k.expectEnd()
}

// A tail that reads nothing waits; nobody else does, and it misses nothing.
func TestHostileTailThatReadsNothing(t *testing.T) {
	addr := checked(t, logserver.Options{Recent: 4 << 10}, logserver.ServerOptions{ReadChunk: 4 << 10})
	var stalled []*talk
	for range 6 {
		k := small(dial(t, addr))
		k.send(`{"from":1}` + "\n")
		stalled = append(stalled, k)
	}
	k := dial(t, addr)
	const appends = 60
	pad := strings.Repeat("x", 100<<10)
	for i := range appends {
		k.send(fmt.Sprintf(`{"id":"a","entry":{"n":%d,"pad":"%s"}}`+"\n", i, pad))
		k.receive()
	}
	for i, k := range stalled {
		if i%2 == 0 {
			k.reset()
			continue
		}
		for next := uint64(1); next <= appends; {
			if r := k.receive(); !r.Current && r.Index != next {
				t.Fatalf("entry %d, want %d", r.Index, next)
			} else if !r.Current {
				next++
			}
		}
		k.alive()
	}
}

// A client that floods with short questions gets their answers, as far as it
// takes them, and costs no more memory than its limits.
func TestHostileQuestionsWithoutReading(t *testing.T) {
	for _, question := range []string{`{"logs":true}`, `{"head":true}`, `[]`, `{"auth":"x"}`, `{"from":1}`, `{"id":"h","head":true}`} {
		t.Run(question, func(t *testing.T) {
			addr := checked(t, logserver.Options{}, logserver.ServerOptions{MaxUnanswered: 64, MaxUnsent: 4 << 10})
			k := dial(t, addr)
			for i := range 50 {
				k.send(fmt.Sprintf(`{"id":"a","entry":{},"log":"log-%d"}`+"\n", i))
				k.receive()
			}
			flood := small(dial(t, addr))
			flood.stuck([]byte(question + "\n"))
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			if m.HeapInuse > 200<<20 {
				t.Errorf("%d MiB of heap", m.HeapInuse>>20)
			}
			flood.conn.SetDeadline(time.Now().Add(guard))
			flood.half()
			rest, err := io.ReadAll(flood.lines)
			if err != nil || len(rest) == 0 || rest[len(rest)-1] != '\n' {
				t.Errorf("%d bytes of answers, %v", len(rest), err)
			}
		})
	}
}

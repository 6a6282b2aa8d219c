package logserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver"
)

// received is any line of the server.
type received struct {
	ID        string
	Index     uint64
	Count     uint64
	Error     string
	Head      *uint64
	Current   bool
	Duplicate bool
	Entry     json.RawMessage
}

func (k *talk) receive() (r received) {
	k.t.Helper()
	line := k.line()
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		k.t.Fatalf("%s: %v", line, err)
	}
	return r
}

// strangers append to the log until stop is closed.
func strangers(t *testing.T, addr string, n int) (stop func()) {
	var all sync.WaitGroup
	done := make(chan struct{})
	for i := range n {
		k := dial(t, addr)
		all.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-done:
					return
				default:
				}
				k.send(fmt.Sprintf(`{"id":"s","entry":{"stranger":%d,"n":%d}}`+"\n", i, j))
				k.receive()
			}
		})
	}
	return func() { close(done); all.Wait() }
}

// A connection that tails the log it appends to sees each index once, as an
// entry or as a confirmation, in ascending order; with an echo, the entry
// comes behind its confirmation. Meanwhile strangers append.
func TestOneConnectionSeesEachIndexOnce(t *testing.T) {
	for _, echo := range []bool{false, true} {
		t.Run(fmt.Sprintf("echo %v", echo), func(t *testing.T) {
			addr := serve(t, logserver.Options{}, logserver.ServerOptions{Echo: echo})
			defer strangers(t, addr, 3)()
			k := dial(t, addr)
			k.send(`{"from":1}` + "\n")
			random := rand.New(rand.NewPCG(1, 2))
			const appends = 400
			go func() {
				for i := 0; i < appends; {
					text := ""
					for range 1 + random.IntN(5) {
						text += fmt.Sprintf(`{"id":"%d","entry":{"own":%d}}`+"\n", i, i)
						if i++; i == appends {
							break
						}
					}
					k.send(text)
				}
			}()
			followOwn(t, k, appends, echo)
		})
	}
}

// followOwn reads until all own appends have been seen as they should.
func followOwn(t *testing.T, k *talk, appends int, echo bool) {
	t.Helper()
	next, confirmed, echoed := uint64(1), map[uint64]bool{}, 0
	for id := 0; id < appends || echo && echoed < appends; {
		r := k.receive()
		switch {
		case r.Current:
		case r.ID != "":
			if r.ID != fmt.Sprint(id) || r.Index != next {
				t.Fatalf("confirmation of %q at %d, want %d at %d", r.ID, r.Index, id, next)
			}
			id++
			confirmed[r.Index] = true
			if !echo {
				next++
			}
		case r.Index != next:
			t.Fatalf("entry %d, want %d", r.Index, next)
		default:
			own := json.Valid(r.Entry) && string(r.Entry[:6]) == `{"own"`
			if own != confirmed[r.Index] || own && !echo {
				t.Fatalf("entry %d: own %v, confirmed %v", r.Index, own, confirmed[r.Index])
			}
			if own {
				echoed++
			}
			next++
		}
	}
}

// Lines with an id are answered in the order of the lines, whatever they ask.
func TestAnswersComeInTheOrderOfTheLines(t *testing.T) {
	addr := serve(t, logserver.Options{}, logserver.ServerOptions{})
	defer strangers(t, addr, 2)()
	k := dial(t, addr)
	const lines = 2000
	go func() {
		random := rand.New(rand.NewPCG(3, 4))
		text := ""
		for i := range lines {
			switch random.IntN(6) {
			case 0:
				text += fmt.Sprintf(`{"id":"%d","head":true}`+"\n", i)
			case 1:
				text += fmt.Sprintf(`{"id":"%d","entry":3}`+"\n", i)
			case 2:
				text += fmt.Sprintf(`{"id":"%d","entry":{},"after":0}`+"\n", i)
			case 3:
				text += fmt.Sprintf(`{"id":"%d","entries":[{},[]],"log":"b"}`+"\n", i)
			default:
				text += fmt.Sprintf(`{"id":"%d","entry":{}}`+"\n", i)
			}
			if random.IntN(20) == 0 || i == lines-1 {
				k.send(text)
				text = ""
			}
		}
	}()
	for i := range lines {
		if r := k.receive(); r.ID != fmt.Sprint(i) {
			t.Fatalf("answer to %q, want %d", r.ID, i)
		}
	}
}

// Tails that begin anywhere, while the log grows, see every index once, and
// history passes into live without a gap.
func TestTailsSeeEverything(t *testing.T) {
	addr := serve(t, logserver.Options{Recent: 256}, logserver.ServerOptions{ReadChunk: 200})
	defer strangers(t, addr, 2)()
	var all sync.WaitGroup
	for i := range 20 {
		k := dial(t, addr)
		from := uint64(1 + i*7)
		k.send(fmt.Sprintf(`{"from":%d,"meta":%v}`+"\n", from, i%2 == 0))
		all.Go(func() {
			for next := from; next < from+500; {
				r := k.receive()
				if r.Current {
					continue
				}
				if r.Index != next {
					t.Errorf("entry %d, want %d", r.Index, next)
					return
				}
				next++
			}
		})
	}
	all.Wait()
}

// A client that doesn't take its answers isn't read from any more, and costs
// the others nothing.
func TestNotReadFromWhileAnswersAreNotTaken(t *testing.T) {
	addr := serve(t, logserver.Options{}, logserver.ServerOptions{MaxUnanswered: 64, MaxUnsent: 4 << 10, StopTimeout: 1})
	k := dial(t, addr)
	k.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	k.conn.SetWriteDeadline(time.Now().Add(2 * time.Second)) // it gets stuck long before
	lines := bytes.Repeat([]byte(`{"id":"a","entry":{}}`+"\n"), 1000)
	var err error
	for range 64 << 20 / len(lines) {
		if _, err = k.conn.Write(lines); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("64 MiB of appends were taken although no answer was: %v", err)
	}
	other := dial(t, addr)
	for range 100 {
		other.send(`{"id":"b","entry":{}}` + "\n")
		other.receive()
	}
}

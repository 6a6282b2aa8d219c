//go:build linux

package limits

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

// answer is a line of the server.
type answer struct {
	ID        string          `json:"id"`
	Index     uint64          `json:"index"`
	Entry     json.RawMessage `json:"entry"`
	Duplicate bool            `json:"duplicate"`
	Error     string          `json:"error"`
	Head      *uint64         `json:"head"`
	Current   bool            `json:"current"`
}

// talk is a connection that a test speaks on.
type talk struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, address string) *talk {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, server.Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(server.Patience))
	return &talk{t, conn, bufio.NewReaderSize(conn, 2<<20)}
}

func (k *talk) send(format string, args ...any) {
	k.t.Helper()
	if _, err := fmt.Fprintf(k.conn, format+"\n", args...); err != nil {
		k.t.Fatal(err)
	}
}

func (k *talk) receive() (a answer) {
	k.t.Helper()
	line, err := k.lines.ReadSlice('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		k.t.Fatalf("after %.200q: %v", line, err)
	}
	return a
}

// append appends an entry and returns what is answered.
func (k *talk) append(entry string) answer {
	k.t.Helper()
	k.send(`{"id":"a","entry":%s}`, entry)
	return k.receive()
}

// appended wants an entry to be appended.
func (k *talk) appended(entry string) uint64 {
	k.t.Helper()
	a := k.append(entry)
	if a.Error != "" || a.Index == 0 {
		k.t.Fatalf("%+v", a)
	}
	return a.Index
}

// history reads the log to its head and returns how many entries it has.
func (k *talk) history() (entries uint64) {
	k.t.Helper()
	k.send(`{"from":1,"follow":false}`)
	for {
		switch a := k.receive(); {
		case a.Current:
			return entries
		case a.Error != "" || a.Index != entries+1:
			k.t.Fatalf("after entry %d: %+v", entries, a)
		default:
			entries++
		}
	}
}

// notProven ends a test for which the machine lacks something.
func notProven(t *testing.T, why string, args ...any) {
	t.Helper()
	t.Skipf("not proven here: "+why, args...)
}

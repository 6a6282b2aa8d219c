package load

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ringlog/ringlog/integration/ledger"
)

// spoilt serves one connection: it takes one line and answers with lines of its own.
func spoilt(t *testing.T, answer string) Dialer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
			_, _ = fmt.Fprint(conn, answer)
		}
	}()
	return At(listener.Addr().String())
}

// sent is a ledger of a client that has sent three operations.
func sent() *ledger.Ledger {
	l := ledger.New(1)
	l.Client(1, true)
	for n := range uint32(3) {
		l.Sent(ledger.Op{Client: 1, N: n + 1})
	}
	return l
}

func wants(t *testing.T, l *ledger.Ledger, kind ledger.Kind) {
	t.Helper()
	found, total := l.Violations()
	if kind == "" && len(found) > 0 || kind != "" && total[kind] == 0 {
		t.Errorf("want %q, found %v", kind, found)
	}
}

// entryLine is what a tail gets of the n-th operation at an index.
func entryLine(index uint64, n uint32) string {
	return fmt.Sprintf(`{"index":%d,"entry":%s}`+"\n", index, ledger.AppendEntry(nil, 1, ledger.Op{Client: 1, N: n}))
}

func TestASpoiltTailIsFound(t *testing.T) {
	const current = `{"current":true}` + "\n"
	good := entryLine(1, 1) + entryLine(2, 2) + current + entryLine(3, 3)
	for name, c := range map[string]struct {
		lines string
		kind  ledger.Kind
	}{
		"good":             {good, ""},
		"a gap":            {entryLine(1, 1) + entryLine(3, 3), ledger.Gap},
		"a repeat":         {entryLine(1, 1) + entryLine(1, 1), ledger.Gap},
		"beginning late":   {entryLine(2, 2), ledger.Gap},
		"two swapped":      {entryLine(1, 2) + entryLine(2, 1) + entryLine(3, 2), ledger.Doubled},
		"altered":          {strings.Replace(good, `"n":1`, `"n":2`, 1), ledger.Altered},
		"current twice":    {good + current, ledger.Protocol},
		"unavailable":      {`{"index":1,"error":"entry unavailable"}` + "\n", ledger.Protocol},
		"half a line more": {good + "nonsense\n", ledger.Protocol},
	} {
		t.Run(name, func(t *testing.T) {
			l := sent()
			newTail(l, spoilt(t, c.lines), 1, &atomic.Uint64{}).read(t.Context(), 100)
			wants(t, l, c.kind)
		})
	}
}

func TestASpoiltAnswerIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		kind ledger.Kind
	}{
		"good":                  {`{"id":"1","index":1}`, ""},
		"unknown outcome":       {`{"id":"1","error":"unknown outcome"}`, ""},
		"disk full":             {`{"id":"1","error":"disk full"}`, ""},
		"another's answer":      {`{"id":"2","index":1}`, ledger.Protocol},
		"refused for no reason": {`{"id":"1","error":"key already used"}`, ledger.Protocol},
		"no index":              {`{"id":"1"}`, ledger.Protocol},
		"no JSON":               {`{"id":"1",`, ledger.Protocol},
	} {
		t.Run(name, func(t *testing.T) {
			l := ledger.New(1)
			w := newWriter(l, nil, 2)
			w.sending(1)
			conn, err := spoilt(t, c.line+"\n").Connect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := fmt.Fprintln(conn); err != nil {
				t.Fatal(err)
			}
			w.receive(conn)
			wants(t, l, c.kind)
		})
	}
}

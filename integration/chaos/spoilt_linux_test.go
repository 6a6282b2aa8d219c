package chaos

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/ledger"
)

// read takes lines as if a node had sent them.
func read(lines ...string) *reading {
	r := &reading{at: "x", sum: sha256.New()}
	for i, line := range lines {
		r.add([]byte(line), uint64(i+1))
	}
	r.add(nil, 0)
	return r
}

func metaLine(index, second int, entry string) string {
	return fmt.Sprintf(`{"index":%d,"time":"2026-11-20T10:00:%02dZ","hash":"00","entry":%s}`+"\n", index, second, entry)
}

func TestASpoiltNodeIsFound(t *testing.T) {
	one, two := metaLine(1, 1, `{"a":1}`), metaLine(2, 2, `{"a":2}`)
	good := read(one, two)
	if err := good.like(read(one, two)); err != nil {
		t.Error(err)
	}
	for name, r := range map[string]*reading{
		"another entry":    read(one, metaLine(2, 2, `{"a":3}`)),
		"another time":     read(one, metaLine(2, 3, `{"a":2}`)),
		"one is missing":   read(one),
		"one more":         read(one, two, metaLine(3, 3, `{}`)),
		"swapped":          read(two, one),
		"nothing is there": read(),
	} {
		if good.like(r) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestLinesAreSplit(t *testing.T) {
	index, entry, ok := split([]byte(metaLine(7, 1, `{"a":1}`)))
	if !ok || index != 7 || string(entry) != `{"a":1}` {
		t.Errorf("%d, %s, %v", index, entry, ok)
	}
	for _, line := range []string{"", "{}\n", `{"head":7}` + "\n", `{"current":true}` + "\n", `{"index":7,"error":"entry unavailable"}` + "\n"} {
		if _, _, ok := split([]byte(line)); ok {
			t.Errorf("%q is an entry", line)
		}
	}
}

// TestAMinoritysConfirmationIsFound: an answer that a node gives that is cut off is judged rightly, before and
// after the cut is healed.
func TestAMinoritysConfirmationIsFound(t *testing.T) {
	for _, c := range []struct {
		line    string
		healing bool
		kind    ledger.Kind
	}{
		{`{"id":"o","index":1}`, false, "minority"},
		{`{"id":"o","index":1}`, true, ""},
		{`{"id":"o","error":"no quorum"}`, false, ""},
		{`{"id":"o","error":"unknown outcome"}`, false, ""},
		{`{"id":"o","error":"key already used"}`, false, ledger.Protocol},
	} {
		l := ledger.New(1)
		l.Client(firstOutcast, false)
		op := ledger.Op{Client: firstOutcast, N: 1}
		l.Sent(op)
		o := &outcast{}
		o.over.Store(c.healing)
		o.answer(l, op, bufio.NewReader(strings.NewReader(c.line+"\n")), &node{name: "x"})
		found, total := l.Violations()
		if c.kind == "" && len(found) > 0 || c.kind != "" && total[c.kind] == 0 {
			t.Errorf("%s, healing %v: %v", c.line, c.healing, found)
		}
	}
}

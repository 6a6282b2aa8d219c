package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestEntry(t *testing.T) {
	for _, size := range []int{MinSize, 200, 2048} {
		r := newRequest("head ", Entry(size, 3), " end")
		text := string(r.append(nil, 0xfedcba9876543210))
		entry := strings.TrimSuffix(strings.TrimPrefix(text, "head "), " end")
		if len(entry) != size || !json.Valid([]byte(entry)) {
			t.Errorf("%d bytes: %s", len(entry), entry)
		}
		if n, ok := Number([]byte(strings.TrimPrefix(entry, Mark))); !ok || n != 0xfedcba9876543210 {
			t.Errorf("number = %x, %v", n, ok)
		}
	}
	if _, ok := Number([]byte("00000000")); ok {
		t.Error("a number was read that isn't whole")
	}
}

// feed gives a stream what is received in pieces of every size, and again what it left.
func feed(t *testing.T, s Stream, received string, piece func() int) (count int, sent string, done bool) {
	t.Helper()
	var rest []byte
	for at := 0; at < len(received) && !done; {
		n := min(piece(), len(received)-at)
		chunk := append(rest, received[at:at+n]...)
		at += n
		taken, err := s.Take(chunk)
		if err != nil {
			t.Fatalf("Take: %v", err)
		}
		count += taken.Count
		sent += string(taken.Send)
		done = taken.Done
		rest = append([]byte(nil), chunk[len(chunk)-taken.Rest:]...)
	}
	return count, sent, done
}

func pieces(t *testing.T, test func(t *testing.T, piece func() int)) {
	for _, size := range []int{1, 2, 7, 100, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) { test(t, func() int { return size }) })
	}
	t.Run("random", func(t *testing.T) { test(t, func() int { return 1 + rand.IntN(300) }) })
}

func TestLines(t *testing.T) {
	pieces(t, func(t *testing.T, piece func() int) {
		if n, _, _ := feed(t, NDJSON{}.Appender(1, 200), "{\"id\":\"1\",\"index\":1}\n{\"id\":\"2\",\"index\":2}\n", piece); n != 2 {
			t.Errorf("%d confirmations", n)
		}
		history, _ := NDJSON{}.History(nil, 200, 2)
		n, _, done := feed(t, history, "{\"index\":1,\"entry\":{}}\n{\"index\":2,\"entry\":{}}\n{\"current\":true}\n", piece)
		if n != 2 || !done {
			t.Errorf("%d entries, done: %v", n, done)
		}
	})
}

func TestLineRequest(t *testing.T) {
	a := NDJSON{Numbered: true}.Appender(4, 200)
	var buf []byte
	for n := range uint64(12) {
		buf = a.Append(buf, n)
	}
	var m struct {
		ID, Producer string
		Seq          int
	}
	lines := strings.Split(strings.TrimSpace(string(buf)), "\n")
	if err := json.Unmarshal([]byte(lines[11]), &m); err != nil || len(lines) != 12 || m.ID != "00000012" || m.Seq != 12 || m.Producer != "bench-4" {
		t.Errorf("%d lines, %+v, %v: %s", len(lines), m, err, lines[11])
	}
}

func TestRedis(t *testing.T) {
	entry := string(Entry(200, 1))
	answer := func(ids ...string) string {
		text := fmt.Sprintf("*1\r\n*2\r\n$5\r\nbench\r\n*%d\r\n", len(ids))
		for _, id := range ids {
			text += fmt.Sprintf("*2\r\n$%d\r\n%s\r\n*2\r\n$1\r\ne\r\n$%d\r\n%s\r\n", len(id), id, len(entry), entry)
		}
		return text
	}
	pieces(t, func(t *testing.T, piece func() int) {
		if n, _, _ := feed(t, Redis{}.Appender(1, 200), "$15\r\n1700000000000-0\r\n$16\r\n1700000000000-10\r\n", piece); n != 2 {
			t.Errorf("%d answers", n)
		}
		history, _ := Redis{}.History(nil, 200, 3)
		n, sent, done := feed(t, history, answer("1700000000000-0", "1700000000000-10")+answer("1700000000001-0"), piece)
		if n != 3 || !done || strings.Count(sent, "XREAD") != 1 || !strings.Contains(sent, "\r\n1700000000000-10\r\n") {
			t.Errorf("%d entries, done: %v, sent %q", n, done, sent)
		}
	})
}

func TestNATS(t *testing.T) {
	entry := string(Entry(200, 1))
	delivered := fmt.Sprintf("MSG bench 1 $JS.ACK.bench.x.1.1.1.1.0 %d\r\n%s\r\n", len(entry), entry)
	flow := "NATS/1.0 100 FlowControl Request\r\n\r\n"
	received := delivered + "PING\r\n" + fmt.Sprintf("HMSG d 1 $JS.FC.bench.x %d %d\r\n%s\r\n", len(flow), len(flow), flow) + delivered
	pieces(t, func(t *testing.T, piece func() int) {
		r := &natsReader{limit: 2}
		n, sent, done := feed(t, r, received, piece)
		if n != 2 || !done || sent != "PONG\r\nPUB $JS.FC.bench.x 0\r\n\r\n" {
			t.Errorf("%d entries, done: %v, sent %q", n, done, sent)
		}
		ack := "MSG _INBOX.bench.1 1 28\r\n{\"stream\":\"bench\", \"seq\":10}\r\n"
		if n, _, _ := feed(t, NATS{}.Appender(1, 200), "INFO {}\r\n"+ack+ack, piece); n != 2 {
			t.Errorf("%d acknowledgements", n)
		}
	})
}

func TestRefusals(t *testing.T) {
	tail, _ := Redis{}.Tail(nil, 200, 0)
	for _, test := range []struct {
		stream   Stream
		received string
	}{
		{NDJSON{}.Appender(1, 200), `{"id":"1","error":"disk full"}` + "\n"},
		{Redis{}.Appender(1, 200), "-OOM command not allowed\r\n"},
		{tail, "-LOADING Redis is loading\r\n"},
		{NATS{}.Appender(1, 200), "MSG i 1 24\r\n{\"error\":{\"code\":503,  }}\r\n"},
		{&natsReader{}, "-ERR 'Slow Consumer'\r\n"},
	} {
		if _, err := test.stream.Take([]byte(test.received)); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", test.received, err)
		}
	}
}

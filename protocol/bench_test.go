package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
)

// An append of an entry of about 200 bytes, as a program logs it.
const line200 = `{"id":"6f1c2a90-17","entry":{"time":"2026-11-20T10:00:00.123Z","level":"info","service":"checkout",` +
	`"msg":"order placed","order":"A-1029384","user":48213,"total":129.90,"items":[3,17,22],"ok":true,"region":"eu-west-1","took_ms":12}}`

// The same of about 2 KiB: a stack trace, with escapes, and text beyond ASCII.
var line2K = `{"id":"6f1c2a90-18","entry":{"time":"2026-11-20T10:00:00.123Z","level":"error","service":"checkout","msg":"Zahlung fehlgeschlagen: Größe überschritten","stack":"` +
	strings.Repeat(`at com.example.checkout.PaymentService.charge(PaymentService.java:214)\n\t`, 20) +
	`","tags":{` + strings.TrimSuffix(strings.Repeat(`"k8s.pod":"checkout-7d9f","n":12345,`, 8), ",") + `}}}`

func benchmarkParse(b *testing.B, text string) {
	var p Parser
	var m Message
	line := make([]byte, len(text))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		copy(line, text)
		if err := p.Parse(line, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func spaced(text string) string {
	return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(text)
}

func BenchmarkParse200(b *testing.B)       { benchmarkParse(b, line200) }
func BenchmarkParse2K(b *testing.B)        { benchmarkParse(b, line2K) }
func BenchmarkParseSpaced200(b *testing.B) { benchmarkParse(b, spaced(line200)) }
func BenchmarkParseSpaced2K(b *testing.B)  { benchmarkParse(b, spaced(line2K)) }

func BenchmarkParseNumbered(b *testing.B) {
	benchmarkParse(b, strings.Replace(line200, `{"id":`, `{"producer":"web-1","seq":123456,"log":"orders","id":`, 1))
}

func BenchmarkParseEntries(b *testing.B) {
	one := `{"sensor":"t-17","value":21.5,"ok":true}`
	benchmarkParse(b, `{"id":"1","entries":[`+strings.TrimSuffix(strings.Repeat(one+",", 1000), ",")+`]}`)
}

// For comparison: what the standard library takes to say yes.
func BenchmarkStandardValid200(b *testing.B) {
	b.SetBytes(int64(len(line200)))
	for b.Loop() {
		json.Valid([]byte(line200))
	}
}

func BenchmarkReadParse200(b *testing.B) {
	const lines = 256
	block := bytes.Repeat([]byte(line200+"\n"), lines)
	l := NewLineReader(&endless{block: block}, 1<<20)
	var p Parser
	var m Message
	b.SetBytes(int64(len(line200) + 1))
	b.ReportAllocs()
	for b.Loop() {
		line, ok := l.Next()
		for ; !ok; line, ok = l.Next() {
			if err := l.Fill(); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Parse(line, &m); err != nil {
			b.Fatal(err)
		}
	}
}

// endless repeats a block for ever.
type endless struct {
	block []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.block[e.at:])
	e.at = (e.at + n) % len(e.block)
	return n, nil
}

var _ io.Reader = (*endless)(nil)

func BenchmarkEncodeEntry(b *testing.B) {
	entry := []byte(line200[len(`{"id":"6f1c2a90-17","entry":`) : len(line200)-1])
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(entry)))
	for b.Loop() {
		dst = AppendEntry(dst[:0], 123456, entry)
	}
}

func BenchmarkEncodeEntryMeta(b *testing.B) {
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendEntryMeta(dst[:0], 123456, 1763632800123456789, [32]byte{}, nil, []byte(`{}`))
	}
}

func BenchmarkEncodeConfirmation(b *testing.B) {
	id := fmt.Appendf(nil, `"6f1c2a90-17"`)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendConfirmation(dst[:0], id, 123456, 0, false)
	}
}

package blobstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

type item struct{ entry, key string }

func build(b *blobstore.Batch, items ...item) []byte {
	b.Reset()
	for _, it := range items {
		b.Add([]byte(it.entry), blobstore.Sum([]byte(it.entry)), []byte(it.key))
	}
	return append(bytes.Clone(b.Manifest()), b.Content()...)
}

func TestDigestHasOneSpelling(t *testing.T) {
	d := blobstore.Sum([]byte("abc"))
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if d.String() != want {
		t.Fatalf("got %s, as sha256sum says %s", d, want)
	}
	if back, err := blobstore.ParseDigest(want); err != nil || back != d {
		t.Fatalf("ParseDigest: %v, %v", back, err)
	}
	for _, bad := range []string{"", want[1:], want + "0", strings.ToUpper(want), "g" + want[1:], " " + want[1:]} {
		if _, err := blobstore.ParseDigest(bad); !errors.Is(err, blobstore.ErrDigest) {
			t.Errorf("ParseDigest(%q): %v", bad, err)
		}
	}
}

func TestManifestGivesBackTheBatch(t *testing.T) {
	var b blobstore.Batch
	var m blobstore.Manifest
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		items := make([]item, rng.IntN(20))
		for i := range items {
			items[i].entry = strings.Repeat("x", rng.IntN(50)) + fmt.Sprint(i)
			if rng.IntN(3) == 0 {
				items[i].key = fmt.Sprintf("key-%d", i)
			}
		}
		payload := build(&b, items...)
		if err := m.Parse(payload); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if m.Len() != len(items) || b.Len() != len(items) || m.BatchDigest() != b.Digest() {
			t.Fatalf("round %d: %d of %d entries, digests %s and %s", round, m.Len(), len(items), m.BatchDigest(), b.Digest())
		}
		for i, want := range items {
			if string(m.Entry(i)) != want.entry || m.Digest(i) != blobstore.Sum([]byte(want.entry)) ||
				string(m.Key(i)) != want.key || (m.Key(i) == nil) != (want.key == "") {
				t.Fatalf("round %d, ordinal %d: %q %q, want %+v", round, i, m.Entry(i), m.Key(i), want)
			}
		}
	}
}

func TestBatchOfOneIsNamedByItsEntry(t *testing.T) {
	var b blobstore.Batch
	build(&b, item{`{"a":1}`, "k"})
	if b.Digest() != blobstore.Sum([]byte(`{"a":1}`)) {
		t.Error("a batch of one must have its entry's digest")
	}
	build(&b, item{`{"a":1}`, ""}, item{`{"a":1}`, ""})
	if b.Digest() != blobstore.Sum(b.Manifest()) {
		t.Error("a batch of two must have its manifest's digest")
	}
}

func TestManifestMayBeAskedForBetweenAdds(t *testing.T) {
	var once, twice blobstore.Batch
	want := build(&once, item{"1", "a"}, item{"2", "b"})
	build(&twice, item{"1", "a"})
	twice.Manifest()
	twice.Add([]byte("2"), blobstore.Sum([]byte("2")), []byte("b"))
	if got := append(bytes.Clone(twice.Manifest()), twice.Content()...); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestParseRefusesEveryPrefix(t *testing.T) {
	var b blobstore.Batch
	var m blobstore.Manifest
	payload := build(&b, item{"first", "k"}, item{"second", ""})
	for n := range payload {
		if err := m.Parse(payload[:n]); !errors.Is(err, blobstore.ErrManifest) || m.Len() != 0 {
			t.Fatalf("prefix of %d bytes: %v, %d entries", n, err, m.Len())
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var b blobstore.Batch
	var m blobstore.Manifest
	entry, key := []byte(`{"some":"entry"}`), []byte("key")
	d := blobstore.Sum(entry)
	payload := build(&b, item{"first", "k"}, item{"second", ""})
	round := func() {
		b.Reset()
		for range 10 {
			b.Add(entry, d, key)
		}
		b.Manifest()
		b.Digest()
		if m.Parse(payload) != nil {
			t.Fatal("parse")
		}
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzManifest: any bytes are refused or are exactly what a Batch would make of them.
func FuzzManifest(f *testing.F) {
	var b blobstore.Batch
	f.Add(build(&b))
	f.Add(build(&b, item{`{"a":1}`, ""}))
	f.Add(build(&b, item{`[]`, "key"}, item{`{"b":2}`, ""}, item{`{}`, "x"}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var m blobstore.Manifest
		if err := m.Parse(payload); err != nil {
			return
		}
		var again blobstore.Batch
		for i := range m.Len() {
			again.Add(m.Entry(i), m.Digest(i), m.Key(i))
		}
		if !bytes.Equal(append(bytes.Clone(again.Manifest()), again.Content()...), payload) {
			t.Fatalf("%x parsed as something else", payload)
		}
		if again.Digest() != m.BatchDigest() {
			t.Fatal("digests differ")
		}
	})
}

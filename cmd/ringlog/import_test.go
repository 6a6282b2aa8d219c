package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseIndex(t *testing.T) {
	for _, c := range []struct {
		key   string
		index uint64
		ok    bool
	}{
		{"01", 1, true}, {"log!01", 1, true}, {"fa", 250, true}, {"fb00", 251, true}, {"fbff", 506, true}, {"fc0100", 507, true},
		{"fdffffff", 251 + 1<<24 - 1, true}, {"fe01000000", 251 + 1<<24, true},
		{"", 0, false}, {"0", 0, false}, {"0102", 0, false}, {"fb", 0, false}, {"fb0000", 0, false}, {"ff010000000000", 0, false},
		{"logs!01", 0, false}, {"zz", 0, false},
	} {
		if index, ok := parseIndex(c.key); index != c.index || ok != c.ok {
			t.Errorf("%q: %d, %v", c.key, index, ok)
		}
	}
}

// FuzzIndexAndHash: rows of a foreign LevelDB, and lists of hashes, are read or refused.
func FuzzIndexAndHash(f *testing.F) {
	hash := strings.Repeat("0a", 32)
	f.Add("log!fb00", []byte(`"`+hash+`"`))
	f.Add("01", []byte(hash))
	f.Add("fe01000000", []byte(hash+"\n"+hash+"\nff"))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		if index, ok := parseIndex(key); !ok && index != 0 {
			t.Errorf("index %d of a bad key %q", index, key)
		}
		if hash, ok := parseHash(key, value); ok && !isHash(hash) {
			t.Errorf("hash %q", hash)
		}
		n := 0
		for hash, err := range linesOfHashes(bytes.NewReader(value)) {
			if err != nil {
				continue // it is the last
			}
			n++
			if !isHash(hash) {
				t.Errorf("hash %q of a list", hash)
			}
		}
		if n > len(value)/hashLine {
			t.Errorf("%d hashes of %d bytes", n, len(value))
		}
	})
}

func TestIsNamed(t *testing.T) {
	text := []byte(`{"a":"é","b":1}`)
	for hash, want := range map[string]bool{
		"aa58fba8483623bed37c1b02edfccbdd9a53123837c20bfa4cb4049993a2872e": true, // as versions 9 and later have it
		"8cac06c61b40a3f4766c7a2731370c1b1df31e32909d70e477386ee5bc5edd8c": true, // as version 6 has it
		strings.Repeat("0", 64): false,
	} {
		if isNamed(text, hash) != want {
			t.Errorf("%s: want %v", hash, want)
		}
	}
	if isNamed([]byte("\xff"), "8cac06c61b40a3f4766c7a2731370c1b1df31e32909d70e477386ee5bc5edd8c") {
		t.Error("bytes that are no text")
	}
}

package segment

import "testing"

// TestFrameIsBoundToItsPlace: the same bytes elsewhere are no frame.
func TestFrameIsBoundToItsPlace(t *testing.T) {
	salt := salted([16]byte{1}, 7)
	h := header{kind: KindOrder, flags: flagLast, ordinal: 3, length: 5, batch: 9, at: 4096, durable: 4096, payloadCRC: 11}
	var p [frameHeader]byte
	h.put(p[:], salt)
	if got, ok := parseHeader(p[:], salt, 4096); !ok || got != h {
		t.Fatalf("got %+v, %v", got, ok)
	}
	for what, elsewhere := range map[string]struct {
		salt uint32
		at   int64
	}{
		"at another offset":                   {salt, 4104},
		"in another file":                     {salted([16]byte{2}, 7), 4096},
		"in a file renamed to another number": {salted([16]byte{1}, 8), 4096},
	} {
		if _, ok := parseHeader(p[:], elsewhere.salt, elsewhere.at); ok {
			t.Errorf("it counts %s", what)
		}
	}
}

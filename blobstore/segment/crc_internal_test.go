package segment

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

func random(r *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

func TestOneWrongByteIsMended(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		salt := r.Uint32()
		p := random(r, 5+r.IntN(200))
		binary.LittleEndian.PutUint32(p[len(p)-4:], crc32.Update(salt, castagnoli, p[:len(p)-4]))
		bad := bytes.Clone(p)
		at, bits := r.IntN(len(p)), byte(1+r.IntN(255))
		bad[at] ^= bits
		if !mendSummed(bad, salt) || !bytes.Equal(bad, p) {
			t.Fatalf("byte %d of %d, bits %x: %x, want %x", at, len(p), bits, bad, p)
		}
		bad[at] ^= bits
		bad[(at+1)%len(p)] ^= 1 + byte(r.IntN(255))
		if mendSummed(bad, salt) && bytes.Equal(bad, p) {
			t.Fatal("two wrong bytes can't be mended")
		}
	}
}

func TestSaltIsToldByAFrame(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for number := range uint64(200) {
		salt := salted([16]byte(random(r, 16)), number)
		h := header{kind: KindContent, length: r.Int64N(1000), batch: number, at: 4096}
		var p [frameHeader]byte
		h.put(p[:], salt)
		if got := saltOf(p[:]); got != salt {
			t.Fatalf("%08x, want %08x", got, salt)
		}
		if got := salted(saltFor(salt, number), number); got != salt {
			t.Fatalf("%08x, want %08x", got, salt)
		}
	}
}

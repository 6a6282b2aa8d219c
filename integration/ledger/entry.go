package ledger

import (
	"bytes"
	"strconv"
)

// MaxEntry is the server's default limit of an entry; the largest entries are exactly that long.
const MaxEntry = 1 << 20

// An Op names an append: the n-th of a client, both from 1.
type Op struct{ Client, N uint32 }

// AppendEntry appends the bytes of an operation's entry to dst: {"c":1,"n":2,"pad":"…"}, of mixed
// sizes up to MaxEntry. They depend on the seed and the operation alone.
func AppendEntry(dst []byte, seed uint64, op Op) []byte {
	random := mix(seed ^ uint64(op.Client)<<32 ^ uint64(op.N))
	begin := len(dst)
	dst = append(dst, `{"c":`...)
	dst = strconv.AppendUint(dst, uint64(op.Client), 10)
	dst = append(dst, `,"n":`...)
	dst = strconv.AppendUint(dst, uint64(op.N), 10)
	const open, shut = `,"pad":"`, `"}`
	size := min(padding(random), MaxEntry-(len(dst)-begin)-len(open)-len(shut))
	if size == 0 {
		return append(dst, '}')
	}
	dst = append(dst, open...)
	pattern := strconv.AppendUint(nil, mix(random), 36)
	for end := len(dst) + size; len(dst) < end; {
		dst = append(dst, pattern[:min(len(pattern), end-len(dst))]...)
	}
	return append(dst, shut...)
}

// padding picks a size: most are small, a few as large as can be.
func padding(random uint64) int {
	size := int(random >> 32)
	switch class := random % 10_000; {
	case class == 0:
		return MaxEntry
	case class < 10:
		return size % (200 << 10)
	case class < 500:
		return size % 10_000
	case class < 3_000:
		return size % 1_000
	case class < 9_000:
		return size % 300
	}
	return 0
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// identify reads from an entry which operation it says it is.
func identify(entry []byte) (op Op, ok bool) {
	rest, ok := bytes.CutPrefix(entry, []byte(`{"c":`))
	if !ok {
		return op, false
	}
	op.Client, rest = number(rest)
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"n":`)); !ok {
		return op, false
	}
	op.N, _ = number(rest)
	return op, op.Client > 0 && op.N > 0
}

func number(text []byte) (n uint32, rest []byte) {
	i := 0
	for ; i < len(text) && i < 9 && '0' <= text[i] && text[i] <= '9'; i++ {
		n = n*10 + uint32(text[i]-'0')
	}
	return n, text[i:]
}

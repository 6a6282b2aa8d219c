package wire

import "math/rand/v2"

// Mark precedes the number of an entry, wherever it is sent.
const Mark = `{"n":"`

// Digits is the length of the number, hexadecimal.
const Digits = 16

// MinSize is the least size of an entry.
const MinSize = len(Mark) + Digits + len(`","text":""}`)

// Entry makes an entry of size bytes: a JSON object with a number (0) and text that doesn't compress.
func Entry(size int, seed uint64) []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(seed, 1))
	entry := append([]byte(Mark), `0000000000000000","text":"`...)
	for len(entry) < size-2 {
		entry = append(entry, letters[random.IntN(len(letters))])
	}
	return append(entry, `"}`...)
}

// putNumber writes n over the Digits bytes of at.
func putNumber(at []byte, n uint64) {
	const digits = "0123456789abcdef"
	for i := Digits - 1; i >= 0; i-- {
		at[i] = digits[n&15]
		n >>= 4
	}
}

// Number reads what putNumber wrote; ok is false for anything else.
func Number(text []byte) (n uint64, ok bool) {
	if len(text) < Digits {
		return 0, false
	}
	for _, c := range text[:Digits] {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// request is a prepared request with one entry; at is where the entry's number is.
type request struct {
	bytes []byte
	at    int
}

func newRequest(head string, entry []byte, end string) request {
	bytes := append([]byte(head), entry...)
	return request{bytes: append(bytes, end...), at: len(head) + len(Mark)}
}

func (r *request) append(buf []byte, n uint64) []byte {
	putNumber(r.bytes[r.at:], n)
	return append(buf, r.bytes...)
}

package protocol

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// keepDeep is the most words of open brackets that a scanner keeps for the
// next line: 64 levels each.
const keepDeep = 64

// scanner checks JSON text against RFC 8259. It does not recurse, so that no
// nesting can exhaust a stack, and goes on after what makes a text no message
// (flags below), because a syntax error further on weighs more.
//
// Its methods take the text and an offset and return the offset behind what
// they scanned, or -1 where it breaks the syntax.
type scanner struct {
	wide   bool // there are bytes beyond ASCII: UTF-8 is to be checked
	spaces bool // there was white space between tokens
	lone   bool // a \u escape of a surrogate without its partner
	deep   bool // brackets nested deeper than MaxDepth in one value

	// outer has the kinds of the open brackets outside the innermost 64.
	outer []uint64
}

// reset forgets what the text before left behind.
func (s *scanner) reset() {
	s.wide, s.spaces, s.lone, s.deep = false, false, false, false
	if s.outer = s.outer[:0]; cap(s.outer) > keepDeep {
		s.outer = nil
	}
}

// at is b[i], or 0, which is no part of any token, at the end.
func at(b []byte, i int) byte {
	if uint(i) < uint(len(b)) {
		return b[i]
	}
	return 0
}

// isSpace has the white space of RFC 8259.
var isSpace = [256]bool{' ': true, '\t': true, '\n': true, '\r': true}

// space scans any white space.
func (s *scanner) space(b []byte, i int) int {
	for isSpace[at(b, i)] {
		i++
		s.spaces = true
	}
	return i
}

// skip scans any white space; it costs a look at one byte when there is none.
func (s *scanner) skip(b []byte, i int) int {
	if isSpace[at(b, i)] {
		return s.space(b, i)
	}
	return i
}

// value scans the value at b[i], which no white space precedes.
//
// The open brackets are a stack of bits, 1 for an object: the innermost 64 are
// in a register, the others in s.outer.
func (s *scanner) value(b []byte, i int) int {
	var open uint64
	depth := 0

value:
	switch c := at(b, i); c {
	case '"':
		i = s.text(b, i+1)
	case '{', '[':
		if depth&63 == 0 || depth >= MaxDepth {
			s.push(open, depth)
		}
		open = open<<1 | curly(c)
		depth++
		i = s.skip(b, i+1)
		if at(b, i) == c+2 { // both closing brackets are two behind theirs
			goto after
		}
		if c == '[' {
			goto value
		}
		goto key
	default:
		i = scalar(b, i)
	}

after: // a value, or the bracket that opens an empty one
	if i < 0 || depth == 0 {
		return i
	}
	switch c := at(b, i); c {
	case ',':
		i = s.skip(b, i+1)
		if open&1 == 0 {
			goto value
		}
	case '}', ']':
		if curly(c) != open&1 {
			return -1
		}
		i++
		open >>= 1
		if depth--; depth&63 == 0 && depth > 0 {
			open = s.pop()
		}
		goto after
	case ' ', '\t', '\n', '\r':
		i = s.space(b, i)
		goto after
	default:
		return -1
	}

key:
	if i = s.key(b, i); i < 0 {
		return -1
	}
	goto value
}

// curly is 1 for the brackets of an object, 0 for those of an array.
func curly(c byte) uint64 { return uint64(c>>5) & 1 }

// push puts the 64 innermost brackets away when there is one more than fits.
func (s *scanner) push(open uint64, depth int) {
	if depth&63 == 0 && depth > 0 {
		s.outer = append(s.outer, open)
	}
	if depth >= MaxDepth {
		s.deep = true
	}
}

// pop takes back what push put away.
func (s *scanner) pop() uint64 {
	last := len(s.outer) - 1
	open := s.outer[last]
	s.outer = s.outer[:last]
	return open
}

// key scans a key, the colon, and the white space around that.
func (s *scanner) key(b []byte, i int) int {
	if at(b, i) != '"' {
		return -1
	}
	if i = s.text(b, i+1); i < 0 {
		return -1
	}
	return s.colon(b, i)
}

// colon scans a colon and the white space around it.
func (s *scanner) colon(b []byte, i int) int {
	i = s.skip(b, i)
	if at(b, i) != ':' {
		return -1
	}
	return s.skip(b, i+1)
}

// Eight bytes at a time; see stops.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stops marks, with the high bit of its byte, the first of eight bytes that
// does not simply belong to a string: a quote, a backslash or a control
// character. Marks above the first may be wrong.
func stops(x uint64) uint64 {
	quote, slash := x^ones*'"', x^ones*'\\'
	return ((quote - ones) | (slash - ones) | (x - ones*' ')) &^ x & highs
}

// text scans a string from behind its opening quote.
func (s *scanner) text(b []byte, i int) int {
	var wide uint64
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i : i+8])
		wide |= x
		stop := stops(x)
		if stop == 0 {
			i += 8
			continue
		}
		bit := bits.TrailingZeros64(stop) &^ 7
		i += bit >> 3
		switch byte(x >> bit) {
		case '"':
			if wide&highs != 0 {
				s.wide = true
			}
			return i + 1
		case '\\':
			if i = s.escape(b, i); i < 0 {
				return -1
			}
		default:
			return -1
		}
	}
	s.wide = s.wide || wide&highs != 0
	return s.tail(b, i)
}

// tail scans on where fewer than eight bytes are left, byte by byte.
func (s *scanner) tail(b []byte, i int) int {
	for i >= 0 {
		switch c := at(b, i); {
		case c == '"':
			return i + 1
		case c == '\\':
			i = s.escape(b, i)
		case c < ' ':
			return -1 // also the end of the text
		default:
			s.wide = s.wide || c >= utf8.RuneSelf
			i++
		}
	}
	return -1
}

// escape scans an escape, and both of a surrogate pair.
func (s *scanner) escape(b []byte, i int) int {
	switch at(b, i+1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return -1
	}
	r := hex4(b, i+2)
	if r < 0 {
		return -1
	}
	i += 6
	if r&^0x7ff != 0xd800 {
		return i
	}
	if r < 0xdc00 && at(b, i) == '\\' && at(b, i+1) == 'u' && hex4(b, i+2)&^0x3ff == 0xdc00 {
		return i + 6
	}
	s.lone = true
	return i
}

// hex4 returns the number in the four digits at b[i], or -1.
func hex4(b []byte, i int) rune {
	var r rune
	for j := i; j < i+4; j++ {
		c := at(b, j)
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// scalar scans a number, true, false or null.
func scalar(b []byte, i int) int {
	switch at(b, i) {
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		return word(b, i, "null")
	}
	return digits(b, i)
}

func word(b []byte, i int, w string) int {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

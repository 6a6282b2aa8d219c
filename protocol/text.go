package protocol

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Strings of JSON: values with their quotes, of a syntax already checked.

// decode decodes a string in place and returns what it says. It becomes no
// longer thereby: the shortest escape of n bytes of UTF-8 takes more.
func decode(v []byte) []byte {
	v = v[1 : len(v)-1]
	i := bytes.IndexByte(v, '\\')
	if i < 0 {
		return v
	}
	out := v[:i]
	for i < len(v) {
		if v[i] != '\\' {
			out = append(out, v[i])
			i++
			continue
		}
		r, n := unescape(v, i)
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out
}

// unescape returns what the escape at v[i] stands for, and its length; half a
// surrogate pair is U+FFFD.
func unescape(v []byte, i int) (rune, int) {
	switch c := at(v, i+1); c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default: // a quote, a slash or a backslash
		return rune(c), 2
	}
	r := hex4(v, i+2)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if at(v, i+6) == '\\' && at(v, i+7) == 'u' {
		if pair := utf16.DecodeRune(r, hex4(v, i+8)); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// validID tells whether a value is a string that can be an id. It leaves the
// bytes as they are, so it counts what decode would make of them.
func validID(v []byte) bool {
	const longest = len(`\u0000`) * MaxID
	if v[0] != '"' || len(v) > longest+2 || !validText(v) {
		return false
	}
	v = v[1 : len(v)-1]
	n := len(v)
	for i := bytes.IndexByte(v, '\\'); i >= 0 && i < len(v); {
		if v[i] != '\\' {
			i++
			continue
		}
		r, size := unescape(v, i)
		n += utf8.RuneLen(r) - size
		i += size
	}
	return 1 <= n && n <= MaxID
}

// validText tells whether a string is UTF-8 and has no half surrogate pairs.
func validText(v []byte) bool {
	var s scanner
	s.text(v, 1)
	return !s.lone && (!s.wide || utf8.Valid(v))
}

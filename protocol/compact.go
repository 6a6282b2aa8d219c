package protocol

import "unicode/utf8"

// Compact appends an entry to dst without the white space between its tokens,
// which is all it changes, and what the server would store. The bytes of json
// may be those behind dst, to do it in place.
//
// It returns dst as it was and ErrJSON if json is not one JSON text, or
// ErrMessage if it is one that the server would refuse as an entry: no object
// or array, not UTF-8, with half a surrogate pair, or nested deeper than
// MaxDepth. How long it may be is the server's to say.
func Compact(dst, json []byte) ([]byte, error) {
	var s scanner
	start := s.space(json, 0)
	end := s.value(json, start)
	if end < 0 || s.space(json, end) != len(json) {
		return dst, ErrJSON
	}
	entry := json[start:end]
	if !isEntry(entry) || s.deep || s.lone || s.wide && !utf8.Valid(entry) {
		return dst, ErrMessage
	}
	if !s.spaces {
		return append(dst, entry...), nil
	}
	return appendCompact(dst, entry), nil
}

// isEntry tells whether a JSON value is one that an entry can be.
func isEntry(v []byte) bool { return v[0] == '{' || v[0] == '[' }

// appendCompact appends valid JSON to dst without white space between tokens.
// It never writes beyond what it has read, so dst may be v[:0].
func appendCompact(dst, v []byte) []byte {
	var s scanner
	begin := 0
	for i := 0; i < len(v); {
		switch c := v[i]; {
		case c == '"':
			i = s.text(v, i+1)
		case isSpace[c]:
			dst = append(dst, v[begin:i]...)
			i = s.space(v, i)
			begin = i
		default:
			i++
		}
	}
	return append(dst, v[begin:]...)
}

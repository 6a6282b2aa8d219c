package protocol

import "math"

func isDigit(c byte) bool { return c-'0' <= 9 }

// digits scans a number: -? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)?
func digits(b []byte, i int) int {
	if at(b, i) == '-' {
		i++
	}
	if at(b, i) == '0' {
		i++
	} else if i = run(b, i); i < 0 {
		return -1
	}
	if at(b, i) == '.' {
		if i = run(b, i+1); i < 0 {
			return -1
		}
	}
	if at(b, i)|0x20 == 'e' {
		i++
		if c := at(b, i); c == '+' || c == '-' {
			i++
		}
		return run(b, i)
	}
	return i
}

// run scans one decimal digit or more.
func run(b []byte, i int) int {
	if !isDigit(at(b, i)) {
		return -1
	}
	for isDigit(at(b, i)) {
		i++
	}
	return i
}

// integer reads a JSON value as the natural number it must be: its digits
// alone, at most 2^63-1.
func integer(v []byte) (uint64, bool) {
	var n uint64
	for _, c := range v {
		if !isDigit(c) {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(v) > 0
}

// positive is an integer of at least 1.
func positive(v []byte) (uint64, bool) {
	n, ok := integer(v)
	return n, ok && n > 0
}

// boolean reads a JSON value as true or false.
func boolean(v []byte) (value, ok bool) {
	switch string(v) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

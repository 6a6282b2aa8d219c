package protocol

import (
	"bytes"
	"math"
	"time"
)

// parseFrom reads the value of "from" and tells whether it is one. A string is
// decoded in place.
func parseFrom(v []byte) (From, bool) {
	if v[0] == '"' {
		text := decode(v)
		if at(text, 0) == '-' {
			age, ok := parseAge(text[1:])
			return From{Kind: FromAge, Age: age}, ok
		}
		t, ok := parseTime(text)
		return From{Kind: FromTime, Time: t}, ok
	}
	if v[0] == '-' {
		n, ok := positive(v[1:])
		return From{Kind: FromEnd, Index: n}, ok
	}
	n, ok := integer(v)
	return From{Kind: FromIndex, Index: max(n, 1)}, ok
}

// The first and the last time that Time.UnixNano can tell.
var (
	firstTime = time.Unix(0, math.MinInt64).UTC()
	lastTime  = time.Unix(0, math.MaxInt64).UTC()
)

// parseTime reads a date-time of RFC 3339: "2026-11-20T10:00:00.5+01:00", T and
// Z of either case, a leap second taken as the second after it. It is stricter
// than time.Parse and allocates nothing.
func parseTime(v []byte) (time.Time, bool) {
	if len(v) < len("2006-01-02T15:04:05Z") || v[4] != '-' || v[7] != '-' || v[10]|0x20 != 't' || v[13] != ':' || v[16] != ':' {
		return time.Time{}, false
	}
	year, month, day := decimal(v[:4], 9999), decimal(v[5:7], 12), decimal(v[8:10], 31)
	hour, minute, second := decimal(v[11:13], 23), decimal(v[14:16], 59), decimal(v[17:19], 60)
	if year < 0 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0 {
		return time.Time{}, false
	}
	nano, rest, ok := parseFraction(v[19:])
	if !ok {
		return time.Time{}, false
	}
	offset, ok := parseOffset(rest)
	t := time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	if !ok || time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return time.Time{}, false
	}
	t = t.Add(-offset)
	if t.Before(firstTime) {
		t = firstTime
	} else if t.After(lastTime) {
		t = lastTime
	}
	return t, true
}

// parseFraction reads the fraction of a second, if there is one, down to the
// nanosecond; further digits are dropped.
func parseFraction(v []byte) (nano int, rest []byte, ok bool) {
	if v[0] != '.' {
		return 0, v, true
	}
	i := 1
	for unit := 100_000_000; isDigit(at(v, i)); i++ {
		nano += int(v[i]-'0') * unit
		unit /= 10
	}
	return nano, v[i:], i > 1
}

// parseOffset reads what a time is ahead of UTC: Z, +hh:mm or -hh:mm.
func parseOffset(v []byte) (time.Duration, bool) {
	if len(v) == 1 && v[0]|0x20 == 'z' {
		return 0, true
	}
	if len(v) != len("+00:00") || v[0] != '+' && v[0] != '-' || v[3] != ':' {
		return 0, false
	}
	hours, minutes := decimal(v[1:3], 23), decimal(v[4:6], 59)
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if v[0] == '-' {
		offset = -offset
	}
	return offset, hours >= 0 && minutes >= 0
}

// decimal reads v, only digits, as a number of at most top, or returns -1.
func decimal(v []byte, top int) int {
	n := 0
	for _, c := range v {
		if !isDigit(c) {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	if n > top {
		return -1
	}
	return n
}

// parseAge reads the digits and units of an age, as time.ParseDuration does
// ("1h30m", "1.5h", "300ms"), and d for days of 24 hours besides. It allocates
// nothing. An age beyond what a Duration can tell is none.
func parseAge(v []byte) (time.Duration, bool) {
	total, ok := uint64(0), false
	for len(v) > 0 {
		var whole, part, scale, unit uint64
		if whole, part, scale, v, ok = parseAmount(v); !ok {
			return 0, false
		}
		if unit, v = parseUnit(v); unit == 0 || whole > math.MaxInt64/unit {
			return 0, false
		}
		total += whole*unit + uint64(float64(part)*(float64(unit)/float64(scale)))
		if total > math.MaxInt64 {
			return 0, false
		}
	}
	return time.Duration(total), ok
}

// parseAmount reads a number with or without a fraction, which is part/scale;
// one digit is needed.
func parseAmount(v []byte) (whole, part, scale uint64, rest []byte, ok bool) {
	i := 0
	for ; isDigit(at(v, i)); i++ {
		d := uint64(v[i] - '0')
		if whole > (math.MaxInt64-d)/10 {
			return 0, 0, 0, nil, false
		}
		whole = whole*10 + d
	}
	ok = i > 0
	scale = 1
	if at(v, i) == '.' {
		i++
		for ; isDigit(at(v, i)); i++ {
			if scale < 1e18 { // further digits are less than any unit's nanosecond
				part = part*10 + uint64(v[i]-'0')
				scale *= 10
			}
			ok = true
		}
	}
	return whole, part, scale, v[i:], ok
}

// parseUnit reads the longest unit that v begins with; 0 is none.
func parseUnit(v []byte) (unit uint64, rest []byte) {
	i := 0
	for i < len(v) && v[i] != '.' && !isDigit(v[i]) {
		i++
	}
	switch string(v[:i]) {
	case "ns":
		unit = uint64(time.Nanosecond)
	case "us", "µs", "μs": // both letters that look like it
		unit = uint64(time.Microsecond)
	case "ms":
		unit = uint64(time.Millisecond)
	case "s":
		unit = uint64(time.Second)
	case "m":
		unit = uint64(time.Minute)
	case "h":
		unit = uint64(time.Hour)
	case "d":
		unit = uint64(24 * time.Hour)
	}
	return unit, v[i:]
}

// ParseFrom reads text as the value of "from", for those who have it from elsewhere than a
// message: an integer as it is, a time or an age without quotes. It tells whether it is one.
func ParseFrom(text string) (From, bool) {
	v := []byte(text)
	if len(v) == 0 {
		return From{}, false
	}
	digits := v
	if v[0] == '-' {
		digits = v[1:]
	}
	if _, ok := integer(digits); ok && (digits[0] != '0' || len(digits) == 1) {
		return parseFrom(v)
	}
	if v[0] == '"' || bytes.IndexByte(v, '\\') >= 0 {
		return From{}, false
	}
	return parseFrom([]byte(`"` + text + `"`))
}

package protocol

import (
	"errors"
	"math/bits"
	"unicode/utf8"
)

// keepEntries is the most entries for which a Message keeps its slice: 48 KiB.
const keepEntries = 2048

// Limits are what a server may set.
type Limits struct {
	// MaxEntry is the most bytes of an entry, without white space between
	// tokens; 0 stands for DefaultMaxEntry.
	MaxEntry int
}

// Parser turns lines into messages. The zero Parser is ready, with the default
// limits; it is used again and again, by one goroutine at a time.
type Parser struct {
	Limits Limits

	// What the line at hand holds, found by object and elements.
	scan   scanner
	seen   field            // known keys
	twice  field            // those that came more than once
	values [fieldCount]span // of those seen, the first one's
	spaced bool             // an entry has white space between its tokens
	odd    bool             // "entries" has more than MaxEntries, or what is no entry
}

// span is where in the line something is.
type span struct{ start, end int }

// Parse reads one line, without its LF, and overwrites it and all of m. It
// takes any bytes, in time linear to their number, and allocates nothing once
// m and the parser have been used for a while.
//
// The error is nil, ErrJSON, ErrMessage or ErrTooLong, in this order of
// weight. With an error m is empty, but with ErrMessage it has the ID that the
// answer is to echo: that of a line with "entry" or "entries" and a valid id.
func (p *Parser) Parse(line []byte, m *Message) error {
	p.reset(m)
	start := p.scan.skip(line, 0)
	var end int
	object := at(line, start) == '{'
	if object {
		end = p.object(line, start+1, m)
	} else {
		end = p.scan.value(line, start)
	}
	if end < 0 || p.scan.skip(line, end) != len(line) {
		clearMessage(m)
		return ErrJSON
	}
	err := ErrMessage
	if object && !p.scan.deep && !p.scan.lone && (!p.scan.wide || utf8.Valid(line)) {
		err = p.message(line, m)
	}
	if err != nil {
		clearMessage(m)
	}
	if errors.Is(err, ErrMessage) {
		m.ID = p.echo(line)
	}
	return err
}

// echo returns the id for the answer to a line that is no message, or nil.
func (p *Parser) echo(line []byte) []byte {
	if p.seen&(fieldEntry|fieldEntries) == 0 || p.twice&fieldID != 0 {
		return nil
	}
	if id := p.value(line, fieldID); id != nil && validID(id) {
		return id
	}
	return nil
}

// reset makes p and m ready for the next line.
func (p *Parser) reset(m *Message) {
	if p.Limits.MaxEntry <= 0 {
		p.Limits.MaxEntry = DefaultMaxEntry
	}
	p.scan.reset()
	p.seen, p.twice, p.spaced, p.odd = 0, 0, false, false
	clearMessage(m)
	if cap(m.Entries) > keepEntries {
		m.Entries = nil
	}
}

func clearMessage(m *Message) { *m = Message{Entries: m.Entries[:0]} }

// object scans the line's object from behind its opening bracket, and notes
// where the values of known keys are.
func (p *Parser) object(b []byte, i int, m *Message) int {
	i = p.scan.skip(b, i)
	if at(b, i) == '}' {
		return i + 1
	}
	for {
		if at(b, i) != '"' {
			return -1
		}
		behind := p.scan.text(b, i+1)
		if behind < 0 {
			return -1
		}
		f := fieldOf(b[i+1 : behind-1])
		if i = p.scan.colon(b, behind); i < 0 {
			return -1
		}
		if i = p.member(b, i, f, m); i < 0 {
			return -1
		}
		i = p.scan.skip(b, i)
		switch at(b, i) {
		case ',':
			i = p.scan.skip(b, i+1)
		case '}':
			return i + 1
		default:
			return -1
		}
	}
}

// member scans the value of a key and notes it if the key is known.
func (p *Parser) member(b []byte, i int, f field, m *Message) int {
	if f == 0 {
		return p.scan.value(b, i)
	}
	start := i
	if f == fieldEntries && at(b, i) == '[' {
		i = p.elements(b, i+1, m)
	} else {
		p.scan.spaces = false
		i = p.scan.value(b, i)
		p.spaced = p.spaced || p.scan.spaces && f == fieldEntry
	}
	if p.seen&f != 0 {
		p.twice |= f
		return i
	}
	p.seen |= f
	p.values[bits.TrailingZeros32(uint32(f))] = span{start, i}
	return i
}

// elements scans the array of "entries" from behind its opening bracket, and
// puts its elements into m as they are.
func (p *Parser) elements(b []byte, i int, m *Message) int {
	i = p.scan.skip(b, i)
	if at(b, i) == ']' {
		return i + 1
	}
	for {
		p.scan.spaces = false
		start := i
		if i = p.scan.value(b, start); i < 0 {
			return -1
		}
		p.spaced = p.spaced || p.scan.spaces
		if len(m.Entries) < MaxEntries && isEntry(b[start:]) {
			m.Entries = append(m.Entries, b[start:i:i])
		} else {
			p.odd = true
		}
		i = p.scan.skip(b, i)
		switch at(b, i) {
		case ',':
			i = p.scan.skip(b, i+1)
		case ']':
			return i + 1
		default:
			return -1
		}
	}
}

// value returns the value of a known key as it is in the line, or nil.
func (p *Parser) value(b []byte, f field) []byte {
	if p.seen&f == 0 {
		return nil
	}
	v := p.values[bits.TrailingZeros32(uint32(f))]
	return b[v.start:v.end:v.end]
}

package peer

import "encoding/binary"

// copied is how long a message may be whose bytes are copied when it is sent; longer ones are kept as they are.
const copied = 8 << 10

// message is one that was sent and not acknowledged.
type message struct {
	at    int64 // when, Unix nanoseconds
	kind  byte
	size  int
	frame []byte   // the whole frame, or its header (urgent); or nothing (bulk)
	parts [][]byte // the payload, unless frame has it
}

// lane is what a link keeps of one lane: what waits for being written, and what waits for being acknowledged.
// The sequence numbers in it are without gap. Its link guards it.
type lane struct {
	kept  []message
	bytes int
	next  uint64 // sequence number of the next message
	sent  int    // so many of kept were written to the connection there is
	part  int    // and so many bytes of the one behind them

	block []byte // where copies go
}

// first is the sequence number of the first that is kept.
func (n *lane) first() uint64 { return n.next - uint64(len(n.kept)) }

// pushUrgent keeps a message as one frame.
func (n *lane) pushUrgent(at int64, kind byte, size int, parts [][]byte) {
	h := header{length: uint32(size), kind: frameMessage, message: kind, sequence: n.next}
	whole := size <= copied
	need := headerSize
	if whole {
		need += size
	}
	if cap(n.block)-len(n.block) < need {
		n.block = make([]byte, 0, piece)
	}
	from := len(n.block)
	n.block = h.append(n.block, parts...)
	m := message{at: at, kind: kind, size: size, parts: parts}
	if whole {
		for _, part := range parts {
			n.block = append(n.block, part...)
		}
		m.parts = nil
	}
	m.frame = n.block[from:]
	n.push(m)
}

// pushBulk keeps a message that is cut into pieces when it is written.
func (n *lane) pushBulk(at int64, kind byte, size int, parts [][]byte) {
	n.push(message{at: at, kind: kind, size: size, parts: parts})
}

func (n *lane) push(m message) {
	n.kept = append(n.kept, m)
	n.bytes += m.size
	n.next++
}

// drop forgets the first message that is kept.
func (n *lane) drop() {
	n.bytes -= n.kept[0].size
	n.kept[0] = message{}
	n.kept = n.kept[1:]
	if n.sent > 0 {
		n.sent--
	} else {
		n.part = 0 // who has got a part of it will see that the next one begins
	}
	if len(n.kept) == 0 {
		n.kept = nil
	}
}

// acknowledged forgets what is acknowledged up to a sequence number, and tells how many that were.
func (n *lane) acknowledged(sequence uint64) (count int) {
	for len(n.kept) > 0 && n.first() <= sequence {
		n.drop()
		count++
	}
	return count
}

// rewind has everything that is kept be written again.
func (n *lane) rewind() { n.sent, n.part = 0, 0 }

// bound forgets the oldest until the limits hold, all but the last one, and tells how many that were.
func (n *lane) bound(frames, bytes int, before int64) (count int) {
	for len(n.kept) > 0 {
		over := len(n.kept) > 1 && (len(n.kept) > frames || n.bytes > bytes)
		if !over && n.kept[0].at >= before {
			return count
		}
		n.drop()
		count++
	}
	return count
}

// gatherUrgent appends the frames to be written next, about limit bytes, and tells how many messages and bytes
// that is.
func (n *lane) gatherUrgent(dst [][]byte, limit int, count func(kind byte, size int)) (_ [][]byte, size int) {
	for n.sent < len(n.kept) && size < limit {
		m := &n.kept[n.sent]
		dst = appendSlice(dst, m.frame)
		dst = append(dst, m.parts...)
		size += headerSize + m.size
		count(m.kind, m.size)
		n.sent++
	}
	return dst, size
}

// gatherBulk appends the pieces to be written next, about limit bytes. Their headers lie in heads.
func (n *lane) gatherBulk(dst [][]byte, heads *[]byte, limit int, count func(kind byte, size int)) (_ [][]byte, size int) {
	for n.sent < len(n.kept) && size < limit {
		m := &n.kept[n.sent]
		length := min(piece, m.size-n.part)
		from := len(dst)
		dst = appendRange(append(dst, nil), m.parts, n.part, length)
		n.part += length
		h := header{
			length: uint32(length), kind: frameBulk, message: m.kind, rest: uint32(m.size - n.part),
			sequence: n.first() + uint64(n.sent),
		}
		at := len(*heads)
		*heads = h.append(*heads, dst[from+1:]...)
		dst[from] = (*heads)[at:]
		size += headerSize + length
		if n.part == m.size {
			count(m.kind, m.size)
			n.sent++
			n.part = 0
		}
	}
	return dst, size
}

// appendSlice appends s, to the last slice of dst if s lies behind that.
func appendSlice(dst [][]byte, s []byte) [][]byte {
	if len(dst) > 0 {
		last := dst[len(dst)-1]
		if n := len(last); cap(last)-n >= len(s) {
			if longer := last[:n+len(s)]; &longer[n] == &s[0] {
				dst[len(dst)-1] = longer
				return dst
			}
		}
	}
	return append(dst, s)
}

// appendRange appends length bytes of what parts are together, from offset on.
func appendRange(dst, parts [][]byte, offset, length int) [][]byte {
	for _, part := range parts {
		if offset >= len(part) {
			offset -= len(part)
			continue
		}
		n := min(length, len(part)-offset)
		if n > 0 {
			dst = append(dst, part[offset:offset+n])
		}
		offset, length = 0, length-n
	}
	return dst
}

func appendAck(dst []byte, received [lanes]uint64) []byte {
	var payload [8 * lanes]byte
	for i, n := range received {
		binary.LittleEndian.PutUint64(payload[8*i:], n)
	}
	return appendFrame(dst, frameAck, payload[:])
}

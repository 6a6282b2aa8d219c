package segment

import (
	"encoding/binary"
	"hash/crc32"
)

// A CRC-32C can be run backwards, and is linear: what one wrong byte does to it depends
// only on the byte's place and on what was wrong with it. So a repair can tell which byte
// is wrong, if only one is, and can tell a file's salt from any of its frames. (After
// Bloom and others; the table of a CRC names each entry by its top byte.)

// entryByTop is, for each top byte, the entry of the table that has it.
var entryByTop = func() (byTop [256]byte) {
	for i, entry := range castagnoli {
		byTop[entry>>24] = byte(i)
	}
	return byTop
}()

// back returns the checksum of the bytes before p, given that of those up to the end of p.
func back(crc uint32, p []byte) uint32 {
	crc = ^crc
	for i := len(p) - 1; i >= 0; i-- {
		crc = unshift(crc) ^ uint32(p[i])
	}
	return ^crc
}

// unshift undoes one step of the register in which the byte was zero.
func unshift(c uint32) uint32 {
	entry := entryByTop[c>>24]
	return (c^castagnoli[entry])<<8 | uint32(entry)
}

// wrongByte tells which byte of p is wrong and in which bits, if only one is: found is
// the checksum of p, wanted the right one. A p that has more than one wrong byte passes for
// such with a probability of 255 in 2^32 for each of its bytes.
func wrongByte(p []byte, found, wanted uint32) (at int, bits byte, ok bool) {
	difference := found ^ wanted
	for i := len(p) - 1; i >= 0; i-- {
		if entry := entryByTop[difference>>24]; castagnoli[entry] == difference {
			return i, entry, entry != 0
		}
		difference = unshift(difference)
	}
	return 0, 0, false
}

// mendSummed corrects p, whose last four bytes are the checksum of the others begun with
// salt, if exactly one byte of it is wrong.
func mendSummed(p []byte, salt uint32) bool {
	data, sum := p[:len(p)-4], p[len(p)-4:]
	found, wanted := crc32.Update(salt, castagnoli, data), binary.LittleEndian.Uint32(sum)
	for i := range 4 { // the checksum may be what is wrong
		if mask := uint32(0xff) << (8 * i); (found^wanted)&^mask == 0 {
			binary.LittleEndian.PutUint32(sum, found)
			return found != wanted
		}
	}
	at, bits, ok := wrongByte(data, found, wanted)
	if ok {
		data[at] ^= bits
	}
	return ok
}

// saltOf returns the salt of the file in which these are the bytes of a frame's header.
func saltOf(p []byte) uint32 { return back(binary.LittleEndian.Uint32(p[52:]), p[:52]) }

// saltFor returns a salt of a file header that makes the file's frames salted as given.
func saltFor(want uint32, number uint64) (salt [16]byte) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], number)
	begun := crc32.Update(0, castagnoli, salt[:12])
	end := back(back(want, n[:]), make([]byte, 4))
	binary.LittleEndian.PutUint32(salt[12:], begun^end)
	return salt
}

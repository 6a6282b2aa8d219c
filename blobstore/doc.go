// Package blobstore says what content is: entries that travelled together are a
// [Batch], described by a manifest and followed by their bytes; a [Digest] names
// content; a [Place] says where a node keeps it.
//
// Nothing here touches a file. The packages below do: blobstore/segment keeps
// batches as frames in an append-only stream, blobstore/segment/fs is the file
// system under it. Nor does blobstore/ring, which says whose content is, by its digest, nor
// blobstore/placed, which says who is sent it, and when enough have it;
// blobstore/peer is how nodes give it to one another.
//
// # The payload of a content frame
//
// Manifest and content, back to back; integers are little endian.
//
//	version   1 byte    0x01: no entry begins with it
//	reserved  3 bytes   zero
//	count     uint32    entries
//	keys      uint32    bytes of the key section
//	table     count × { end uint32, digest [32]byte }
//	keys      for each entry that has one, ascending:
//	          { ordinal uint32, length uint16 > 0, bytes }
//	content   the entries' bytes, one after the other
//
// end is where the entry ends in the content; it begins where the one before ends.
// The manifest is everything before the content, so one entry's bytes can be taken
// out later and the rest still verifies.
package blobstore

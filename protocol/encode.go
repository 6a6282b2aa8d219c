package protocol

import (
	"encoding/hex"
	"strconv"
	"time"
	"unicode/utf8"
)

// The error texts of the protocol. Those that carry a number are made by
// AppendErrorHead, AppendErrorSeq and AppendErrorKey.
const (
	ErrorInvalidJSON      = "invalid JSON"
	ErrorInvalidMessage   = "invalid message"
	ErrorLineTooLong      = "line too long"
	ErrorAlreadyReading   = "already reading"
	ErrorDiskFull         = "disk full"
	ErrorNoQuorum         = "no quorum"
	ErrorOverloaded       = "overloaded"
	ErrorTooManyLogs      = "too many logs"
	ErrorUnauthorized     = "unauthorized"
	ErrorForbidden        = "forbidden"
	ErrorTooManyTokens    = "too many wrong tokens from this address: try again in a while"
	ErrorTLSWanted        = "this server wants TLS: connect with it, to the same port"
	ErrorNoTLS            = "no TLS here: connect without it, or set TLS_CERT and TLS_KEY on the server"
	ErrorUnknownOutcome   = "unknown outcome"
	ErrorShuttingDown     = "shutting down"
	ErrorKeyUsed          = "key already used"
	ErrorEntryUnavailable = "entry unavailable"
	ErrorEntryRedacted    = "entry redacted"
	ErrorTrimmed          = "trimmed"
)

// timeLayout has nine digits always, so that lines of meta align and compare.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// All encoders below append one whole line, with its LF, to dst. An id is
// Message.ID: a JSON string as sent, copied as it is; nil leaves it out.

// AppendEntry appends the line of an entry of a read.
func AppendEntry(dst []byte, index uint64, entry []byte) []byte {
	dst = append(dst, `{"index":`...)
	dst = strconv.AppendUint(dst, index, 10)
	dst = append(dst, `,"entry":`...)
	dst = append(dst, entry...)
	return append(dst, '}', '\n')
}

// AppendEntryMeta appends the line of an entry of a read that asked for meta.
// The time is in nanoseconds since 1970; a nil key leaves it out.
func AppendEntryMeta(dst []byte, index uint64, timeUnixNano int64, digest [32]byte, key, entry []byte) []byte {
	dst = append(dst, `{"index":`...)
	dst = strconv.AppendUint(dst, index, 10)
	dst = append(dst, `,"time":"`...)
	dst = time.Unix(0, timeUnixNano).UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, `","hash":"`...)
	dst = hex.AppendEncode(dst, digest[:])
	dst = append(dst, '"')
	if key != nil {
		dst = append(dst, `,"key":`...)
		dst = AppendString(dst, key)
	}
	dst = append(dst, `,"entry":`...)
	dst = append(dst, entry...)
	return append(dst, '}', '\n')
}

// AppendConfirmation appends the answer to an append: its index, or of
// "entries" the first index and their count (0 for a single entry).
func AppendConfirmation(dst, id []byte, index uint64, count int, duplicate bool) []byte {
	dst = open(dst, id)
	dst = number(dst, "index", index)
	if count != 0 {
		dst = number(dst, "count", uint64(count))
	}
	return closeAnswer(dst, duplicate)
}

// AppendDuplicateForgotten appends the answer to a numbered append whose
// outcome is no longer remembered.
func AppendDuplicateForgotten(dst, id []byte) []byte {
	return closeAnswer(open(dst, id), true)
}

// AppendHead appends the answer to head, and the end of a read of so many.
func AppendHead(dst, id []byte, head uint64) []byte {
	return closeAnswer(number(open(dst, id), "head", head), false)
}

// AppendHeadMembers appends the answer to head that also tells the addresses of
// the cluster's members ("host:port"); without any it is AppendHead.
func AppendHeadMembers(dst, id []byte, head uint64, members []string) []byte {
	return closeAnswer(memberList(number(open(dst, id), "head", head), members), false)
}

// AppendErrorMembers appends the refusal of a head that tells the members all the same; without any it is
// AppendError.
func AppendErrorMembers(dst, id []byte, text string, members []string) []byte {
	return closeAnswer(memberList(errorText(open(dst, id), text), members), false)
}

func memberList(dst []byte, members []string) []byte {
	for i, member := range members {
		if i == 0 {
			dst = append(dst, `,"members":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, member)
	}
	if len(members) > 0 {
		dst = append(dst, ']')
	}
	return dst
}

// AppendCurrent appends the line that says that a read has reached the head.
func AppendCurrent(dst []byte) []byte { return append(dst, `{"current":true}`+"\n"...) }

// AppendAuth appends the answer to a token that is right, or not needed.
func AppendAuth(dst []byte) []byte { return append(dst, `{"auth":true}`+"\n"...) }

// AppendLog appends the line of one log of the answer to logs.
func AppendLog(dst []byte, log string, first, head uint64) []byte {
	dst = append(dst, `{"log":`...)
	dst = AppendString(dst, log)
	dst = number(dst, "first", first)
	dst = number(dst, "head", head)
	return closeAnswer(dst, false)
}

// AppendLogs appends the last line of the answer to logs: how many there are.
func AppendLogs(dst []byte, n int) []byte {
	return closeAnswer(number(open(dst, nil), "logs", uint64(n)), false)
}

// AppendError appends an error line; text is one of the Error constants.
func AppendError(dst, id []byte, text string) []byte {
	return closeAnswer(errorText(open(dst, id), text), false)
}

// AppendErrorDuplicate appends the refusal of an append again, for one sent
// again by its producer ("too many logs").
func AppendErrorDuplicate(dst, id []byte, text string) []byte {
	return closeAnswer(errorText(open(dst, id), text), true)
}

// AppendErrorHead appends the refusal of an append whose "after" is not head.
// It is a duplicate when the append was sent again by its producer.
func AppendErrorHead(dst, id []byte, head uint64, duplicate bool) []byte {
	dst = append(comma(open(dst, id)), `"error":"head is `...)
	dst = append(strconv.AppendUint(dst, head, 10), '"')
	return closeAnswer(number(dst, "head", head), duplicate)
}

// AppendErrorSeq appends the refusal of a number that is not the one after
// last, the last one that was decided of its producer.
func AppendErrorSeq(dst, id []byte, last uint64) []byte {
	dst = append(comma(open(dst, id)), `"error":"seq is `...)
	dst = append(strconv.AppendUint(dst, last, 10), '"')
	return closeAnswer(number(dst, "seq", last), false)
}

// AppendErrorKey appends the refusal of a key that another entry, the one at
// index, has. It is a duplicate when the append was sent again by its producer.
func AppendErrorKey(dst, id []byte, index uint64, duplicate bool) []byte {
	dst = errorText(open(dst, id), ErrorKeyUsed)
	return closeAnswer(number(dst, "index", index), duplicate)
}

// AppendErrorEntry appends the line of a read for an entry that can't be
// given; text is ErrorEntryUnavailable or ErrorEntryRedacted.
func AppendErrorEntry(dst []byte, index uint64, text string) []byte {
	dst = number(open(dst, nil), "index", index)
	return closeAnswer(errorText(dst, text), false)
}

// AppendErrorTrimmed appends the line of a read that begins below first, the
// first entry that the log still keeps.
func AppendErrorTrimmed(dst []byte, first uint64) []byte {
	dst = errorText(open(dst, nil), ErrorTrimmed)
	return closeAnswer(number(dst, "first", first), false)
}

// open begins a line, with the id if there is one.
func open(dst, id []byte) []byte {
	dst = append(dst, '{')
	if id != nil {
		dst = append(dst, `"id":`...)
		dst = append(dst, id...)
	}
	return dst
}

// comma separates a member from the one before it, if there is one.
func comma(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

func number(dst []byte, name string, n uint64) []byte {
	dst = append(comma(dst), '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return strconv.AppendUint(dst, n, 10)
}

func errorText(dst []byte, text string) []byte {
	return AppendString(append(comma(dst), `"error":`...), text)
}

func closeAnswer(dst []byte, duplicate bool) []byte {
	if duplicate {
		dst = append(comma(dst), `"duplicate":true`...)
	}
	return append(dst, '}', '\n')
}

// AppendString appends s as a JSON string, escaping only what must be; what is
// not UTF-8 becomes U+FFFD. (It is no line: no LF is added.)
func AppendString[T []byte | string](dst []byte, s T) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

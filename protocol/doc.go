/*
Package protocol is the wire of Ringlog: what clients and server say to each
other, byte by byte. It parses and encodes, and does nothing else: no socket,
no clock, no goroutine. This page is its normative specification.

# A session

A client's lines are marked >, the server's <.

	> {"id":"a","entry":{"some":"entry"}}
	< {"id":"a","index":1}
	> {"id":"b","entries":[{"n":1},{"n":2}],"key":"import-7"}
	< {"id":"b","index":2,"count":2}
	> {"id":"c","entries":[{"n":1},{"n":2}],"key":"import-7"}
	< {"id":"c","index":2,"count":2,"duplicate":true}
	> {"id":"d","entry":{"n":3},"after":1}
	< {"id":"d","error":"head is 3","head":3}
	> {"from":2,"read":1}
	< {"index":2,"entry":{"n":1}}
	< {"head":3}
	> {"head":true,"id":"e"}
	< {"id":"e","head":3}
	> {"from":-1,"meta":true}
	< {"index":3,"time":"2026-11-20T10:00:00.123456789Z","hash":"<64 hex>","entry":{"n":2}}
	< {"current":true}
	> {"from":1}
	< {"error":"already reading"}
	> {"from"
	< {"error":"invalid JSON"}

and the server closes the connection.

# Lines

Both sides send lines: a JSON text as of RFC 8259, in UTF-8, ended by LF; CR LF
is accepted. Lines that are empty or only white space are ignored. White space
is that of RFC 8259: space, tab, CR (and LF, which ends the line).

	line    = *ws ( message *ws ) [CR] LF
	message = object                        ; RFC 8259, section 4
	ws      = %x20 / %x09 / %x0D

An entry is at most MAX_ENTRY bytes long without the white space between its
tokens, a line at most MAX_ENTRY + 64 KiB without its LF or CR LF, white space
included. The limit of a line is found without reading further.

The server sends a line only in answer to a line of the client, the entries of
a read counted as answers: no banner, no ping, no farewell. When a client shuts
its sending side down, everything it asked for is finished and answered, every
read stops at {"current":true} (one already past it at once), and the server
closes. A line unfinished by then is discarded.

# Messages

A message is an object that has exactly one of the keys

	from  entry  entries  head  logs  auth

which decides what it is and which other keys it knows:

	append   entry or entries; id; log, key, producer, seq, after
	read     from; log, read, follow, meta, echo
	head     head; log, id, members
	logs     logs
	auth     auth

Keys that a message does not know are ignored, whatever their values, also
those that another message knows. A key counts only when its bytes between the
quotes are exactly these: no escapes, no other case. A key that the message
knows may come only once. The order of keys does not matter.

Values, strings measured and compared decoded, in bytes of UTF-8:

	entry     object or array, at most 128 deep, at most MAX_ENTRY bytes
	entries   array of 1 to 10,000 of these
	id        string of 1 to 256 bytes; an append must have one
	log       1 to 128 of A-Z a-z 0-9 . _ -, not beginning with . or _;
	          when absent: main
	key       string of 1 to 256 bytes
	producer  string of 1 to 64 bytes  \  both or
	seq       integer, 1 to 2^63-1     /  neither
	after     integer, 0 to 2^63-1
	from      integer, or a string: a time or an age; see below
	read      integer, 1 to 2^63-1
	follow    true or false; when absent: true
	meta      true or false; when absent: false
	echo      true or false; when absent or false: as the server is set up
	head      true
	members   true or false; when absent: false
	logs      true
	auth      string

An integer is written with digits alone: 0, or no leading zero; no fraction, no
exponent, no -0.

# From

	from    = index / last / DQUOTE ( time / age ) DQUOTE
	index   = integer                       ; 0 to 2^63-1; 0 means 1
	last    = "-" integer                   ; the last 1 to 2^63-1 entries
	time    = date-time                     ; RFC 3339
	age     = "-" 1*( amount unit )         ; -15m  -7d  -1.5h  -1h30m
	amount  = 1*DIGIT [ "." *DIGIT ] / "." 1*DIGIT
	unit    = "ns" / "us" / "µs" / "ms" / "s" / "m" / "h" / "d"

T and Z of a time may be lower case, digits beyond the nanosecond are dropped,
a leap second (:60) is the second after it. A time before 1677-09-21 or after
2262-04-11, which nanoseconds in 64 bits can't tell, is the first or the last
that they can: no entry lies beyond either. An age is a Go duration, with d for
24 hours besides, of at most 2^63-1 nanoseconds (292 years).

# Entries

An entry is stored and sent as the client wrote it, without the white space
between its tokens: the order of keys, the text of numbers (1.0, 1e999, -0,
12345678901234567890), escapes and duplicate keys are kept. Nesting is counted
from its own bracket: [] is 1 deep. Every other member of a message, known or
not, has the same bound from its own bracket; entries has it for each element.

# Invalid lines

The first of these that is true of a line decides:

 1. It is longer than the limit: {"error":"line too long"}, and the connection
    is closed (ErrLineTooLong).
 2. It is not a JSON text of RFC 8259, wherever in the line that is: text after
    the object, one object over several lines, control characters in a string,
    NUL, a byte order mark, another protocol. {"error":"invalid JSON"}, and the
    connection is closed (ErrJSON).
 3. It is JSON, but has invalid UTF-8 in a string, half a surrogate pair, or
    nesting too deep anywhere; is no object; has none or several of the deciding
    keys; a known key twice; or a value of the wrong type or range.
    {"error":"invalid message"}, and the connection stays (ErrMessage). The
    answer has the line's id if the line has entry or entries, and id once,
    with a valid value.
 4. An entry is longer than MAX_ENTRY: {"error":"line too long"}, and the
    connection is closed (ErrTooLong).

Before a connection is closed, earlier appends are completed and answered.

# Answers

Keys come in this order; those in brackets only when there is reason to. ID is
the JSON string that the client sent, quotes and escapes as they were.

	append     {"id":ID,"index":N[,"duplicate":true]}
	entries    {"id":ID,"index":FIRST,"count":N[,"duplicate":true]}
	           {"id":ID,"duplicate":true}        its outcome is forgotten
	read       {"index":N,"entry":ENTRY}
	           {"index":N,"time":T,"hash":H[,"key":K],"entry":ENTRY}   meta
	           {"current":true}                  the head is reached
	           {"head":N}                        all that was asked for is sent
	           {"index":N,"error":"entry unavailable"}, or "entry redacted"
	           {"error":"trimmed","first":N}     it goes on at N
	head       {["id":ID,]"head":N[,"members":[ADDRESS,…]]}
	logs       {"log":NAME,"first":N,"head":N}   for each, then
	           {"logs":N}
	auth       {"auth":true}
	error      {["id":ID,]"error":TEXT}
	           {["id":ID,]"error":"forbidden","members":[ADDRESS,…]}
	           {"id":ID,"error":"head is N","head":N[,"duplicate":true]}
	           {"id":ID,"error":"key already used","index":N[,"duplicate":true]}
	           {"id":ID,"error":"too many logs"[,"duplicate":true]}
	           {"id":ID,"error":"seq is N","seq":N}

T is UTC with nine digits of a second, H the SHA-256 of the entry in lower case
hex. The other texts are the Error constants. A reader must take keys that it
does not know, and longer lines than it may send: an envelope is added.

# Appends

A confirmation is sent once the entry is durable and ordered. The entries of
one append are appended all or none, at consecutive indices; key, after,
producer and seq are the whole's. A log comes into being with its first append.
An id correlates, no more: the same id twice is two appends.

An error means that the entry was not and will not be appended, except "unknown
outcome": then it may have been; sent again with the same producer and seq, or
the same key, it is appended once. Conditions are checked in this order, and a
refused append leaves nothing behind but its producer's number and outcome:

  - producer and seq: seq counts a producer's appends, over all logs. With L the
    last that was decided (0 for a producer not known), L+1 is decided now:
    appended, or refused by key, after or "too many logs", either of which uses
    the number up. L or less adds nothing and is answered with the first outcome
    and "duplicate":true, or that alone when the outcome is more than 1,048,576
    numbered appends ago. Anything else is refused with "seq is L". "disk full",
    "overloaded" and "no quorum" use nothing up. The server remembers the 65,536
    producers used last. A client that no longer holds L+1 goes on under a new
    producer; it never sends an entry again under another number.
  - key: a second append to the same log with the same key and the same entry
    adds nothing and is confirmed with the first one's index and
    "duplicate":true; with another entry it is refused with "key already used"
    and the first one's index. The server remembers its last KEYS keyed appends.
  - after: the append is refused with "head is N" unless the log's head is
    exactly this index.

# Reads

A read is taken when its line is parsed, without waiting for appends before it
on the connection; H is the head then. Entries come in ascending order, no gap,
none twice, from the first one wanted; from beyond the head, the read waits. A
log that does not exist yet is an empty one. When nothing up to H is left to
send, {"current":true} is sent, once, before the confirmation of any append
ordered after H. Then,

  - without read, new entries follow as they are appended, except those that
    this connection appends beyond H, whose confirmations tell their indices,
    unless echo says otherwise;
  - with read, new entries follow, this connection's own as well, until so many
    have been sent; {"head":N} ends the read, N the head then. {"current":true}
    is left out if the last entry asked for is at or before the head. The
    connection may read again after it;
  - with "follow":false the read stops at H: its last line is {"current":true},
    or {"head":N} if read entries were sent first. At a node of a cluster that
    can't learn H, as too few can reach each other, it is {"error":"no quorum"},
    behind the entries that are there. So ends any read of a client that has
    closed its sending side.

A time or an age means the first entry at or after it; in the future, H + 1.
With meta, key is on an entry that has one, the first of an append's entries.
One read at a time on a connection: another is answered "already reading" and
changes nothing.

# Head, logs, auth

Without an id, head is answered at once; with one, in its turn among the
answers, and the appends before it are in it: so a program can tell it from the
end of a read. A token is the first line where the server wants one, of at most
8 KiB and within 5 s. A wrong one, or another message before it, is answered
"unauthorized", and the connection is closed; so it is, with "too many wrong tokens
…", without a look at the token, when its address has said too many. A later auth
puts another token in its place. A token that does not allow a message gets "forbidden":
with the message's id if it has one. logs tells of those logs that it allows to
read or append to, and head of any of them. When a token is taken away, its connections are closed.

With "members":true, head is answered with the addresses besides at which the
members of the cluster serve clients: strings "HOST:PORT", this server's own
among them, in any order; also to a token that may not know that head, in the
error that it gets. A server that is alone, or older, leaves them out. A
client that has lost its server goes on at another of them: producer, seq and
key hold across the members, and an index is the same entry at each.

# Order on a connection

A connection's appends are ordered as they were sent, and lines with an id are
sent in the order of the lines that they answer; an error that closes the
connection is the last. For a live read of the log appended to, what says that
index i exists (its entry, or its confirmation without echo) is sent before what
says so of i+1, and the confirmation of i before its echo.

# HTTP

A connection whose first bytes are GET, POST, HEAD, PUT, DELETE, OPTIONS, PATCH,
TRACE or CONNECT and a space speaks HTTP/1.1: see docs/HTTP.md. Any other bytes
are a line, or the beginning of one.

# TLS

A connection whose first byte is 0x16, as of a hello, speaks TLS 1.2 or 1.3, and what
is inside begins anew: HTTP or lines. Where the server has no TLS, the hello is answered
{"error":"no TLS here: …"} and the connection closed. A server that has may want it
of connections from other machines: without it they get {"error":"this server
wants TLS: …"} and are closed. The end of the client's side is its close_notify, or
that of the connection between two records.

# How it is made

Parser slices a message out of its line in place: nothing is copied, nothing
allocated. Its scanner validates RFC 8259 eight bytes at a time and without
recursion; encoding/json is the oracle of its fuzz targets. White space is
taken out in place too, and costs nothing when there is none. LineReader cuts
lines out of a connection, one read at a time.
*/
package protocol

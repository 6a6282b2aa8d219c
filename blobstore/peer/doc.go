// Package peer is what nodes say to one another: [Links], the streams between Ringlog's own nodes, which carry
// messages and calls; and AllData's `_put` over HTTP, both ends of it, to be embedded in any program.
//
// # Links
//
// Between any two nodes there is one connection, a link. A message is a kind and bytes; the receiver gets it as
// it was sent, and says that it has handed it over. Until then it is kept, and sent again on the next connection when
// this one breaks; the oldest are dropped when they are too many or too old (Options). So messages may be
// lost, but between one start of the sender and one of the receiver none comes twice, unless SetPeers dropped the
// peer meanwhile; after a new start of the receiver what was not acknowledged comes again.
//
// There are two lanes, each with its own order: urgent messages go as they are and pass bulk ones, which go in pieces.
// Options.Bulk says which message takes which.
//
// A call is a connection of its own, with one request and one result. It is also for who is no member yet.
//
// # Who is believed
//
// With TLS (1.3, nothing older) both ends show a certificate that the CA of the nodes has signed, and that is a
// node's: it has the URI ringlog://node/NAME ([Role]). The name in the hello must be this one. Whoever doesn't get
// that far learns nothing, except that a certificate with another role is told so. [Certificates] reads the files,
// again when it is told to; [MakeCA] and [MakeNode] make them.
//
// Then a link is refused, with a text that says what to do, to who
//
//   - belongs to another cluster, or has no number in one yet
//   - has dialed for another node, or has this node's own number
//   - is no Peer, if nobody else decides (Options.Admit)
//   - is another node than the Peer of that number, or has another name
//   - is another process than the one that is connected and lives (something came from it within two and a half
//     heartbeats), and has no larger incarnation
//   - Options.Admit refuses
//
// A call is refused to who belongs to another cluster, and while too many are under way. What else
// may be called by whom is for the methods.
//
// # Bytes
//
// All numbers are little-endian. A connection is a sequence of frames, each
//
//	 0  4  CRC-32C of all that follows in the frame
//	 4  4  length of the payload
//	 8  1  type
//	 9  1  kind of the message (types 4 and 5), else 0
//	10  2  0
//	12  4  type 5: bytes of the message in frames after this one, else 0
//	16  8  sequence number (types 4 and 5), else 0
//	24     payload
//
// of the types
//
//	1  hello         of who has dialed, first
//	2  welcome       the answer: a hello, too
//	3  refused       the other answer, an error; then the connection is closed
//	4  message       of the urgent lane
//	5  piece         of a message of the bulk lane
//	6  handed over   the sequence numbers of the last message of the urgent and of the bulk lane that was, 8 bytes each
//	7  request       of a call: length of the method's name (1 byte), the name, the request
//	8  result        of a call
//	9  failed        the other answer: an error
//
// An error is the length of its code (1 byte), the code, and a text. A hello is at most 512 bytes:
//
//	  0  8  RINGPEER
//	  8  1  version, 1; of another version nothing else is looked at
//	  9  1  1 for a link, 2 for a call
//	 10 16  cluster; zeroes: none yet
//	 26 16  node
//	 42  8  number; 0: none yet
//	 50  8  incarnation
//	 58  8  number of the node that is wanted; 0: whoever it is
//	 66  8  start, drawn by each Links when it is made
//	 74  8  connection, drawn by who has dialed; the welcome repeats it
//	 82  8  the connection of the two that this end lost last; 0: none
//	 90  8  the start of the other end that the next two are about; 0: none
//	 98  8  sequence number of its last urgent message that was handed over here
//	106  8  likewise bulk
//	114  1  length of the name
//	115     name
//
// Nothing but a hello is read before a hello, and nothing is sent by who has dialed between its hello and the
// answer.
//
// A message's sequence number is larger than that of the one before in its lane; where one was dropped there is a gap.
// A message that isn't larger than the last one from the same start was handed over already, and is not again. What
// was cut begins with its first piece again on a new connection; when a piece with another number comes, what there is
// of the one before is forgotten: it was dropped.
//
// Type 6 is sent after 64 messages or 256 KiB, together with whatever else is sent, and as heartbeat. During a call the
// one that was called sends it, with zeroes. A connection on which nothing comes for Options.Silence is closed.
//
// # One connection
//
// Either end dials when there is no connection. When both do, the connection stays that the node with the smaller
// number has dialed: that one refuses the other's while its own is there and something came on it within two and a half
// heartbeats, the other lets it take the place of its own. But a connection that the hello says is lost
// is no reason to refuse.
//
// # _put
//
// A peer is given an event under a key by
//
//	POST / HTTP/1.1
//
//	{"key":"K","event":{"any":"thing"}}
//
// on any path, in one JSON object; other fields are ignored. The key is any string, the event any JSON value.
// [NewPutHandler] hands both to the embedding program's [Put] and answers
//
//	201   Put returned nil: it is stored
//	400   not such JSON, a field is missing or there twice, or Put returned an ErrRefused
//	403   a web page of another origin sent it
//	405   another method; Allow says POST
//	413   longer than PutOptions.MaxBody
//	408   the body did not come within PutOptions.ReadTime
//	500   Put returned another error: it may be stored or not
//	503   too many puts are under way
//
// A 201 has no body, the others say in a line of text what to do. [ListenPut] serves the handler, on
// localhost:8080 if nothing else is said, in plain text. [PutClient] puts to such a peer, and to AllData's own.
//
// A put may come more than once: whoever doesn't know how one ended (an error that is [ErrUnknown]) sends it
// again, with the same key and the same event. So a Put stores an event under its key once, and says nil
// again for the same event.
//
// The form, the answers and the address are those of the npm modules alldata-peer-server-http and
// alldata-peer-client-http. What differs: their server takes a missing key or event, keys that
// are no strings, bodies of any length and any age, and the last of two fields of a name; and answers 400 when
// its program throws an exception. Since Node 16 it also takes a request that was read to its end for one whose
// client has gone, and answers only programs that call back in the same turn; a PutClient's time is up then, and
// the outcome unknown. Here the event is handed over as the bytes that came, so numbers keep
// their digits and objects their order.
//
// # Ringlog's own
//
// The port of nodes takes puts, too, if Options.Put says what becomes of them: a connection that begins with a method of HTTP is no
// link and no call. With TLS who puts shows a node's certificate, as everybody there; ALPN is not asked for. A web page (a
// request with an Origin) gets 403.
//
// Here is the mechanism; what a Ringlog node does with a put belongs to its server: a Put that takes only
// the event's digest as key (else an [ErrRefused], so 400), and returns nil when the event is flushed.
package peer

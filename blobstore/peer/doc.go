// Package peer is what nodes say to one another: [Links], the streams between Ringlog's own nodes, which carry
// messages and calls; and AllData's `_put` over HTTP, both ends of it, to be embedded in any program.
//
// # Links
//
// Between any two nodes there is one connection. Either may dial; of two that cross the one stays that the
// node with the smaller number dialed. A message is a kind and bytes. It is kept until the other node says that it was
// handed over, and sent again when the connection broke meanwhile; the oldest are dropped when they are
// too many or too old. So messages may be lost, but between two starts none comes twice, and those of a lane come in
// their order. There are two lanes: what is urgent passes what is bulk, which is cut into pieces.
//
// A call is a connection of its own, with one request and one answer; it is also for who is no member.
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
// Here is the mechanism; what a Ringlog node does with a put belongs to its server: a Put that takes only
// the event's digest as key (else an [ErrRefused], so 400), and returns nil when the event is flushed.
package peer

/*
Package client appends to the logs of a Ringlog server, or of a cluster of
them, and reads them, over connections that it makes again whenever they break.

	c, err := client.New("localhost:8089")
	…
	defer c.Close()
	index, err := c.Append(ctx, []byte(`{"hello":"world"}`))
	for entry, err := range c.Tail(ctx, client.From(index)) {
		…
	}

# Appends

All appends of a Client share one connection, made with the first of them.
[Client.Append] waits for the answer: the entry is durable then.
[Client.AppendAsync] does not wait, so one goroutine can have thousands on
their way, and [Client.Flush] waits for all of them. [Client.AppendBatch]
appends several entries as one. Entries are checked before they are sent, so
an invalid one disturbs no other.

Each append has one effect, however often it is sent. It carries the name of a
producer, random and this Client's, and a number; when a connection breaks, all
that is not answered is sent again under the same numbers, and the server
tells what it has already decided. Appends are ordered as they were accepted:
those of a goroutine, as it made them. This holds while the Client lives. To
be safe against a program that ends and begins again, use a [Key].

While there is a connection, appends wait when [MaxUnanswered] bytes are
unanswered. While there is none (an attempt to connect has failed, at every
address), they never wait for room: as many as [Keep] says are kept, as long as it says, and further
ones fail at once with [ErrDisconnected]. What was already sent is kept in any
case.

# What an error of an append means

	nil                   appended, durable, at that index
	ErrUnknownOutcome     it was sent, and may have been appended, or may yet be
	everything else       it was not appended and will not be

Errors are compared with errors.Is, as they are wrapped, often with a cause:
an append that was sent and then given up at Close is an ErrUnknownOutcome and
an ErrClosed. An outcome stays unknown when

  - its context ended, or Close was called, before the answer,
  - there was no connection for as long as Keep says,
  - the server no longer knew the producer: it lost its data, or 65,536 other
    producers came in between. A new producer begins then, for later appends,
  - it was decided, but more than a million numbered appends ago
    (ErrForgotten).

An append that the server refuses for its [Key], for [After] or because there
are too many logs is decided by that; the others go on. So they do behind one
that the server does not take for its entry (ErrTooLong, ErrInvalid): that one
is out for good, and what was sent behind it is sent again, in order. One that
it refuses before it is ordered, with its disk full, overloaded or without a
quorum, or because the token forbids it, leaves a gap in the numbers, and the
server refuses what was sent behind it. While it may yet be decided, nothing is
sent again under another number, for nobody could tell the two apart later. So
those behind fail too, with [ErrBehind]; nothing is wrong with them, and they
were not appended. What was not sent yet goes on. A program that needs its
order kept appends the failed ones again, in order, before anything else, or
has the Client try again by itself, in order and under the same numbers:
[RetryRefused].

There is one exception, made by the Client itself. If an append may already
have been appended, because the answer to its first sending was lost, then a
refusal that may pass says nothing about that, and it is sent again, with
back-off, until it is decided, at most as long as Keep says. The same goes for
the server's own "unknown outcome", and for "shutting down".

Where there are several addresses, a refusal that may pass is the answer only
when each of them has given it: another server may have room, or reach a quorum.
For a second after that the refusal of one is taken for that of all.

# Reads

[Client.Read] reads what there is, [Client.Tail] waits for more. Each has a
connection of its own, and goes on behind the last entry that was yielded when
that breaks: no gap, no repeat, this Client's own appends included. A slow
loop makes the server wait; nothing is queued here. If the log turns out to be
shorter than what was read of it, which only lost data can explain, the
iteration ends with [ErrShorter].

# Connections

A connection that breaks is made again after a random time around 50 ms, then
100, 200 … to 10 s ([BackOff]), until something comes on it. On one that is
silent for 30 s ([Timeout]) the server is asked for a sign of life. A server
that does not accept the [Token] is not tried in silence: what is under way
fails with [ErrUnauthorized], when there is no other address to try; so it does,
with [ErrTLSWanted], at one that wants [TLS].

[OnEvents] has hooks called for what happens: connect, disconnect, reconnect,
backoff with its delay, and current, when a read has reached the head.
[Dialer] makes connections some other way.

# Several addresses

The members of a cluster hold the same logs, and the numbers that make each
append have one effect hold across them. So a Client may be given several
addresses ([Others]), and learns the others: each connection begins with a
question that a cluster's server answers with its members, and it is asked
again every ten minutes. [Client.Addresses] tells what is known, to be kept for
a later New; [OnlyThese] keeps the Client to what it was given.

When a connection breaks, can't be made, or its server stops, the other
addresses are tried, each once and without a pause, beginning behind the one
that failed; the pause comes when all have failed. It stays where it has found
a server, and does not go back by itself. Appends under way are sent again
there, and reads go on behind the last entry yielded. Each connection may be to
another address. The first attempts at an address end after 3 s without an
answer, those of each further round after twice as long, up to Timeout.

All addresses must be of one cluster: what is appended to another server is
appended to that, and a read that comes to one ends with ErrShorter, or goes on
in other entries. With [TLS], all are connected to with TLS, those learned too.

Goroutines: none before the first append, then two until [Client.Close]; an
iteration, Head and Logs run on their caller's, and have one for a moment when
their context ends. OnDone functions are called by those two.
*/
package client

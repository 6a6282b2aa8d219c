package client

import (
	"errors"
	"fmt"
)

// The outcome of an append. Every error of an append that is not
// ErrUnknownOutcome (by errors.Is) means that nothing was appended and that
// nothing will be.
var (
	// ErrUnknownOutcome: it was sent, and whether it was appended can't be
	// found out any more. Appending it again may double it; read the log, or
	// append with a Key, which makes appending again safe.
	ErrUnknownOutcome = errors.New("outcome unknown: it may have been appended; look for it in the log before appending it again, or use a key")

	// ErrForgotten: it was decided so long ago (more than a million numbered
	// appends) that the server does not remember how. It is an
	// ErrUnknownOutcome too.
	ErrForgotten = fmt.Errorf("decided too long ago for the server to remember how: %w", ErrUnknownOutcome)

	// ErrBehind: refused because an append sent before it was, whose number
	// the server wants first. There is nothing wrong with it: append it again.
	// (Behind an ErrTooLong or ErrInvalid the Client does that by itself.)
	// If the cause may pass (ErrDiskFull, ErrOverloaded, ErrNoQuorum), it is
	// one of those too.
	ErrBehind = errors.New("an append before it was refused; append it again")
)

// The server has refused for now. Try again later.
var (
	ErrDiskFull   = errors.New("the server's disk is full; append it again when there is space")
	ErrOverloaded = errors.New("the server is overloaded; append it again later, and less at a time")
	ErrNoQuorum   = errors.New("no quorum: too few servers of the cluster are up and reach each other; try again when more do")
)

// The server has refused, and would again.
var (
	// ErrKeyUsed: the Key belongs to another entry. The error is a
	// *KeyUsedError, which says to which.
	ErrKeyUsed = errors.New("the key was used for another entry; choose another key")
	// ErrHead: the log's head is not what After says. The error is a
	// *HeadError, which says what it is.
	ErrHead = errors.New("the log has another head; read on to it, and decide again")
	// ErrTooManyLogs: the append would begin a log, and no more may be begun.
	ErrTooManyLogs = errors.New("the server has as many logs as it may have; use one of them, or raise its limit")
	// ErrForbidden: the token does not allow it.
	ErrForbidden = errors.New("the token does not allow this; use one that does")
	// ErrUnauthorized: the server wants a token, or another one.
	ErrUnauthorized = errors.New("the server does not accept the token; set the right one")
	// ErrTLSWanted: the server wants TLS.
	ErrTLSWanted = errors.New("the server wants TLS; use the option TLS")
	// ErrInvalid: it is nothing that the server would take. Mostly found here,
	// before it is sent: the entry is not one JSON object or array, a log's
	// name or a key breaks the rules.
	ErrInvalid = errors.New("invalid; correct it")
	// ErrRefused: the server has another reason, which the error quotes.
	ErrRefused = errors.New("the server refuses it for a reason that this client does not know")
	// ErrTooLong: the entry, or the batch as a whole, is longer than allowed.
	ErrTooLong = errors.New("too long; make the entry or the batch smaller, or raise the limits of server and client")
)

// About the connection and this client.
var (
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the client is closed")
	// ErrDisconnected: there was no connection for as long as Keep says, or as
	// many appends are kept as it allows. What the last attempt to connect
	// failed with is wrapped too.
	ErrDisconnected = errors.New("no connection to the server; try again when there is one")
	// ErrProtocol: the server sent what it should not have. Is it a Ringlog?
	ErrProtocol = errors.New("unexpected answer; check that the address is a Ringlog server's")
)

// ErrNoTLS: TLS was asked for, and the server speaks none. It is tried again like
// any other failure to connect.
var ErrNoTLS = errors.New("the server speaks no TLS; connect without it, or set it up on the server")

// About reading. The first three concern entries, not the iteration, which
// goes on behind them.
var (
	// ErrUnavailable: no server can give the entry at Entry.Index.
	ErrUnavailable = errors.New("the entry can't be read at this server: its data is damaged there (`ringlog verify`), or the nodes that hold it are away (`ringlog cluster status`)")
	// ErrRedacted: the entry at Entry.Index was taken out on purpose.
	ErrRedacted = errors.New("the entry was redacted")
	// ErrTrimmed: the log no longer has what was asked for first. The error is
	// a *TrimmedError, which says where it begins.
	ErrTrimmed = errors.New("the log was trimmed; earlier entries are gone")
	// ErrShorter: after a reconnect, the log is shorter than what was already
	// read of it: its data was lost or replaced, or this is another server.
	ErrShorter = errors.New("the log is shorter than what was read before; check the server's data, and begin anew")
)

// KeyUsedError is the ErrKeyUsed of one append.
type KeyUsedError struct {
	Index uint64 // of the entry that has the key
}

func (e *KeyUsedError) Error() string {
	return fmt.Sprintf("%v (it is entry %d's)", ErrKeyUsed, e.Index)
}

// Is tells that the error is an ErrKeyUsed.
func (e *KeyUsedError) Is(target error) bool { return target == ErrKeyUsed }

// HeadError is the ErrHead of one append.
type HeadError struct {
	Head uint64 // of the log
}

func (e *HeadError) Error() string { return fmt.Sprintf("%v (it is %d)", ErrHead, e.Head) }

// Is tells that the error is an ErrHead.
func (e *HeadError) Is(target error) bool { return target == ErrHead }

// TrimmedError is the ErrTrimmed of one read.
type TrimmedError struct {
	First uint64 // the first index that the log still has
}

func (e *TrimmedError) Error() string {
	return fmt.Sprintf("%v (it begins at %d)", ErrTrimmed, e.First)
}

// Is tells that the error is an ErrTrimmed.
func (e *TrimmedError) Is(target error) bool { return target == ErrTrimmed }

// uncertain makes the error of an append that was sent, is given up because of
// cause, and may have been appended.
func uncertain(cause error) error {
	if cause == nil {
		return ErrUnknownOutcome
	}
	if errors.Is(cause, ErrUnknownOutcome) {
		return cause
	}
	return fmt.Errorf("%w (%w)", ErrUnknownOutcome, cause)
}

// behind makes the error of the appends behind one that was refused. They are
// told a cause that may pass as theirs; of another, only what it was.
func behind(cause error) error {
	if temporary(cause) {
		return fmt.Errorf("%w (%w)", ErrBehind, cause)
	}
	return fmt.Errorf("%w (%v)", ErrBehind, cause)
}

// unwelcome tells that the server does not let this client in, and never will as it is.
func unwelcome(err error) bool {
	return errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrTLSWanted)
}

// ofEntry tells whether the refusal of an append concerns its entry alone, so
// that those sent behind it are sent again without being asked for.
func ofEntry(err error) bool { return errors.Is(err, ErrTooLong) || errors.Is(err, ErrInvalid) }

// temporary tells whether the same append may be taken later.
func temporary(err error) bool {
	return errors.Is(err, ErrDiskFull) || errors.Is(err, ErrOverloaded) || errors.Is(err, ErrNoQuorum)
}

// brokenError is the end of a connection, or of an attempt at one, after
// which another is worth an attempt.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func broken(err error) error { return &brokenError{err} }

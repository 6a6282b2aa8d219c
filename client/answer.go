package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"

	"github.com/ringlog/ringlog/protocol"
)

// verdict is what an answer says about the append it answers.
type verdict uint8

const (
	// decided: appended, or refused in order; its number is used up.
	decided verdict = iota
	// gap: refused because a lower number is missing.
	gap
	// later: refused because the server stops; for another connection.
	later
	// undecided: the server itself does not know.
	undecided
	// refused: not ordered, its number is not used up; later it may be taken.
	refused
	// rejected: not ordered, and it never will be.
	rejected
)

// answer is the line that answers one append.
type answer struct {
	number  uint64
	verdict verdict
	index   uint64 // decided and appended: the first index
	last    uint64 // gap: the last number that was decided
	err     error  // of decided, if it was refused; of every other verdict
}

// errGap is told only when a server asks for the same number on and on.
var errGap = fmt.Errorf("%w: the server goes on asking for a number that it gets", ErrProtocol)

// reply is any line of the server but those with entries.
type reply struct {
	ID        *string  `json:"id"`
	Index     uint64   `json:"index"`
	Duplicate bool     `json:"duplicate"`
	Error     string   `json:"error"`
	Seq       *uint64  `json:"seq"`
	Head      *uint64  `json:"head"`
	First     uint64   `json:"first"`
	Current   bool     `json:"current"`
	Auth      bool     `json:"auth"`
	Log       string   `json:"log"`
	Logs      *int     `json:"logs"`
	Members   []string `json:"members"`
}

func parseReply(line []byte) (r reply, err error) {
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("%w: %.100q", ErrProtocol, line)
	}
	return r, nil
}

// parseAnswer reads a line of the appends' connection: the answer to an
// append; or, with ok false, one without an id, which the reply is.
func parseAnswer(line []byte) (a answer, other reply, ok bool, err error) {
	if a, ok := parseConfirmation(line); ok {
		return a, reply{}, true, nil
	}
	r, err := parseReply(line)
	if err != nil || r.ID == nil {
		return answer{}, r, false, err
	}
	number, rest := cutNumber([]byte(*r.ID))
	if number == 0 || len(rest) > 0 {
		return answer{}, r, false, fmt.Errorf("%w: %.100q", ErrProtocol, line)
	}
	return r.answer(number), r, true, nil
}

// parseConfirmation reads {"id":"N","index":N}, which is almost every answer.
func parseConfirmation(line []byte) (answer, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"id":"`))
	if !ok {
		return answer{}, false
	}
	number, rest := cutNumber(rest)
	rest, ok = bytes.CutPrefix(rest, []byte(`","index":`))
	if !ok || number == 0 {
		return answer{}, false
	}
	index, rest := cutNumber(rest)
	return answer{number: number, index: index}, index > 0 && len(rest) == 1 && rest[0] == '}'
}

// cutNumber reads the number that v begins with; 0 if there is none, or one that
// is too large or begins with a zero, which JSON has not.
func cutNumber(v []byte) (n uint64, rest []byte) {
	if len(v) > 0 && v[0] == '0' {
		return 0, v
	}
	i := 0
	for ; i < len(v) && '0' <= v[i] && v[i] <= '9'; i++ {
		d := uint64(v[i] - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, v
		}
		n = n*10 + d
	}
	return n, v[i:]
}

// answer says what a reply means for the append of that number.
func (r *reply) answer(number uint64) answer {
	a := answer{number: number, index: r.Index}
	switch {
	case r.Error != "":
		r.refusal(&a)
	case r.Index == 0 && r.Duplicate:
		a.err = ErrForgotten
	case r.Index == 0:
		a.verdict, a.err = undecided, ErrProtocol
	}
	return a
}

func (r *reply) refusal(a *answer) {
	switch {
	case r.Seq != nil:
		a.verdict, a.last, a.err = gap, *r.Seq, errGap
	case r.Head != nil:
		a.err = &HeadError{*r.Head}
	case r.Error == protocol.ErrorKeyUsed:
		a.err = &KeyUsedError{r.Index}
	case r.Error == protocol.ErrorTooManyLogs:
		a.err = ErrTooManyLogs
	case r.Error == protocol.ErrorUnknownOutcome:
		a.verdict, a.err = undecided, ErrUnknownOutcome
	case r.Error == protocol.ErrorShuttingDown:
		a.verdict, a.err = later, ErrDisconnected
	default:
		a.err = refusalError(r.Error)
		a.verdict = rejected
		if temporary(a.err) {
			a.verdict = refused
		}
	}
}

// refusalError is the error of an error line that is about no entry.
func refusalError(text string) error {
	switch text {
	case protocol.ErrorDiskFull:
		return ErrDiskFull
	case protocol.ErrorOverloaded:
		return ErrOverloaded
	case protocol.ErrorNoQuorum:
		return ErrNoQuorum
	case protocol.ErrorForbidden:
		return ErrForbidden
	case protocol.ErrorUnauthorized:
		return ErrUnauthorized
	case protocol.ErrorTLSWanted:
		return ErrTLSWanted
	case protocol.ErrorLineTooLong:
		return ErrTooLong
	case protocol.ErrorInvalidMessage, protocol.ErrorInvalidJSON:
		return fmt.Errorf("the server says %q: %w", text, ErrInvalid)
	}
	return fmt.Errorf("%w: %.100q", ErrRefused, text)
}

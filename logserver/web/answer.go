package web

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/protocol"
)

// answer is the way back to a client.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	code    int
	grant   *access.Grant // what was asked may be done with it
}

// WriteHeader notes the status for the metrics.
func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// class is the first digit of a status, as a label: "2xx".
func class(code int) string { return strconv.Itoa(code/100) + "xx" }

// json answers with a status and a value.
func (a *answer) json(code int, value any) {
	a.Header().Set("Content-Type", "application/json")
	a.WriteHeader(code)
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // our own structs
	}
	_, _ = a.Write(append(text, '\n')) // who is gone is gone
}

// failure is an answer that is no success: what happened, and what to do about it.
type failure struct {
	code   int
	closes bool // the connection: its body is not read

	Error    string  `json:"error"`
	Line     int     `json:"line,omitempty"`     // of the body, from 1
	Index    *uint64 `json:"index,omitempty"`    // the key's
	Head     *uint64 `json:"head,omitempty"`     // the log's
	Appended *uint64 `json:"appended,omitempty"` // entries, before the one that is wrong
	Remedy   string  `json:"remedy"`

	challenge string // WWW-Authenticate
}

// line is the failure as the last line of a read.
func (f *failure) line() []byte {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // our own struct
	}
	return append(text, '\n')
}

func (a *answer) fail(f *failure) {
	switch {
	case f.code == http.StatusServiceUnavailable:
		a.Header().Set("Retry-After", "1")
	case f.code == http.StatusTooManyRequests:
		a.Header().Set("Retry-After", "5")
	case f.challenge != "":
		a.Header().Set("WWW-Authenticate", f.challenge)
	case f.code == http.StatusUnsupportedMediaType:
		a.Header().Set("Accept-Encoding", "gzip, zstd")
	}
	if f.closes {
		a.Header().Set("Connection", "close")
	}
	a.json(f.code, f)
}

// badRequest is a failure that is the client's.
func badRequest(what, remedy string) *failure {
	return &failure{code: http.StatusBadRequest, Error: what, Remedy: remedy}
}

// refusals says which status a refused append gets, and what to do.
var refusals = map[string]failure{
	protocol.ErrorDiskFull:       {code: http.StatusInsufficientStorage, Remedy: "free space on the server's disk; then send it again"},
	protocol.ErrorTooManyLogs:    {code: http.StatusInsufficientStorage, Remedy: "append to a log that exists (GET /logs)"},
	protocol.ErrorOverloaded:     {code: http.StatusServiceUnavailable, Remedy: "send it again in a while; more MEMORY helps if it happens often"},
	protocol.ErrorNoQuorum:       {code: http.StatusServiceUnavailable, Remedy: "send it again when enough nodes can be reached"},
	protocol.ErrorShuttingDown:   {code: http.StatusServiceUnavailable, Remedy: "send it again when the server is back"},
	protocol.ErrorUnknownOutcome: {code: http.StatusInternalServerError, Remedy: "it may have been appended: with an Idempotency-Key, send it again; otherwise read first"},
	protocol.ErrorInvalidJSON:    {code: http.StatusBadRequest, Remedy: "each line has to be one JSON object or array; send line breaks as they are (curl --data-binary)"},
	protocol.ErrorInvalidMessage: {code: http.StatusBadRequest, Remedy: "an entry is an object or an array, in UTF-8, at most 128 deep"},
	protocol.ErrorLineTooLong:    {code: http.StatusRequestEntityTooLarge, Remedy: "an entry is at most MAX_ENTRY bytes long"},
}

// refused makes the failure of an Error text of package protocol.
func refused(reason string) *failure {
	f, ok := refusals[reason]
	if !ok {
		f = failure{code: http.StatusInternalServerError, Remedy: "look at the server's log"}
	}
	f.Error = reason
	return &f
}

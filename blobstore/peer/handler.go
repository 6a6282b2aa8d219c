package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// PutOptions limit what is taken from clients. What is 0 is as DefaultPutOptions has it.
type PutOptions struct {
	MaxBody   int           // bytes of a request's body
	MaxPuts   int           // under way at once, their bodies included; others wait, at most PutTime
	ReadTime  time.Duration // for a request's body, and before it for its header
	PutTime   time.Duration // for a Put: its context ends then
	IdleTime  time.Duration // a connection without a request is closed then
	CloseTime time.Duration // for the puts under way when the server is closed
}

// DefaultPutOptions take events of 1 MiB.
var DefaultPutOptions = PutOptions{
	MaxBody:   1<<20 + 64<<10,
	MaxPuts:   256,
	ReadTime:  30 * time.Second,
	PutTime:   30 * time.Second,
	IdleTime:  2 * time.Minute,
	CloseTime: 10 * time.Second,
}

func (o PutOptions) complete() PutOptions {
	d := DefaultPutOptions
	return PutOptions{
		MaxBody:   or(o.MaxBody, d.MaxBody),
		MaxPuts:   or(o.MaxPuts, d.MaxPuts),
		ReadTime:  or(o.ReadTime, d.ReadTime),
		PutTime:   or(o.PutTime, d.PutTime),
		IdleTime:  or(o.IdleTime, d.IdleTime),
		CloseTime: or(o.CloseTime, d.CloseTime),
	}
}

func or[N int | time.Duration](n, standard N) N {
	if n > 0 {
		return n
	}
	return standard
}

type handler struct {
	put     Put
	options PutOptions
	turns   chan struct{} // one is taken by each put under way, its body included
	origin  http.CrossOriginProtection
}

// NewPutHandler returns a handler that hands what peers put to put, as the package document says. The
// path doesn't matter to it. Of the options it keeps MaxBody, MaxPuts, ReadTime and PutTime; the others belong to
// the server that it is given to.
func NewPutHandler(put Put, options PutOptions) http.Handler {
	options = options.complete()
	return &handler{put: put, options: options, turns: make(chan struct{}, options.MaxPuts)}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		say(w, http.StatusMethodNotAllowed, "send a POST")
		return
	}
	if err := h.origin.Check(r); err != nil {
		say(w, http.StatusForbidden, "a web page of another origin may not put")
		return
	}
	if !h.turn(r.Context()) {
		say(w, http.StatusServiceUnavailable, "too many puts are under way; nothing was stored; send it again later")
		return
	}
	defer func() { <-h.turns }()
	body, err := h.read(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	key, event, err := parse(body)
	if err != nil {
		say(w, http.StatusBadRequest, err.Error())
		return
	}
	h.store(r.Context(), w, key, event)
}

// turn waits for a turn, and tells whether it got one.
func (h *handler) turn(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, h.options.PutTime)
	defer cancel()
	select {
	case h.turns <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// read returns the whole body, if it comes in time and is not too long.
func (h *handler) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Not every ResponseWriter has deadlines; then its server sees to it. At the end of the body the
	// deadline is lifted by net/http, which goes on reading to find out whether the client goes away.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.options.ReadTime))
	return io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.options.MaxBody)))
}

// refuse says why a body could not be read. What is left of it is not waited for.
func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Connection", "close")
	long, ok := errors.AsType[*http.MaxBytesError](err)
	switch {
	case ok:
		say(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("longer than %d bytes; send a smaller event", long.Limit))
	case errors.Is(err, os.ErrDeadlineExceeded):
		say(w, http.StatusRequestTimeout, "the body did not come in time; nothing was stored; send it again")
	default:
		say(w, http.StatusBadRequest, "the body is not as its header says; nothing was stored; send it again")
	}
}

func (h *handler) store(ctx context.Context, w http.ResponseWriter, key string, event []byte) {
	ctx, cancel := context.WithTimeout(ctx, h.options.PutTime)
	defer cancel()
	switch err := h.put(ctx, key, event); {
	case err == nil:
		w.WriteHeader(http.StatusCreated)
	case errors.Is(err, ErrRefused):
		say(w, http.StatusBadRequest, err.Error())
	default: // whose text may tell what is none of the client's business
		say(w, http.StatusInternalServerError, "it may be stored or not; send the same event under the same key again")
	}
}

func say(w http.ResponseWriter, status int, text string) { http.Error(w, text, status) }

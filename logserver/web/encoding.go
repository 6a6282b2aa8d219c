package web

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// encoder compresses an answer.
type encoder struct {
	io.WriteCloser
	release func() // called once, in the end
}

// encoder returns what the answer is to be compressed with, nil for nothing: the client
// wants it plain; the read goes on live, where each entry is sent at once, there is little
// to gain, and every idle client would hold an encoder; or there are many already.
func (s *Site) encoder(a *answer, r *http.Request, live bool) *encoder {
	a.Header().Add("Vary", "Accept-Encoding")
	name := preferred(r.Header.Get("Accept-Encoding"))
	if name == "" || live {
		return nil
	}
	select {
	case s.compressed <- struct{}{}:
	default:
		return nil
	}
	a.Header().Set("Content-Encoding", name)
	var w io.WriteCloser
	switch name {
	case "zstd":
		w = must(zstd.NewWriter(a.ResponseWriter, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(512<<10), zstd.WithLowerEncoderMem(true)))
	default:
		w = must(gzip.NewWriterLevel(a.ResponseWriter, gzip.BestSpeed))
	}
	return &encoder{w, sync.OnceFunc(func() { <-s.compressed })}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // our own options
	}
	return v
}

// preferred returns the encoding that a client likes of those that there are: zstd, gzip,
// or "" for none.
func preferred(accept string) string {
	best, bestQ := "", 0.0
	for item := range strings.SplitSeq(accept, ",") {
		name, parameter, _ := strings.Cut(item, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(value, 64); err != nil {
				continue
			}
		}
		if (name == "gzip" || name == "zstd") && (q > bestQ || q == bestQ && q > 0 && name == "zstd") {
			best, bestQ = name, q
		}
	}
	return best
}

// acceptsGzip tells whether a client takes gzip.
func acceptsGzip(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		name, parameter, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.TrimSpace(parameter) != "q=0"
		}
	}
	return false
}

// maxWindow is how much memory a compressed body may ask for.
const maxWindow = 8 << 20

var errEncoding = errors.New("web: no such encoding")

// decoded returns a body as it was before it was compressed. Close gives memory back; it
// does not close body.
func decoded(body io.Reader, encoding string) (io.ReadCloser, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return io.NopCloser(body), nil
	case "gzip", "x-gzip":
		return &lazyGzip{body: body}, nil
	case "zstd":
		d, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, errEncoding
}

// lazyGzip reads the head of a gzip stream with the first read, which has a deadline.
type lazyGzip struct {
	body io.Reader
	z    *gzip.Reader
}

func (l *lazyGzip) Read(p []byte) (n int, err error) {
	if l.z == nil {
		if l.z, err = gzip.NewReader(l.body); err != nil {
			l.z = nil
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	return l.z.Read(p)
}

func (l *lazyGzip) Close() error { return nil }

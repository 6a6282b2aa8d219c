package web

import (
	"net/http"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/protocol"
)

// blob gives the entry that has a digest.
func (s *Site) blob(a *answer, d blobstore.Digest) *failure {
	entry, found, err := s.log.Content(d)
	switch {
	case err != nil:
		s.options.Logger.Error().Err(err).Stringer("digest", d).Msg("content can't be looked up by its digest")
		return &failure{code: http.StatusInternalServerError, Error: protocol.ErrorEntryUnavailable, Remedy: "what might hold it is damaged; `ringlog verify` tells what is"}
	case !found:
		return &failure{code: http.StatusNotFound, Error: "no entry has this digest", Remedy: "the digest is the SHA-256 of the entry's bytes without white space between tokens, as hash of meta tells it"}
	}
	a.Header().Set("Content-Type", "application/json")
	a.Header().Set("ETag", `"`+d.String()+`"`)
	_, _ = a.Write(entry) // who is gone is gone
	return nil
}

package web

import (
	"encoding/json"
	"net/http"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/protocol"
)

// allData takes {"key":"K","event":{…}} as AllData's clients send it, and appends the event
// to main with that key.
func (s *Site) allData(a *answer, r *http.Request) *failure {
	w := s.log.NewWriter(protocol.MainLog)
	defer w.Close()
	b, f := s.open(a, r, s.log.MaxEntry()+protocol.Envelope)
	if f != nil {
		return f
	}
	defer b.close()
	text, f := s.readAll(b, r, w)
	if f != nil {
		return f
	}
	key, event, ok := parseAllData(text)
	if !ok || s.add(w, event) != nil {
		return badRequest("not of AllData", `send {"key":"K","event":{…}}, the key of 1 to 256 bytes`)
	}
	w.Submit(logserver.Conditions{Key: key})
	if _, err := w.Wait(); err != nil {
		if f = notAppended(err); f.code != http.StatusConflict {
			f.code = http.StatusInternalServerError
		}
		return f
	}
	a.WriteHeader(http.StatusCreated)
	return nil
}

// parseAllData finds key and event in text.
func parseAllData(text []byte) (key, event []byte, ok bool) {
	if _, err := protocol.Compact(nil, text); err != nil { // whatever encoding/json would put right by itself
		return nil, nil, false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil, nil, false
	}
	var name string
	if json.Unmarshal(members["key"], &name) != nil || !validKey(name) {
		return nil, nil, false
	}
	return []byte(name), members["event"], !isBlank(members["event"])
}

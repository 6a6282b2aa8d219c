package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Put stores an event under a key, and returns nil once it is stored. For the same key and event it may be
// called again. It returns when ctx ends.
//
// The event is a JSON value as the client wrote it, without white space around it; the slice is the
// callee's to keep.
//
// An error that is an ErrRefused says that the event is not stored, and would be refused again; its text is for the
// client. Any other error leaves open whether it is stored.
type Put func(ctx context.Context, key string, event []byte) error

var (
	// ErrRefused: not stored, and it would be refused again.
	ErrRefused = errors.New("refused; correct it")
	// ErrNotSent: not stored, because the peer could not be reached, or the context had ended before.
	ErrNotSent = errors.New("not sent; send it again later, or to another peer")
	// ErrUnknown: it was sent, and may be stored or not.
	ErrUnknown = errors.New("outcome unknown; send the same event under the same key again")
)

// errForm is what parse says of everything that is no put.
var errForm = errors.New(`want one JSON object with a string and any value: {"key":"K","event":{}}`)

// parse reads the body of a put: one JSON object in UTF-8 with the fields key, a string, and event, each once.
// Other fields are ignored. The error is an errForm.
func parse(body []byte) (key string, event []byte, err error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return "", nil, fmt.Errorf("not JSON in UTF-8; %w", errForm)
	}
	fields := json.NewDecoder(bytes.NewReader(body))
	if open, err := fields.Token(); err != nil || open != json.Delim('{') {
		return "", nil, fmt.Errorf("not an object; %w", errForm)
	}
	var text json.RawMessage
	for fields.More() {
		name, value, err := field(fields)
		switch {
		case err != nil:
			return "", nil, err
		case name == "key" && text == nil:
			text = value
		case name == "event" && event == nil:
			event = value
		case name == "key" || name == "event":
			return "", nil, fmt.Errorf("%s is there twice; %w", name, errForm)
		}
	}
	if text == nil || event == nil {
		return "", nil, fmt.Errorf("key or event is missing; %w", errForm)
	}
	if text[0] != '"' || halfSurrogate(text) || json.Unmarshal(text, &key) != nil {
		return "", nil, fmt.Errorf("key is not a string of text; %w", errForm)
	}
	return key, event, nil
}

// field reads a field of an object. It can't fail: the object is known to be valid.
func field(fields *json.Decoder) (name string, value json.RawMessage, err error) {
	token, err := fields.Token()
	name, ok := token.(string)
	if err != nil || !ok || fields.Decode(&value) != nil {
		return "", nil, errForm
	}
	return name, value, nil
}

// halfSurrogate tells whether a valid JSON string escapes half a surrogate pair, which no text has.
func halfSurrogate(text []byte) bool {
	for i := 0; i < len(text)-1; i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if first := escaped(text[i:]); utf16.IsSurrogate(first) {
			i += len("uXXXX")
			if text[i] != '\\' || utf16.DecodeRune(first, escaped(text[i+1:])) == utf8.RuneError {
				return true
			}
			i++
		}
	}
	return false
}

// escaped is the number that uXXXX, at the beginning of text, stands for; 0 if there is something else.
func escaped(text []byte) rune {
	if text[0] != 'u' {
		return 0
	}
	n, _ := strconv.ParseUint(string(text[1:5]), 16, 16) // valid JSON has four digits
	return rune(n)
}

// format is the reverse of parse. It returns an ErrRefused if the key or the event can't be sent.
func format(key string, event []byte) ([]byte, error) {
	if !utf8.ValidString(key) {
		return nil, fmt.Errorf("%w: the key is not UTF-8", ErrRefused)
	}
	if !utf8.Valid(event) || !json.Valid(event) {
		return nil, fmt.Errorf("%w: the event is not JSON in UTF-8", ErrRefused)
	}
	text, err := json.Marshal(key)
	if err != nil {
		return nil, fmt.Errorf("%w: key: %v", ErrRefused, err)
	}
	body := make([]byte, 0, len(text)+len(event)+len(`{"key":,"event":}`))
	body = append(body, `{"key":`...)
	body = append(body, text...)
	body = append(body, `,"event":`...)
	body = append(body, event...)
	return append(body, '}'), nil
}

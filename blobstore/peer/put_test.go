package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

var good = []struct{ body, key, event string }{
	{`{"key":"k","event":{"a":1}}`, "k", `{"a":1}`},
	{" \t\r\n{ \"event\" : [ 1 , 2 ] , \"key\" : \"k\" } \n", "k", `[ 1 , 2 ]`},
	{`{"key":"","event":null}`, "", `null`},
	{`{"key":"k","event":12345678901234567890.10}`, "k", `12345678901234567890.10`},
	{`{"key":"k","event":"\ud83d"}`, "k", `"\ud83d"`},
	{`{"key":"\"\\\u0000\ud83d\ude00/\/","event":false}`, "\"\\\x00\U0001f600//", `false`},
	{`{"key":"\\ud83d \ufffd","event":0}`, `\ud83d ` + "\ufffd", `0`},
	{`{"key":"2014-01-01T00:00:00.000Z","event":{"key":1,"event":2,"key":3}}`, "2014-01-01T00:00:00.000Z", `{"key":1,"event":2,"key":3}`},
	{`{"\u006bey":"k","event":1,"Key":"no","other":{"x":[]},"other":2}`, "k", `1`},
	{`{"key":"k","event":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`, "k", strings.Repeat("[", 9000) + strings.Repeat("]", 9000)},
}

var bad = []string{
	"", " ", "{", "null", "1", `"x"`, "[]", "{}", `{foo: 'bar'}`, "\xff", "\x00", "\ufeff{}",
	`{"key":"k"}`, `{"event":1}`, `{"Key":"k","Event":1}`, `{"key":"k","event":1`, `{"key":"k","event":}`,
	`{"key":null,"event":1}`, `{"key":1,"event":1}`, `{"key":{},"event":1}`, `{"key":["k"],"event":1}`,
	`{"key":"k","event":1}{}`, `{"key":"k","event":1} x`, `{"key":"k","event":1}{"key":"k","event":1}`,
	`{"key":"k","key":"k","event":1}`, `{"key":"k","event":1,"event":1}`, `{"key":"k","event":null,"event":1}`,
	`{"key":"\ud83d","event":1}`, `{"key":"\ude00","event":1}`, `{"key":"\ud83d\ud83d","event":1}`,
	`{"key":"\ud83dx","event":1}`, `{"key":"\ud83d\n","event":1}`,
	`{"key":"k` + "\xff" + `","event":1}`, `{"key":"k","event":"` + "\xed\xa0\x80" + `"}`, `{"key":"k","event":01}`,
	`{"key":"k","event":` + strings.Repeat("[", 1000000) + `}`,
	`{"key":"k","event":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
}

func TestParse(t *testing.T) {
	for _, c := range good {
		key, event, err := parse([]byte(c.body))
		if err != nil || key != c.key || string(event) != c.event {
			t.Errorf("%.100s: %q, %.100s, %v", c.body, key, event, err)
		}
	}
	for _, body := range bad {
		if key, event, err := parse([]byte(body)); !errors.Is(err, errForm) || key != "" || event != nil {
			t.Errorf("%.100q: %q, %.100s, %v", body, key, event, err)
		}
	}
}

func TestFormatRefusesWhatCannotBeSent(t *testing.T) {
	for _, c := range []struct{ key, event string }{
		{"k", ""}, {"k", "{"}, {"k", "1 2"}, {"k", `"` + "\xff" + `"`}, {"\xff", "1"}, {"k", "1}"}, {"k", `1,"key":"other"`},
	} {
		if body, err := format(c.key, []byte(c.event)); !errors.Is(err, ErrRefused) || body != nil {
			t.Errorf("%q, %q: %s, %v", c.key, c.event, body, err)
		}
	}
}

// FuzzParse: any bytes are refused, or are what another reader of JSON finds in them; and survive being sent on.
func FuzzParse(f *testing.F) {
	for _, c := range good[:len(good)-1] {
		f.Add([]byte(c.body))
	}
	for _, body := range bad[:len(bad)-2] {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		key, event, err := parse(body)
		var fields map[string]json.RawMessage
		known := json.Unmarshal(body, &fields)
		var text string
		if err != nil {
			if !errors.Is(err, errForm) || key != "" || event != nil {
				t.Fatalf("%q, %q, %v", key, event, err)
			}
			return
		}
		if known != nil || json.Unmarshal(fields["key"], &text) != nil || text != key || !bytes.Equal(fields["event"], event) {
			t.Fatalf("%q became %q and %q, encoding/json finds %q, %v", body, key, event, fields, known)
		}
		if !utf8.ValidString(key) || !json.Valid(event) {
			t.Fatalf("%q, %q", key, event)
		}
		sent, err := format(key, event)
		if err != nil {
			t.Fatal(err)
		}
		key2, event2, err := parse(sent)
		if err != nil || key2 != key || !bytes.Equal(event2, event) {
			t.Fatalf("%q sent as %q came as %q, %q, %v", body, sent, key2, event2, err)
		}
	})
}

// FuzzFormat: whatever key and event a program has, they arrive as they are, or are refused before they are sent.
func FuzzFormat(f *testing.F) {
	f.Add("k", []byte(`{"a":1}`))
	f.Add("<\u2028>\x00\x7f", []byte(` [1, 2] `))
	f.Add("\xff", []byte(`1}`))
	f.Fuzz(func(t *testing.T, key string, event []byte) {
		body, err := format(key, event)
		if err != nil {
			if !errors.Is(err, ErrRefused) || utf8.ValidString(key) && utf8.Valid(event) && json.Valid(event) {
				t.Fatalf("%q, %q: %v", key, event, err)
			}
			return
		}
		key2, event2, err := parse(body)
		if err != nil || key2 != key || !bytes.Equal(event2, bytes.Trim(event, " \t\r\n")) {
			t.Fatalf("%q, %q sent as %q came as %q, %q, %v", key, event, body, key2, event2, err)
		}
	})
}

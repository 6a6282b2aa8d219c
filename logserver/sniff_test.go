package logserver

import "testing"

func TestSniff(t *testing.T) {
	for first, want := range map[string]spoken{
		"":                     unsure,
		"G":                    unsure,
		"GET":                  unsure,
		"PO":                   unsure,
		"PATC":                 unsure,
		"GET ":                 speaksHTTP,
		"GET / HTTP/1.1\r\n":   speaksHTTP,
		"OPTIONS * HTTP/1.1\n": speaksHTTP,
		"CONNECT x:1":          speaksHTTP,
		`{"from":1}` + "\n":    speaksLines,
		"{":                    speaksLines,
		"\n":                   speaksLines,
		"\r\nGET / ":           speaksLines,
		"get / HTTP/1.1":       speaksLines,
		"GETX":                 speaksLines,
		"GET\t/":               speaksLines,
		"PRI * HTTP/2.0\r\n":   speaksLines,
		"PROXY TCP4 1.1.1.1":   speaksLines,
		"SSH-2.0-OpenSSH_9":    speaksLines,
		"*1\r\n$4\r\nPING\r\n": speaksLines,
		"\x16\x03\x01":         speaksTLS,
		"\x16":                 speaksTLS,
		"\x15\x03":             speaksLines,
		"\xef\xbb\xbfGET / ":   speaksLines,
	} {
		if got := sniff([]byte(first)); got != want {
			t.Errorf("%q: %d, want %d", first, got, want)
		}
	}
}

// A connection that was handed over begins with the bytes that were read of it.
func TestHandedReadsWhatWasRead(t *testing.T) {
	h := &handed{first: []byte("GET /")}
	p := make([]byte, 3)
	for _, want := range []string{"GET", " /"} {
		if n, err := h.Read(p); err != nil || string(p[:n]) != want {
			t.Fatalf("%q, %v; want %q", p[:n], err, want)
		}
	}
	if h.first != nil {
		t.Fatal("what was read is kept")
	}
}

package logserver

import "bytes"

// spoken is what a connection speaks, as its first bytes tell.
type spoken uint8

const (
	unsure      spoken = iota // they may yet become a method
	speaksLines               // lines of JSON, or nonsense that is answered as such
	speaksHTTP
	speaksTLS
)

// helloByte begins a hello of TLS, and nothing else that is spoken here.
const helloByte = 0x16

// methods begin a request of HTTP/1.1: those of RFC 9110, and PATCH.
var methods = [][]byte{
	[]byte("GET "), []byte("POST "), []byte("HEAD "), []byte("PUT "), []byte("DELETE "),
	[]byte("OPTIONS "), []byte("PATCH "), []byte("TRACE "), []byte("CONNECT "),
}

// sniff tells what a connection speaks that began with these bytes.
//
//go:noinline // for the stacks of idle connections: see connection.debug
func sniff(first []byte) spoken {
	if len(first) == 0 {
		return unsure
	}
	if first[0] == helloByte {
		return speaksTLS
	}
	for _, method := range methods {
		n := min(len(first), len(method))
		if bytes.Equal(first[:n], method[:n]) {
			if n == len(method) {
				return speaksHTTP
			}
			return unsure
		}
	}
	return speaksLines
}

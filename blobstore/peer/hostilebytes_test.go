package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// Bytes that no node sends end the connection, before the hello without an answer. Nothing of them is
// handed over.
func TestHostileBytes(t *testing.T) {
	h := startTarget(t, func(o *Options) { o.OpenTime = 500 * time.Millisecond })
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 100_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	greeting := frameOf(helloOf(second()))
	flipped := bytes.Clone(greeting)
	flipped[30]++
	reserved := bytes.Clone(greeting)
	reserved[10] = 1
	tooLong := binary.LittleEndian.AppendUint32(make([]byte, 4), 1<<31)
	tooLong = append(append(tooLong, byte(frameHello)), make([]byte, 1000)...)
	first := map[string][]byte{
		"random bytes":        random,
		"zeroes":              make([]byte, 1000),
		"HTTP":                []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"half a header":       greeting[:10],
		"half a hello":        greeting[:60],
		"nothing":             {},
		"a flipped bit":       flipped,
		"a huge length":       tooLong,
		"no hello":            spoil(frameMessage, 5, 0, []byte("hello")),
		"an empty hello":      spoil(frameHello, 0, 0, nil),
		"a hello too long":    appendFrame(nil, frameHello, append(helloOf(second()).append(nil), 0)),
		"a hello of a letter": spoil(frameHello, maxHello+1, 0, make([]byte, maxHello+1)),
		"reserved bytes":      reserved,
		"no magic":            appendFrame(nil, frameHello, make([]byte, 200)),
		"a welcome":           appendFrame(nil, frameWelcome, helloOf(second()).append(nil)),
		"another purpose":     frameOf(&hello{purpose: 9, Identity: second(), start: 1, connection: 1}),
		"a call without end":  frameOf(&hello{purpose: forCall, Identity: second(), start: 1, connection: 1}),
	}
	for name, text := range first {
		c := h.connected(t)
		_, _ = c.Write(text)
		if name == "a call without end" {
			c.Close()
		} else if answer := said(t, c); answer != "" {
			t.Errorf("%s: answered %q", name, answer)
		}
		h.why(t)
	}
	welcome := func() (c net.Conn) {
		await(t, "a welcome", func() bool {
			c = h.connected(t)
			mine := helloOf(second())
			mine.connection = draw()
			_, err := newConnection(c, h.address, true).introduce(mine)
			return err == nil
		})
		return c
	}
	for name, text := range map[string][]byte{
		"random bytes":         random,
		"truncated":            spoil(frameMessage, 500, 0, []byte("half")),
		"a huge length":        spoil(frameMessage, 1<<32-1, 0, make([]byte, 100)),
		"too long for a frame": spoil(frameMessage, uint32(DefaultOptions.MaxFrame)+1, 0, make([]byte, 100)),
		"a huge message":       spoil(frameBulk, 10, 1<<32-1, make([]byte, 10)),
		"a piece of a whole":   spoil(frameMessage, 4, 4, []byte("half")),
		"pieces that overlap":  append(spoil(frameBulk, 4, 8, []byte("half")), spoil(frameBulk, 4, 8, []byte("half"))...),
		"an empty piece":       append(spoil(frameBulk, 4, 8, []byte("half")), spoil(frameBulk, 0, 8, nil)...),
		"a second hello":       greeting,
		"a request":            spoil(frameRequest, 5, 0, []byte("\x04echo")),
		"a short answer":       spoil(frameAck, 3, 0, []byte("abc")),
		"an untrue answer":     appendAck(nil, [lanes]uint64{1 << 60, 0}),
		"an unknown type":      spoil(frameTypes, 0, 0, nil),
		"a wrong checksum":     append(spoil(frameMessage, 4, 0, []byte("good"))[:headerSize], "evil"...),
	} {
		c := welcome()
		_, _ = c.Write(text)
		if name == "truncated" {
			c.Close()
		} else {
			_ = said(t, c) // heartbeats; what counts is that it ends
		}
		await(t, name, func() bool { return connected(h.node) == 0 })
	}
	h.healthy(t)
}

// Many who say nothing don't keep out who is a node.
func TestASilentStorm(t *testing.T) {
	h := startTarget(t, func(o *Options) { o.MaxPending, o.OpenTime = 10, patience })
	for range 100 {
		if _, err := h.dialTarget(t, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 90 {
		if err := h.why(t); !strings.Contains(err.Error(), "have not said who they are") {
			t.Error(err)
		}
	}
	h.healthy(t)
}

// Many calls at once: those beyond the limit are told so, and the others are served.
func TestAJoinStorm(t *testing.T) {
	hold := make(chan struct{})
	h := startTarget(t, func(o *Options) {
		o.MaxCalls = 3
		o.Serve = map[string]Method{
			"echo": func(_ context.Context, _ Caller, request []byte) ([]byte, error) { return request, nil },
			"join": func(ctx context.Context, _ Caller, request []byte) ([]byte, error) {
				select {
				case <-hold:
					return request, nil
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			},
		}
	})
	caller := startNode(t, 2, func(o *Options) { o.TLS = h.good })
	const count = 40
	results := make(chan error, count)
	for i := range count {
		go func() {
			_, err := caller.Call(t.Context(), h.address, "join", fmt.Append(nil, i))
			results <- err
		}()
	}
	for range count - 3 {
		if err := <-results; Code(err) != CodeBusy || !strings.Contains(err.Error(), "try again") {
			t.Errorf("%v", err)
		}
	}
	close(hold)
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	caller.Close()
	h.healthy(t)
}

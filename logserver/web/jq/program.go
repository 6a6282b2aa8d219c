package jq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// Limits are what a program may use.
type Limits struct {
	Time   time.Duration // of the processor, for one entry, 1 s
	Output int           // bytes of results of one entry, 2 MiB
	Memory uint64        // bytes of heap, 256 MiB
}

func (l Limits) withDefaults() Limits {
	if l.Time == 0 {
		l.Time = time.Second
	}
	if l.Output == 0 {
		l.Output = 2 << 20
	}
	if l.Memory == 0 {
		l.Memory = 256 << 20
	}
	return l
}

// turn is the program running for one entry.
type turn struct {
	began  time.Duration // of the processor's time
	cancel context.CancelFunc
}

// MaxProgram is how many bytes a program may have.
const MaxProgram = 4 << 10

var (
	errTime   = errors.New("the program takes too long")
	errOutput = errors.New("the program makes too much of one entry")
)

// Program is a program that can be run.
type Program struct {
	code    *gojq.Code
	limits  Limits
	out     []byte
	running atomic.Pointer[turn]
}

// Compile makes a Program of its text; its error is for whoever wrote the text.
func Compile(text string, l Limits) (*Program, error) {
	if len(text) > MaxProgram {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxProgram)
	}
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, err
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, err
	}
	return &Program{code: code, limits: l.withDefaults()}, nil
}

var (
	entryKey  = []byte(`"entry":`)
	resultKey = []byte(`"result":`)
)

// Line returns what becomes of a line, valid until the next call. An error ends the read: a
// limit was passed.
func (p *Program) Line(line []byte) ([]byte, error) {
	head, entry, ok := Split(line)
	if !ok {
		return line, nil
	}
	p.out = p.out[:0]
	value, err := parse(entry)
	if err != nil {
		return p.failed(head, err), nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.running.Store(&turn{processorTime(), cancel})
	defer p.running.Store(nil)
	results := p.code.RunWithContext(ctx, value)
	for {
		result, more := results.Next()
		if !more {
			return p.out, nil
		}
		if err, wrong := result.(error); wrong {
			var halt *gojq.HaltError
			switch {
			case ctx.Err() != nil:
				return nil, errTime
			case errors.As(err, &halt) && halt.Value() == nil:
				return p.out, nil
			}
			return p.failed(head, err), nil
		}
		if same(result, value) {
			p.out = append(p.out, line...)
		} else if err := p.result(head, result); err != nil {
			return p.failed(head, err), nil
		}
		if len(p.out) > p.limits.Output {
			return nil, errOutput
		}
	}
}

// result appends a line with a result.
func (p *Program) result(head []byte, result any) error {
	text, err := gojq.Marshal(result)
	if err != nil {
		return err
	}
	p.out = append(append(append(p.out, head...), resultKey...), text...)
	p.out = append(p.out, '}', '\n')
	return nil
}

const maxReason = 300 // bytes of it are told

// failed appends a line that says what went wrong with an entry.
func (p *Program) failed(head []byte, err error) []byte {
	reason := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(reason) > maxReason {
		end := maxReason
		for !utf8.RuneStart(reason[end]) {
			end--
		}
		reason = reason[:end] + "…"
	}
	text, _ := json.Marshal(reason) // strings always can be
	p.out = append(append(p.out, head...), `"error":"jq","reason":`...)
	p.out = append(append(p.out, text...), '}', '\n')
	return p.out
}

// Split returns what goes ahead of the entry in a line of a read, and the entry. The key can't occur
// before: inside a string its quotes are escaped.
func Split(line []byte) (head, entry []byte, ok bool) {
	at := bytes.Index(line, entryKey)
	entry, ended := bytes.CutSuffix(line, []byte("}\n"))
	if at < 0 || !ended || at+len(entryKey) > len(entry) {
		return nil, nil, false
	}
	return line[:at], entry[at+len(entryKey):], true
}

// parse keeps numbers as they are written.
func parse(entry []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(entry))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

// same tells whether a result is the very entry, and not one like it.
func same(result, entry any) bool {
	switch e := entry.(type) {
	case map[string]any:
		r, ok := result.(map[string]any)
		return ok && reflect.ValueOf(r).UnsafePointer() == reflect.ValueOf(e).UnsafePointer()
	case []any:
		r, ok := result.([]any)
		return ok && len(r) == len(e) && (len(e) == 0 || &r[0] == &e[0])
	}
	return false
}

package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/protocol"
)

// stream is a body that is appended as it is read: what one read brings is one append,
// submitted when the one before is durable, so that what was appended is always the
// beginning of the body.
type stream struct {
	site  *Site
	w     *logserver.Writer
	body  *body
	lines *protocol.LineReader
	done  appended
}

// appendStream appends a body of any length.
func (s *Site) appendStream(a *answer, r *http.Request, w *logserver.Writer) *failure {
	b, f := s.open(a, r, 0)
	if f != nil {
		return f
	}
	defer b.close()
	in := &stream{site: s, w: w, body: b, lines: protocol.NewLineReader(b, s.log.MaxEntry()+protocol.Envelope)}
	if f := in.run(); f != nil {
		f.Appended = &in.done.Count
		f.closes = true
		return f
	}
	if in.done.Count == 0 {
		return badRequest("no entry", "send one entry a line")
	}
	a.json(http.StatusOK, in.done)
	return nil
}

// run reads and appends until the end, or the first thing that is wrong: with what came
// before that appended.
func (in *stream) run() *failure {
	for {
		err := in.lines.Fill()
		wrong := in.addLines()
		if errors.Is(err, io.EOF) && wrong == nil {
			if wrong = in.site.add(in.w, in.lines.Rest()); wrong != nil {
				wrong.Line = in.lines.Number() + 1
			}
		}
		if f := in.flush(); f != nil {
			return f
		}
		if wrong == nil && err != nil && !errors.Is(err, io.EOF) {
			wrong = in.body.broken(err)
		}
		if wrong == nil && !in.w.Hold(in.lines.Size()) {
			wrong = refused(protocol.ErrorOverloaded)
		}
		if wrong != nil || err != nil {
			return in.settle(wrong)
		}
	}
}

// addLines adds the whole lines that were read. Few of them are many entries: an append
// has no more than protocol.MaxEntries.
func (in *stream) addLines() *failure {
	for line, ok := in.lines.Next(); ok; line, ok = in.lines.Next() {
		f := in.site.add(in.w, line)
		if n, _ := in.w.Len(); f == nil && n == protocol.MaxEntries {
			f = in.flush()
		}
		if f != nil {
			if f.Line == 0 && f.Appended == nil {
				f.Line = in.lines.Number()
			}
			return f
		}
	}
	return nil
}

// flush submits what was added, when the append before is durable.
func (in *stream) flush() *failure {
	if n, _ := in.w.Len(); n == 0 {
		return nil
	}
	if f := in.wait(); f != nil {
		return f
	}
	in.w.Submit(logserver.Conditions{})
	return nil
}

// wait waits for the append under way, and counts it.
func (in *stream) wait() *failure {
	a, err := in.w.Wait()
	if err != nil {
		return notAppended(err)
	}
	if a.Count > 0 {
		if in.done.Count == 0 {
			in.done.Index = a.First
		}
		in.done.Last = a.First + uint64(a.Count) - 1
		in.done.Count += uint64(a.Count)
	}
	return nil
}

// settle waits for the last append, and returns what is to be told: that it failed, else wrong.
func (in *stream) settle(wrong *failure) *failure {
	if f := in.wait(); f != nil {
		return f
	}
	return wrong
}

func indexLF(p []byte) int { return bytes.IndexByte(p, '\n') }

// isBlank tells whether a line has nothing but white space.
func isBlank(line []byte) bool { return len(bytes.Trim(line, " \t\r\n")) == 0 }

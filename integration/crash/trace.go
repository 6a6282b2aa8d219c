package crash

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// An event is the begin or the end of a system call, in the order in which strace saw them:
// strace -f -y -e trace=pwrite64,fdatasync,write. A call that was not interrupted by another thread's
// is a begin and an end.
type event struct {
	end  bool
	pid  string
	name string
	file string // what the descriptor is, as -y says it
	data []byte // what is written
	ok   bool   // of an end: it did not fail
}

var (
	callLine    = regexp.MustCompile(`^(\d+)\s+(\w+)\((\d+)<(.*?)>(?:, "((?:[^"\\]|\\.)*)".*?)?(?:\)\s+= (-?\d+).*| <unfinished \.\.\.>)$`)
	resumedLine = regexp.MustCompile(`^(\d+)\s+<\.\.\. (\w+) resumed>.*= (-?\d+).*$`)
)

// readTrace reads what strace wrote. Lines of other things (signals, exits) are left out.
func readTrace(r io.Reader) (events []event, err error) {
	running := map[string]event{} // of each thread
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		result := ""
		if m := callLine.FindStringSubmatch(line); m != nil {
			begin := event{pid: m[1], name: m[2], file: m[4], data: unescape(m[5])}
			running[m[1]] = begin
			events = append(events, begin)
			result = m[6]
		} else if m := resumedLine.FindStringSubmatch(line); m != nil {
			result = m[3]
			line = m[1] + " "
		}
		if result != "" {
			pid, _, _ := strings.Cut(line, " ")
			end := running[pid]
			end.end, end.ok = true, !strings.HasPrefix(result, "-")
			events = append(events, end)
		}
	}
}

// unescape reads a string as strace writes it.
func unescape(text string) []byte {
	if text == "" {
		return nil
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		i++
		if at := strings.IndexByte(`ntvfr"\`, text[i]); at >= 0 {
			out = append(out, "\n\t\v\f\r\"\\"[at])
			continue
		}
		digits := i
		for i < len(text) && i < digits+3 && '0' <= text[i] && text[i] <= '7' {
			i++
		}
		n, _ := strconv.ParseUint(text[digits:i], 8, 8)
		out = append(out, byte(n))
		i--
	}
	return out
}

// order is what a trace says about the order of writing, flushing and answering.
type order struct {
	batches, flushes, answers int
	wrong                     []string
}

var (
	entryOf    = regexp.MustCompile(`\{"c":(\d+),"n":(\d+)[,}]`)
	answerOf   = regexp.MustCompile(`\{"id":"(\d+)/(\d+)","index":\d+\}`)
	orderFrame = []byte("\x9eRLF\x02")
)

// checkOrder holds that no answer begins to be sent before the flush of its batch, content and order
// both, has ended; and that each batch has one flush.
func checkOrder(events []event) *order {
	o := &order{}
	written := map[string][]string{}  // by file: operations whose write has ended, not flushed
	flushing := map[string][]string{} // by file: those that the flush under way covers
	flushed := map[string]bool{}
	for _, e := range events {
		segment := strings.HasSuffix(e.file, ".seg")
		switch {
		case e.name == "pwrite64" && segment && e.end && e.ok:
			if ops := names(entryOf, e.data); len(ops) > 0 {
				o.batches++
				written[e.file] = append(written[e.file], ops...)
				if !bytes.Contains(e.data, orderFrame) {
					o.complain("content without its order: %s …", ops[0])
				}
			}
		case e.name == "fdatasync" && segment && !e.end:
			flushing[e.file], written[e.file] = written[e.file], nil
		case e.name == "fdatasync" && segment && e.ok:
			if len(flushing[e.file]) > 0 {
				o.flushes++
			}
			for _, op := range flushing[e.file] {
				flushed[op] = true
			}
		case e.name == "write" && !e.end:
			for _, op := range names(answerOf, e.data) {
				o.answers++
				if !flushed[op] {
					o.complain("%s is answered before it is flushed", op)
				}
			}
		}
	}
	if o.batches != o.flushes {
		o.complain("%d batches, %d flushes", o.batches, o.flushes)
	}
	return o
}

func (o *order) complain(format string, args ...any) {
	o.wrong = append(o.wrong, fmt.Sprintf(format, args...))
}

// names are the operations, "client/n", that a pattern finds.
func names(pattern *regexp.Regexp, data []byte) (ops []string) {
	for _, m := range pattern.FindAllSubmatch(data, -1) {
		ops = append(ops, string(m[1])+"/"+string(m[2]))
	}
	return ops
}

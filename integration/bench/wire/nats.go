package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// NATS is the dialect of JetStream, in NATS's own protocol: publishing waits for the stream's
// acknowledgement, reading is a push consumer with flow control (what nats.go makes of an ordered
// consumer). Without flow control, two runs had one reader a good third faster and eight no faster, but a
// slow reader is cut off then.
//
// Replicas are those of the stream; 0 is 1.
type NATS struct{ Replicas int }

const (
	inbox   = "_INBOX.bench"
	deliver = "_DELIVER.bench"
)

// Open exchanges INFO, CONNECT, PING and PONG.
func (NATS) Open(c io.ReadWriter) error {
	if _, err := readLine(c); err != nil {
		return err
	}
	hello := `CONNECT {"verbose":false,"pedantic":false,"lang":"go","version":"1.55.0","protocol":1,"headers":true,"no_responders":true}` + "\r\nPING\r\n"
	if _, err := io.WriteString(c, hello); err != nil {
		return err
	}
	line, err := readLine(c)
	if err == nil && string(line) != "PONG\r\n" {
		err = fmt.Errorf("%w: %.200q", ErrRefused, line)
	}
	return err
}

// Found creates the stream, with the defaults of a stream in files.
func (d NATS) Found(c io.ReadWriter) error {
	_, err := d.ask(c, "$JS.API.STREAM.CREATE."+Log, fmt.Sprintf(
		`{"name":"`+Log+`","subjects":["`+Log+`"],"storage":"file","retention":"limits","num_replicas":%d,"max_msgs":-1,"max_bytes":-1,"max_consumers":100000}`,
		max(1, d.Replicas)))
	return err
}

// Leader is the name of the server that leads the stream, once all of its so many replicas follow it.
func (d NATS) Leader(c io.ReadWriter, replicas int) (string, error) {
	answer, err := d.ask(c, "$JS.API.STREAM.INFO."+Log, "")
	if err != nil {
		return "", err
	}
	var info struct {
		Cluster struct {
			Leader   string
			Replicas []struct{ Current bool }
		}
	}
	if err := json.Unmarshal(answer, &info); err != nil {
		return "", err
	}
	followers := 0
	for _, r := range info.Cluster.Replicas {
		if r.Current {
			followers++
		}
	}
	if info.Cluster.Leader == "" || followers != replicas-1 {
		return "", fmt.Errorf("%w: led by %q, %d followers", ErrRefused, info.Cluster.Leader, followers)
	}
	return info.Cluster.Leader, nil
}

// Head is the number of the stream's messages; of a stream that isn't there yet, 0.
func (d NATS) Head(c io.ReadWriter) (uint64, error) {
	answer, err := d.ask(c, "$JS.API.STREAM.INFO."+Log, "")
	var info struct {
		State struct{ Messages uint64 }
	}
	switch {
	case err != nil && strings.Contains(err.Error(), "stream not found"):
		return 0, nil
	case err != nil:
		return 0, err
	}
	err = json.Unmarshal(answer, &info)
	return info.State.Messages, err
}

// ask publishes a request and waits for its answer.
func (NATS) ask(c io.ReadWriter, subject, body string) ([]byte, error) {
	request := fmt.Sprintf("SUB %s.ask 9\r\nPUB %s %s.ask %d\r\n%s\r\nUNSUB 9 1\r\n", inbox+unique(c), subject, inbox+unique(c), len(body), body)
	if _, err := io.WriteString(c, request); err != nil {
		return nil, err
	}
	for {
		line, err := readLine(c)
		if err != nil {
			return nil, err
		}
		m := parseMessage(line)
		if m.size < 0 {
			continue
		}
		payload := make([]byte, m.size+2)
		if _, err := io.ReadFull(c, payload); err != nil {
			return nil, err
		}
		if m.header || bytes.Contains(payload, []byte(`"error":`)) {
			return nil, fmt.Errorf("%w: %.300q", ErrRefused, payload)
		}
		return payload[:m.size], nil
	}
}

// unique makes names of a connection's own.
func unique(c io.ReadWriter) string { return strings.TrimPrefix(fmt.Sprintf("%p", c), "0x") }

// message is the line before a payload; size is negative when the line is something else.
type message struct {
	header bool
	size   int
	reply  []byte // of a message with a header
}

// parseMessage reads "MSG SUBJECT SID [REPLY] SIZE" and "HMSG SUBJECT SID [REPLY] HEADER SIZE".
func parseMessage(line []byte) message {
	m := message{size: -1, header: line[0] == 'H'}
	if len(line) < 8 || !bytes.HasPrefix(line, []byte("MSG ")) && !bytes.HasPrefix(line, []byte("HMSG ")) {
		return m
	}
	end := len(line) - len("\r\n")
	at := bytes.LastIndexByte(line[:end], ' ')
	size, err := strconv.Atoi(string(line[at+1 : end]))
	if err != nil {
		return m
	}
	m.size = size
	if fields := bytes.Fields(line); m.header && len(fields) == 6 {
		m.reply = fields[3]
	}
	return m
}

// natsStream takes messages apart and answers what the server wants answered.
type natsStream struct {
	send []byte
}

var (
	ping    = []byte("PING\r\n")
	stalled = []byte("Nats-Consumer-Stalled: ")
	failed  = []byte(`"error":`)
)

// take calls each for messages without a header, until it says that it has enough.
func (s *natsStream) take(chunk []byte, each func(payload []byte) (more bool)) (taken Taken, err error) {
	s.send = s.send[:0]
	at := 0
	for at < len(chunk) && !taken.Done {
		end := bytes.IndexByte(chunk[at:], '\n')
		if end < 0 {
			break
		}
		line := chunk[at : at+end+1]
		m := parseMessage(line)
		if m.size < 0 {
			if err := s.control(line); err != nil {
				return taken, err
			}
			at += len(line)
			continue
		}
		next := at + len(line) + m.size + 2
		if next > len(chunk) {
			break
		}
		payload := chunk[at+len(line) : next-2]
		if m.header {
			s.status(m, payload)
		} else {
			taken.Done = !each(payload)
			taken.Count++
		}
		at = next
	}
	taken.Rest = len(chunk) - at
	taken.Send = s.send
	return taken, nil
}

// control answers a PING and refuses what is an error.
func (s *natsStream) control(line []byte) error {
	switch {
	case bytes.Equal(line, ping):
		s.send = append(s.send, "PONG\r\n"...)
	case line[0] == '-':
		return fmt.Errorf("%w: %.200q", ErrRefused, line)
	}
	return nil
}

// status answers flow control, which the server waits for.
func (s *natsStream) status(m message, header []byte) {
	reply := m.reply
	if at := bytes.Index(header, stalled); at >= 0 {
		reply, _, _ = bytes.Cut(header[at+len(stalled):], []byte("\r\n"))
	}
	if len(reply) > 0 {
		s.send = fmt.Appendf(s.send, "PUB %s 0\r\n\r\n", reply)
	}
}

// Appender is for one connection.
func (NATS) Appender(conn, size int) Appender {
	name := fmt.Sprintf("%s.%d", inbox, conn)
	return &natsAppender{
		request: newRequest(fmt.Sprintf("PUB %s %s %d\r\n", Log, name, size), Entry(size, uint64(conn)), "\r\n"),
		first:   fmt.Sprintf("SUB %s 1\r\n", name),
	}
}

type natsAppender struct {
	natsStream
	request
	first string // sent before the first request
}

func (a *natsAppender) Append(buf []byte, n uint64) []byte {
	buf = append(buf, a.first...)
	a.first = ""
	return a.append(buf, n)
}

// Take counts acknowledgements.
func (a *natsAppender) Take(chunk []byte) (Taken, error) {
	var refused error
	taken, err := a.take(chunk, func(payload []byte) bool {
		if bytes.Contains(payload, failed) {
			refused = fmt.Errorf("%w: %.200q", ErrRefused, payload)
		}
		return true
	})
	if err == nil {
		err = refused
	}
	return taken, err
}

// History makes a consumer of everything.
func (d NATS) History(c io.ReadWriter, _ int, head uint64) (Reader, error) {
	r := &natsReader{limit: head}
	return r, d.consume(c, r, "all")
}

// Tail makes a consumer of what is new.
func (d NATS) Tail(c io.ReadWriter, _ int, head uint64) (Reader, error) {
	r := &natsReader{}
	if head == 0 {
		return r, d.consume(c, r, "all")
	}
	return r, d.consume(c, r, "new")
}

// consume makes the consumer; what it delivers is received from Begin on, when its subject is
// subscribed to: a consumer waits for interest.
func (d NATS) consume(c io.ReadWriter, r *natsReader, policy string) error {
	subject := deliver + "." + unique(c)
	r.subscribe = "SUB " + subject + " 1\r\n"
	_, err := d.ask(c, "$JS.API.CONSUMER.CREATE."+Log, `{"stream_name":"`+Log+`","config":{"deliver_subject":"`+subject+
		`","deliver_policy":"`+policy+`","ack_policy":"none","max_deliver":1,"replay_policy":"instant","flow_control":true,`+
		`"idle_heartbeat":30000000000,"mem_storage":true,"num_replicas":1,"inactive_threshold":300000000000}}`)
	return err
}

type natsReader struct {
	natsStream
	subscribe   string
	limit, seen uint64
}

func (r *natsReader) Begin(buf []byte) []byte { return append(buf, r.subscribe...) }

// Take counts messages.
func (r *natsReader) Take(chunk []byte) (Taken, error) {
	return r.take(chunk, func([]byte) bool {
		r.seen++
		return r.limit == 0 || r.seen < r.limit
	})
}

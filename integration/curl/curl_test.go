package curl

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

func start(t *testing.T) *server.Server {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is missing: run integration/scripts/install")
	}
	s := server.New(t, server.Dir(t), nil)
	s.Start()
	return s
}

// shell runs a command line, which must end by itself; URL in it is the server's, DIR a
// directory of its own.
func shell(t *testing.T, s *server.Server, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), server.Patience)
	defer cancel()
	line = strings.NewReplacer("URL", "http://"+s.Addr, "DIR", s.Dir).Replace(line)
	out, err := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// A conversation: command lines and what they print; … at the end stands for anything.
func TestConversation(t *testing.T) {
	s := start(t)
	write(t, s, "events.ndjson", "{\"n\":1}\n{\"n\":2}\n{\"n\": 3}\n")
	write(t, s, "pretty.json", "{\n  \"n\": 1\n}\n")
	for _, c := range []struct{ line, want string }{
		{`curl -sd '{"temperature": 21.50}' URL/logs/main`, "{\"index\":1,\"count\":1}\n"},
		{`curl -s --data-binary @DIR/events.ndjson URL/logs/main`, "{\"index\":2,\"count\":3}\n"},
		{`curl -sT DIR/events.ndjson -X POST 'URL/logs/many?atomic=false'`, "{\"index\":1,\"last\":3,\"count\":3}\n"},
		{`gzip -c DIR/events.ndjson | curl -s -H 'Content-Encoding: gzip' --data-binary @- URL/logs/zipped`, "{\"index\":1,\"count\":3}\n"},
		{`curl -s 'URL/logs/main?from=-2&follow=false'`, "{\"index\":3,\"entry\":{\"n\":2}}\n{\"index\":4,\"entry\":{\"n\":3}}\n{\"current\":true}\n"},
		{`curl -s --compressed 'URL/logs/main?read=1'`, "{\"index\":1,\"entry\":{\"temperature\":21.50}}\n{\"head\":4}\n"},
		{`curl -s --compressed 'URL/logs/main?follow=false' | jq -c 'select(.index) | .entry' | tail -1`, "{\"n\":3}\n"},
		{`curl -s -H 'Accept: text/event-stream' -H 'Last-Event-ID: 3' 'URL/logs/main?follow=false'`, "id: 4\ndata: {\"index\":4,\"entry\":{\"n\":3}}\n\ndata: {\"current\":true}\n\n"},
		{`curl -s 'URL/logs/main?from=-1&meta=true&follow=false'`, "{\"index\":4,\"time\":\"2…"},
		{`curl -s URL/logs`, "{\"logs\":[{\"log\":\"main\",\"first\":1,\"head\":4,\"bytes\":42},{\"log\":\"many\",\"first\":1,\"head\":3,\"bytes\":21},{\"log\":\"zipped\",\"first\":1,\"head\":3,\"bytes\":21}]}\n"},
		{`curl -sG URL/logs/main -d follow=false --data-urlencode 'contains=TEMPER'`, "{\"index\":1,\"entry\":{\"temperature\":21.50}}\n{\"current\":true}\n"},
		{`curl -sG URL/logs/main -d follow=false --data-urlencode 'jq=select(.n) | .n + 1'`, "{\"index\":2,\"result\":2}\n{\"index\":3,\"result\":3}\n{\"index\":4,\"result\":4}\n{\"current\":true}\n"},
		{`curl -sG URL/logs/main -d follow=false --data-urlencode 'jq=select('`, "{\"error\":\"invalid jq: unexpected EOF\",\"remedy\":\"send a program…"},
		{`curl -s URL/status | jq -c '[.ready, .cluster.members[0].role]'`, "[true,\"leader\"]\n"},
		{`curl -s -H 'Accept: text/html' URL/ | sed -n 1p`, "<!doctype html>\n"},
		{`curl -sI URL/logs/main | grep -i etag | tr -d '\r'`, "Etag: \"4\"\n"},
		{`curl -s -H 'Idempotency-Key: invoice-7' -d '{"paid":12}' URL/logs/main`, "{\"index\":5,\"count\":1}\n"},
		{`curl -s -H 'Idempotency-Key: invoice-7' -d '{"paid":12}' URL/logs/main`, "{\"index\":5,\"count\":1,\"duplicate\":true}\n"},
		{`curl -s -w '%{http_code}' -H 'Idempotency-Key: invoice-7' -d '{"paid":13}' URL/logs/main | tail -1`, "409"},
		{`curl -s -H 'If-Match: "5"' -d '{}' URL/logs/main`, "{\"index\":6,\"count\":1}\n"},
		{`curl -s -w '%{http_code}' -H 'If-Match: "5"' -d '{}' URL/logs/main | tail -1`, "412"},
		{`curl -s --data-binary @DIR/pretty.json URL/logs/main`, "{\"error\":\"invalid JSON\",\"line\":1,…"},
		{`curl -s -w '%{http_code}' -d '{"key":"K","event":{"some":"event"}}' URL/`, "201"},
		{`curl -s -w '%{http_code}' -X DELETE URL/logs/main | tail -1`, "405"},
		{`curl -s --path-as-is -w '%{http_code}' URL/logs/../../etc/passwd | tail -1`, "404"},
		{`curl -s -w '%{http_code}' -H 'Host: evil.example' URL/logs | tail -1`, "403"},
		{`curl -s -w '%{http_code}' -H 'Origin: https://evil.example' -d '{}' URL/logs/main | tail -1`, "403"},
		{`curl -s URL/livez URL/readyz`, "alive\nready\n"},
		{`curl -s URL/metrics | grep -c '^ringlog_appends_total'`, "1\n"},
	} {
		got := shell(t, s, c.line)
		begin, some := strings.CutSuffix(c.want, "…")
		if got != c.want && !(some && strings.HasPrefix(got, begin)) {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
	s.Stop()
	s.Run("verify")
}

// curl -N follows a log while it grows.
func TestFollow(t *testing.T) {
	s := start(t)
	live := exec.CommandContext(t.Context(), "curl", "-sN", "http://"+s.Addr+"/logs/main")
	out, err := live.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for i := range 5 {
		want := "{\"current\":true}\n"
		if i > 0 {
			shell(t, s, `curl -sd '{"x":"y"}' URL/logs/main`)
			want = fmt.Sprintf("{\"index\":%d,\"entry\":{\"x\":\"y\"}}\n", i)
		}
		if got, err := lines.ReadString('\n'); got != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	live.Process.Kill()
	live.Wait()
	s.Stop()
	s.Run("verify")
}

// What fluent-bit's http output with format json_lines sends, and Vector's http sink with the
// codec json framed by newlines: batches of lines, Vector's compressed, sent again on any status
// but 2xx.
func TestShippers(t *testing.T) {
	s := start(t)
	write(t, s, "batch", "{\"date\":1700000000.5,\"log\":\"one\"}\n{\"date\":1700000001.0,\"log\":\"two \\u2028\"}\n")
	fluentBit := `curl -sf -A Fluent-Bit -H 'Content-Type: application/x-ndjson' --data-binary @DIR/batch URL/logs/fluent`
	vector := `gzip -c DIR/batch | curl -sf -A Vector/0.40 -H 'Content-Type: application/x-ndjson' -H 'Content-Encoding: gzip' --data-binary @- URL/logs/vector`
	for i := range 3 {
		want := fmt.Sprintf("{\"index\":%d,\"count\":2}\n", 2*i+1)
		for _, line := range []string{fluentBit, vector} {
			if got := shell(t, s, line); got != want {
				t.Errorf("%s\n got %s\nwant %s", line, got, want)
			}
		}
	}
	s.Kill()
	s.Start()
	for _, name := range []string{"fluent", "vector"} {
		got := shell(t, s, `curl -s 'URL/logs/`+name+`?from=6&follow=false'`)
		if want := "{\"index\":6,\"entry\":{\"date\":1700000001.0,\"log\":\"two \\u2028\"}}\n{\"current\":true}\n"; got != want {
			t.Errorf("got %s", got)
		}
	}
	s.Stop()
	s.Run("verify")
}

func write(t *testing.T, s *server.Server, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

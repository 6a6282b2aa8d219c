package million

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Generate writes n lines, each a JSON object of 50 B to 20 KiB as a real program might log it, with
// what makes round trips go wrong: numbers beyond a float64, escapes, other scripts, emoji, U+2028,
// duplicate keys, deep nesting, white space between tokens. The same seed gives the same lines.
func Generate(w io.Writer, n int, seed uint64) error {
	out := bufio.NewWriterSize(w, 1<<20)
	g := &generator{random: rand.New(rand.NewPCG(seed, 0)), at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range n {
		g.line(i)
		if _, err := out.Write(g.text); err != nil {
			return err
		}
	}
	return out.Flush()
}

type generator struct {
	random *rand.Rand
	at     time.Time
	text   []byte
	spaced bool // this line has white space between its tokens
}

func (g *generator) line(i int) {
	g.at = g.at.Add(time.Duration(g.random.IntN(2_000_000)) * time.Microsecond)
	g.spaced = g.random.IntN(4) == 0
	g.text = g.text[:0]
	g.token("{")
	g.member("time", strconv.Quote(g.at.Format(time.RFC3339Nano)))
	g.token(",")
	g.member("n", strconv.Itoa(i))
	for range 1 + g.random.IntN(6) {
		g.token(",")
		g.member(pick(g.random, names), g.value(0))
	}
	if g.random.IntN(200) == 0 {
		g.token(",")
		g.member("stack", `"`+strings.Repeat(pick(g.random, words)+`\n\tat `, 200+g.random.IntN(900))+`"`)
	}
	g.token("}")
	g.text = append(g.text, '\n')
}

func (g *generator) member(name, value string) {
	g.token(strconv.Quote(name))
	g.token(":")
	g.token(value)
}

// token appends a token and, in a spaced line, what may stand behind it.
func (g *generator) token(text string) {
	g.text = append(g.text, text...)
	if g.spaced {
		g.text = append(g.text, pick(g.random, []string{"", "", " ", "  ", "\t", " \t "})...)
	}
}

var names = []string{"level", "message", "user", "path", "status", "duration", "größe", "id", "tags", "地址", "nested", "a.b", ""}

var words = []string{
	"GET /index.html", "connection reset by peer", "naïve café", "Привет, мир", "日本語のログ", "🚀🔥", `tab\tnew\nline`,
	`quote\"back\\slash\/`, `\u0000\u001f`, `\u2028\u2029`, "\u2028raw", `\ud83d\ude00`, "<script>&amp;", `\u0041`, "ａ̈", "‏עברית",
}

var numbers = []string{
	"0", "-0", "1.0", "1e3", "1E+3", "12345678901234567890", "-9223372036854775809", "3.141592653589793238462643383279",
	"1e999", "0.1000", "123456789012345678901234567890.5", "5e-324",
}

func (g *generator) value(depth int) string {
	switch kind := g.random.IntN(10); {
	case kind < 4:
		return `"` + pick(g.random, words) + `"`
	case kind < 6:
		return pick(g.random, numbers)
	case kind < 7:
		return pick(g.random, []string{"true", "false", "null"})
	case kind == 7 && depth < 4:
		return fmt.Sprintf(`{"k":%s,"k":%s}`, g.value(depth+1), g.value(depth+1))
	case kind == 8 && depth < 4:
		return fmt.Sprintf(`[%s,[],%s]`, g.value(depth+1), g.value(depth+1))
	}
	return fmt.Sprintf(`"%x"`, g.random.Uint64())
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// AppendCompact appends JSON without the white space between its tokens. It is written apart from the
// server's own and knows nothing but strings.
func AppendCompact(dst, json []byte) []byte {
	inString := false
	for i := 0; i < len(json); i++ {
		switch c := json[i]; {
		case inString && c == '\\':
			dst = append(dst, c)
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		if i < len(json) {
			dst = append(dst, json[i])
		}
	}
	return dst
}

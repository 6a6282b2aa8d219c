package main

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "4096": 4096, "64KiB": 64 << 10, "256MiB": 256 << 20, "2GiB": 2 << 30, "1TiB": 1 << 40, "12B": 12,
		"": -1, "1GB": -1, "1 MiB": -1, "-1": -1, "+1": -1, "1.5MiB": -1, "MiB": -1, "1e6": -1, "0x10": -1, "1kib": -1,
		"9223372036854775807": -1, "99999999999999999999": -1, "9999999999TiB": -1,
	} {
		var size Size
		err := size.Decode(text)
		if (err == nil) != (want >= 0) || err == nil && int64(size) != want {
			t.Errorf("%q: %d, %v", text, size, err)
		}
	}
}

func TestEveryVariableExplainsItself(t *testing.T) {
	for _, v := range variables(&Config{}) {
		if v.name == "" || v.name != strings.ToUpper(v.name) || v.meaning == "" {
			t.Errorf("%+v", v)
		}
		if v.want == "" {
			t.Errorf("%s does not say what it wants", v.name)
		}
		for _, bound := range []string{v.min, v.max} {
			if _, err := strconv.ParseInt(bound, 10, 64); bound != "" && err != nil {
				t.Errorf("%s: %v", v.name, err)
			}
		}
	}
}

func TestPrefixedVariableWins(t *testing.T) {
	t.Setenv("MAX_CONNS", "9")
	t.Setenv("RINGLOG_MAX_CONNS", "7")
	t.Setenv("KEYS", "")
	c, err := loadConfig()
	if err != nil || c.MaxConns != 7 || c.Keys != 1<<20 {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzConfigValues(f *testing.F) {
	for _, text := range []string{"", "1", "256MiB", "1GB", "-5", "30s", "true", "info", "9999999999TiB", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, again Size
		if size.Decode(text) == nil && (again.Decode(size.String()) != nil || again != size) {
			t.Errorf("%q: %d, written %s, read %d", text, size, size, again)
		}
		var n Count
		if n.Decode(text) == nil && n < 0 {
			t.Errorf("%q: %d", text, n)
		}
		_ = errors.Join(new(Bool).Decode(text), new(Duration).Decode(text), new(Level).Decode(text))
		if from, err := parseFrom(text); err == nil && from == nil {
			t.Errorf("%q: neither", text)
		}
	})
}

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// Count is a number written in decimal digits.
type Count int64

// Decode implements envconfig.Decoder.
func (n *Count) Decode(text string) error {
	if strings.Trim(text, "0123456789") != "" {
		return errors.New("not a number")
	}
	value, err := strconv.ParseInt(text, 10, 64)
	*n = Count(value)
	return err
}

// Size is a number of bytes: 4096, 64KiB, 256MiB, 1GiB.
type Size int64

var units = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// Decode implements envconfig.Decoder.
func (s *Size) Decode(text string) error {
	unit := int64(1)
	for _, u := range units {
		if digits, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = digits, u.bytes
			break
		}
	}
	var n Count
	if err := n.Decode(text); err != nil {
		return err
	}
	if int64(n) > (1<<62)/unit {
		return errors.New("too large")
	}
	*s = Size(int64(n) * unit)
	return nil
}

func (s Size) String() string {
	for _, u := range units {
		if int64(s) >= u.bytes && int64(s)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(s)/u.bytes, strings.TrimPrefix(u.name, "B"))
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Set implements pflag.Value, for flags that are sizes.
func (s *Size) Set(text string) error {
	if s.Decode(text) != nil {
		return errors.New("want a size as 4096, 64KiB, 256MiB")
	}
	return nil
}

// Type implements pflag.Value.
func (*Size) Type() string { return "SIZE" }

// Bool is true or false and nothing else.
type Bool bool

// Decode implements envconfig.Decoder.
func (b *Bool) Decode(text string) error {
	*b = text == "true"
	if text != "true" && text != "false" {
		return errors.New("neither true nor false")
	}
	return nil
}

// Choice is one of the words that the tag `want` lists.
type Choice string

// Decode implements envconfig.Decoder.
func (c *Choice) Decode(text string) error {
	*c = Choice(text)
	return nil
}

// Duration is a time span as Go writes it: 1m30s.
type Duration int64

// Decode implements envconfig.Decoder.
func (d *Duration) Decode(text string) error {
	value, err := time.ParseDuration(text)
	*d = Duration(value)
	return err
}

// Level is a level of the server's log.
type Level zerolog.Level

// Decode implements envconfig.Decoder.
func (l *Level) Decode(text string) error {
	levels := map[string]zerolog.Level{"debug": zerolog.DebugLevel, "info": zerolog.InfoLevel,
		"warn": zerolog.WarnLevel, "error": zerolog.ErrorLevel, "off": zerolog.Disabled}
	level, ok := levels[text]
	*l = Level(level)
	if !ok {
		return errors.New("no such level")
	}
	return nil
}

// Pairs are names and values: a=1,b=2.
type Pairs map[string]string

// Decode implements envconfig.Decoder.
func (p *Pairs) Decode(text string) error {
	*p = Pairs{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || name == "" {
			return errors.New("want name=value")
		}
		(*p)[name] = value
	}
	return nil
}

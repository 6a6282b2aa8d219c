package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// addresses are those of --addr, in their order.
func (t *target) addresses() ([]string, error) {
	var all []string
	for addr := range strings.SplitSeq(t.addr, ",") {
		if addr = strings.TrimSpace(addr); addr != "" {
			all = append(all, addr)
		}
	}
	if len(all) == 0 {
		return nil, withCode(exitUsage, errors.New("--addr: want HOST:PORT, or several with commas between them"))
	}
	return all, nil
}

// knock looks for a Ringlog that answers, and returns the addresses with that one's as the first. What is
// down before it gets a line on standard error. One that closes the connection may only have no room for a
// moment; when no other answers, all are asked a few times.
func (t *target) knock(ctx context.Context) ([]string, error) {
	addrs, err := t.addresses()
	if err != nil {
		return nil, err
	}
	for pause := firstPause; ; pause *= 2 {
		at, down := firstThatAnswers(ctx, addrs)
		if at < len(addrs) {
			for _, problem := range down {
				fmt.Fprintf(os.Stderr, "ringlog: %v; going on with %s\n", problem, addrs[at])
			}
			return append(addrs[at:len(addrs):len(addrs)], addrs[:at]...), nil
		}
		err := errors.Join(down...)
		if !errors.Is(err, errClosesAtOnce) || pause > longestPause {
			return nil, withCode(exitConnect, t.noneAnswers(down))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// allThatAnswer returns the addresses at which a Ringlog answers, at least one. Those that are down get a
// line on standard error.
func (t *target) allThatAnswer(ctx context.Context) (up []string, err error) {
	addrs, err := t.addresses()
	if err != nil {
		return nil, err
	}
	var down []error
	for len(addrs) > 0 {
		at, problems := firstThatAnswers(ctx, addrs)
		down = append(down, problems...)
		if at == len(addrs) {
			break
		}
		up, addrs = append(up, addrs[at]), addrs[at+1:]
	}
	if len(up) == 0 {
		return nil, withCode(exitConnect, t.noneAnswers(down))
	}
	for _, problem := range down {
		fmt.Fprintf(os.Stderr, "ringlog: %v; going on without it\n", problem)
	}
	return up, nil
}

// firstThatAnswers returns which address answers first, in their order, and what is wrong with those
// before it.
func firstThatAnswers(ctx context.Context, addrs []string) (at int, down []error) {
	patience := connectTimeout
	if len(addrs) > 1 {
		patience = connectAmong
	}
	for _, addr := range addrs {
		err := exchange(ctx, addr, patience)
		if err == nil {
			break
		}
		down = append(down, err)
	}
	return len(down), down
}

// noneAnswers is one error of those of all addresses, in one line, with what to do.
func (t *target) noneAnswers(down []error) error {
	if len(down) > 1 {
		texts := make([]string, len(down))
		for i, err := range down {
			texts[i] = err.Error()
		}
		return fmt.Errorf("no server answers: %s; start one, or %s", strings.Join(texts, "; "), otherServer)
	}
	switch err := down[0]; {
	case errors.Is(err, errClosesAtOnce):
		return fmt.Errorf("%w: it has as many as it may (MAX_CONNS; its log says so then), is stopping, "+
			"or is no Ringlog; end other clients, raise MAX_CONNS, try again later, or %s", err, otherServer)
	case errors.Is(err, errNoConnection):
		return fmt.Errorf("%w; start a server there, or %s", err, otherServer)
	case errors.Is(err, errSilent):
		return fmt.Errorf("%w: it is overloaded, or no Ringlog; try again later, or %s", err, otherServer)
	default:
		return fmt.Errorf("%w; %s", err, otherServer)
	}
}

// What exchange fails with.
var (
	errNoConnection = errors.New("can't connect")
	errSilent       = errors.New("no answer")
	errClosesAtOnce = errors.New("it closes connections at once")
)

// exchange asks for a head on a connection of its own.
func exchange(ctx context.Context, addr string, patience time.Duration) error {
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoConnection, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(`{"head":true}` + "\n")); err != nil {
		return fmt.Errorf("no answer from %s: %w", addr, errClosesAtOnce)
	}
	line, err := bufio.NewReader(conn).ReadSlice('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w from %s within %v", errSilent, addr, patience)
	case len(line) == 0:
		return fmt.Errorf("no answer from %s: %w", addr, errClosesAtOnce)
	case !bytes.HasPrefix(line, []byte("{")):
		return fmt.Errorf("%s is no Ringlog, its answer is %.40q", addr, line)
	}
	return nil
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// load reads the files of the credentials, and returns the addresses of --addr in their order, with the
// scheme taken off: where one of them has it, all are connected to with TLS.
func (t *target) load() (addrs []string, err error) {
	sealed := false
	for addr := range strings.SplitSeq(t.addr, ",") {
		addr, has := strings.CutPrefix(strings.TrimSpace(addr), tlsScheme)
		sealed = sealed || has
		if addr != "" {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, withCode(exitUsage, errors.New("--addr: want HOST:PORT, or several with commas between them"))
	}
	return addrs, withCode(exitUsage, t.credentials.load(sealed))
}

// knock looks for a Ringlog that answers, and returns the addresses with that one's as the first. What is
// down before it gets a line on standard error. One that closes the connection may only have no room for a
// moment; when no other answers, all are asked a few times.
func (t *target) knock(ctx context.Context) ([]string, error) {
	addrs, err := t.load()
	if err != nil {
		return nil, err
	}
	for pause := firstPause; ; pause *= 2 {
		at, down := t.firstThatAnswers(ctx, addrs)
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
	addrs, err := t.load()
	if err != nil {
		return nil, err
	}
	var down []error
	for len(addrs) > 0 {
		at, problems := t.firstThatAnswers(ctx, addrs)
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
func (c *credentials) firstThatAnswers(ctx context.Context, addrs []string) (at int, down []error) {
	patience := connectTimeout
	if len(addrs) > 1 {
		patience = connectAmong
	}
	for _, addr := range addrs {
		err := c.exchange(ctx, addr, patience)
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
	var unwelcome *unwelcomeError
	switch err := down[0]; {
	case errors.As(err, &unwelcome):
		return err
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
	errNoRinglog    = errors.New("no Ringlog")
)

// noAnswer is the error of a connection that came to nothing.
func noAnswer(addr string, patience time.Duration, err error) error {
	var said *unwelcomeError
	var op *net.OpError // that of TLS, "remote error", isn't meant
	switch {
	case errors.As(err, &said), errors.Is(err, errNoRinglog):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w from %s within %v", errSilent, addr, patience)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op) && !strings.HasSuffix(op.Op, " error"):
		return fmt.Errorf("no answer from %s: %w", addr, errClosesAtOnce)
	}
	return fmt.Errorf("TLS with %s: %w", addr, err)
}

// exchange asks for a head on a connection of its own.
func (c *credentials) exchange(ctx context.Context, addr string, patience time.Duration) error {
	conn, err := c.dial(ctx, addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if patience == connectTimeout {
		patience = answerTimeout // nobody else waits to be asked
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte(`{"head":true}` + "\n")); err != nil {
		return noAnswer(addr, patience, err)
	}
	line, err := bufio.NewReader(conn).ReadSlice('\n')
	switch {
	case len(line) == 0, errors.Is(err, os.ErrDeadlineExceeded):
		return noAnswer(addr, patience, err)
	case !bytes.HasPrefix(line, []byte("{")):
		return fmt.Errorf("%s is %w, its answer is %.40q", addr, errNoRinglog, line)
	}
	return refusedAtOnce(addr, line)
}

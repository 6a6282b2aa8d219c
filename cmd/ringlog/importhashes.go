package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"syscall"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// openHashDB opens the LevelDB of a tcp-log-server, and yields its hashes in the order of the log.
func openHashDB(dir string) (hashes iter.Seq2[string, error], n uint64, end func(), err error) {
	if !isDirectory(dir) {
		return nil, 0, nil, withCode(exitUsage, fmt.Errorf("--leveldb: want the directory of the server's LevelDB: %s is none", dir))
	}
	db, err := leveldb.OpenFile(dir, &opt.Options{ReadOnly: true, ErrorIfMissing: true})
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil, 0, nil, withCode(exitConfig, fmt.Errorf("--leveldb: %s is in use; stop the server first", dir))
	case err != nil:
		return nil, 0, nil, withCode(exitData, fmt.Errorf("--leveldb: open %s: %w", dir, err))
	}
	keys := db.NewIterator(nil, nil)
	for keys.Next() {
		n++
	}
	keys.Release()
	return hashesOf(db), n, func() { db.Close() }, nil
}

func hashesOf(db *leveldb.DB) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows := db.NewIterator(nil, nil)
		defer rows.Release()
		for next := uint64(1); rows.Next(); next++ {
			key := string(rows.Key())
			index, ok := parseIndex(key)
			hash, named := parseHash(key, rows.Value())
			var err error
			switch {
			case !ok || !named:
				err = fmt.Errorf("the LevelDB has a row %.80q, which no tcp-log-server of version 6 to 10 writes", key)
			case index != next:
				err = fmt.Errorf("the LevelDB goes on with index %d", index)
			}
			if err != nil {
				yield("", err)
				return
			}
			if !yield(hash, nil) {
				return
			}
		}
		if err := rows.Error(); err != nil {
			yield("", fmt.Errorf("read the LevelDB: %w", err))
		}
	}
}

// hashLine is how long a line of a list of entries is.
const hashLine = 64 + 1

// openHashFile opens the list of entries of a tcp-log-server 11: a hash a line. A last line that lacks
// its end was being written when the server ended, before it answered.
func openHashFile(name string) (hashes iter.Seq2[string, error], n uint64, end func(), err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, 0, nil, withCode(exitUsage, fmt.Errorf("--file: %w", err))
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, 0, nil, withCode(exitUsage, fmt.Errorf("--file: want the server's FILE: %s is no file", name))
	}
	return linesOfHashes(file), uint64(info.Size()) / hashLine, func() { file.Close() }, nil
}

func linesOfHashes(file io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		lines := bufio.NewReader(file)
		line := make([]byte, hashLine)
		for {
			n, err := io.ReadFull(lines, line)
			torn := errors.Is(err, io.ErrUnexpectedEOF)
			switch {
			case errors.Is(err, io.EOF), torn && isHex(line[:n]):
				return
			case torn, err == nil && (line[hashLine-1] != '\n' || !isHash(string(line[:hashLine-1]))):
				err = fmt.Errorf("the list has %.80q, no line of a SHA-256 in hex", line[:n])
			}
			if err != nil {
				yield("", err)
				return
			}
			if !yield(string(line[:hashLine-1]), nil) {
				return
			}
		}
	}
}

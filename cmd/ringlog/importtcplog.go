package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func newImportTCPLogServer() *cobra.Command {
	i := &importing{}
	source := &tcpLog{}
	cmd := &cobra.Command{
		Use:   "tcp-log-server (--leveldb DIR | --file FILE) --blobs DIR",
		Short: "Import the log of npm's tcp-log-server, versions 6 to 11",
		Long: "Import the log of npm's tcp-log-server: its LevelDB (versions 6 to 10: LEVELDB or LEVELDOWN) or its list of entries\n" +
			"(version 11: FILE), and its BLOBS. It must be stopped. Nothing there is changed. Every blob is checked against\n" +
			"its name.\n\n" + importHelp + " With --lost, content that is\n" +
			`missing or damaged becomes {"lost":"HASH"}, so that the entries behind it keep their indices.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hashes, n, end, err := source.open()
			if err != nil {
				return err
			}
			defer end()
			return i.run(cmd, source.entries(hashes), newCounter(os.Stderr, "import", n))
		},
	}
	i.addFlags(cmd)
	cmd.Flags().StringVar(&source.levelDB, "leveldb", "", "its LevelDB, a `DIR` (versions 6 to 10)")
	cmd.Flags().StringVar(&source.file, "file", "", "its list of entries, a `FILE` (version 11)")
	cmd.Flags().StringVar(&source.blobs, "blobs", "", "its blobs, a `DIR`")
	cmd.Flags().BoolVar(&source.lost, "lost", false, "go on where a blob is missing or damaged")
	return cmd
}

// tcpLog is the data of a tcp-log-server: a list of hashes, and a file for each hash.
type tcpLog struct {
	levelDB, file, blobs string
	lost                 bool
}

// open opens the list of hashes. end closes it.
func (l *tcpLog) open() (hashes iter.Seq2[string, error], n uint64, end func(), err error) {
	switch {
	case l.blobs == "" || (l.levelDB == "") == (l.file == ""):
		return nil, 0, nil, withCode(exitUsage, errors.New("want --blobs, and either --leveldb or --file"))
	case !isDirectory(l.blobs):
		return nil, 0, nil, withCode(exitUsage, fmt.Errorf("--blobs: want the directory BLOBS of the server: %s is none", l.blobs))
	case l.file != "":
		return openHashFile(l.file)
	}
	return openHashDB(l.levelDB)
}

func isDirectory(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// entries yields the content of each hash.
func (l *tcpLog) entries(hashes iter.Seq2[string, error]) iter.Seq2[imported, error] {
	return func(yield func(imported, error) bool) {
		index := uint64(0)
		for hash, err := range hashes {
			index++
			entry := imported{at: tcpEntry{index, hash}, done: 1}
			if err == nil {
				entry.text, err = l.blob(hash)
			}
			if l.lost && (errors.Is(err, os.ErrNotExist) || errors.Is(err, errNotNamed)) {
				entry.text, entry.lost, err = fmt.Appendf(nil, `{"lost":"%s"}`, hash), true, nil
			}
			if err != nil {
				err = withCode(exitData, fmt.Errorf("index %d: %w", index, err))
			}
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

// tcpEntry says where an entry is.
type tcpEntry struct {
	index uint64
	hash  string
}

func (e tcpEntry) String() string { return fmt.Sprintf("index %d, %s", e.index, e.hash) }

var errNotNamed = errors.New("is not what its name says")

// blob reads the content of a hash and checks it.
func (l *tcpLog) blob(hash string) ([]byte, error) {
	name := filepath.Join(l.blobs, hash[:2], hash[2:])
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w; put back a copy of it, or import with --lost", err)
	}
	if !isNamed(text, hash) {
		return nil, fmt.Errorf("%s %w; put back a copy of it, or import with --lost", name, errNotNamed)
	}
	return text, nil
}

// isNamed reports whether content has a hash: its SHA-256, or, as version 6 has it, that of the low
// bytes of its UTF-16.
func isNamed(text []byte, hash string) bool {
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) == hash {
		return true
	}
	if !utf8.Valid(text) {
		return false
	}
	units := utf16.Encode([]rune(string(text)))
	low := make([]byte, len(units))
	for i, unit := range units {
		low[i] = byte(unit)
	}
	sum := sha256.Sum256(low)
	return hex.EncodeToString(sum[:]) == hash
}

// isHash reports whether a text is a SHA-256 in lower case hex.
func isHash(text string) bool {
	return len(text) == 2*sha256.Size && isHex([]byte(text))
}

func isHex(text []byte) bool {
	for _, c := range text {
		if (c < '0' || '9' < c) && (c < 'a' || 'f' < c) {
			return false
		}
	}
	return true
}

// parseIndex reads the key of an entry: its index, from version 9 on; before, behind the name of the
// log. An index is hex of lexicographic-integer: one byte up to 250, else how many follow
// and these, less 251.
func parseIndex(key string) (uint64, bool) {
	packed, err := hex.DecodeString(strings.TrimPrefix(key, "log!"))
	if err != nil || len(packed) == 0 {
		return 0, false
	}
	const direct = 251
	first, rest := packed[0], packed[1:]
	n := max(0, int(first)-direct+1)
	if n > 4 || len(rest) != n { // beyond are more than 4 billion entries
		return 0, false
	}
	if n == 0 {
		return uint64(first), true
	}
	index := uint64(0)
	for _, b := range rest {
		index = index<<8 | uint64(b)
	}
	return index + direct, true
}

// parseHash reads the value of an entry: its hash, before version 9 as JSON.
func parseHash(key string, value []byte) (string, bool) {
	hash := string(value)
	if strings.HasPrefix(key, "log!") {
		if json.Unmarshal(value, &hash) != nil {
			return "", false
		}
	}
	return hash, isHash(hash)
}

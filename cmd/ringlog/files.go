package main

import "github.com/rs/zerolog"

// filesKept is how many open files are kept back from connections: for segments that are read and begun,
// the index, and what else the process has.
const filesKept = 128

// connectionLimit is MAX_CONNS, or less where the process may not open that many files beside its own.
func connectionLimit(wanted int, logger zerolog.Logger) int {
	files, limited := openFiles()
	may := mayServe(files)
	if !limited || may >= uint64(wanted) {
		return wanted
	}
	logger.Warn().Int("asked", wanted).Uint64("in_force", may).Uint64("open_files", files).
		Msg("MAX_CONNS is more than the limit of open files has room for")
	return int(may)
}

// mayServe is how many connections leave enough of so many files.
func mayServe(files uint64) uint64 { return max(1, files-min(filesKept, files/2)) }

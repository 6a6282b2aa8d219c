package logserver

import "time"

// pace keeps reads of history from taking the processors away from appends: what
// somebody waits for goes first. While appends are made, such a read rests for
// restFactor times as long as it worked; otherwise it goes as fast as it can.
type pace struct {
	log     *Log
	began   time.Time
	commits uint64
}

const (
	restFactor = 7
	longRest   = 2 * time.Millisecond // a client that reads slowly is no work
)

func (l *Log) newPace() pace { return pace{l, time.Now(), l.commits.Load()} }

// rest is called after a piece of work. It tells whether it was needed.
func (p *pace) rest() bool {
	if p.log.commits.Load() == p.commits {
		return false
	}
	time.Sleep(min(restFactor*time.Since(p.began), longRest))
	return true
}

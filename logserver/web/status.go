package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ringlog/ringlog/logserver"
)

// status is the answer to GET /status.
type status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"`
	Ready   bool      `json:"ready"`
	Reason  string    `json:"reason,omitempty"` // why it is not

	Entries     uint64      `json:"entries"` // since the start
	Bytes       uint64      `json:"bytes"`
	Disk        disk        `json:"disk"`
	Memory      usage       `json:"memory"`
	Connections connections `json:"connections"`
	Readers     readers     `json:"readers"`
	Scrub       scrub       `json:"scrub"`
	Cluster     cluster     `json:"cluster"`
	History     seconds     `json:"history"`
}

type disk struct {
	Used int64   `json:"used"`           // bytes of the segments
	Free *int64  `json:"free,omitempty"` // bytes, if it can be told
	Busy float64 `json:"busy"`           // seconds
	Full bool    `json:"full"`
}

type usage struct {
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"`
}

type connections struct {
	Lines int `json:"lines"`
	HTTP  int `json:"http"`
	Limit int `json:"limit"`
}

type readers struct {
	Count int    `json:"count"`
	Lag   uint64 `json:"lag"` // entries, of the slowest
}

type scrub struct {
	Passes  uint64     `json:"passes"`
	Ended   *time.Time `json:"ended,omitempty"`
	Damaged int        `json:"damaged"`
}

type cluster struct {
	ID      string   `json:"id"`
	Members []member `json:"members"`
}

type member struct {
	ID     string `json:"id"`
	Number uint64 `json:"number"`
	Role   string `json:"role"`
	Self   bool   `json:"self,omitempty"`
	about

	// What it has said of itself last; nothing: it has said nothing lately.
	Lag     *uint64  `json:"lag,omitempty"`     // Raft entries that it is behind whoever is furthest
	Balance *float64 `json:"balance,omitempty"` // its stored bytes beside the members' mean
	Repair  *uint64  `json:"repair,omitempty"`  // entries and damaged batches that are to come to it
	State   string   `json:"state,omitempty"`   // what hinders it
}

// about is what of what a member says about itself the page shows.
type about struct {
	Name    string `json:"name,omitempty"`
	Clients string `json:"address,omitempty"`
	Zone    string `json:"zone,omitempty"`
	Region  string `json:"region,omitempty"`
}

// seconds are some of the last ones.
type seconds struct {
	Step  float64  `json:"step"`  // seconds
	First uint64   `json:"first"` // number of the first one; ?since= takes that of the first one wanted
	Of    []second `json:"of"`
}

// showStatus tells what the page shows of the server.
func (s *Site) showStatus(a *answer, r *http.Request) *failure {
	since, f := sinceOf(r)
	if f != nil {
		return f
	}
	now := s.server.Status()
	first, of := s.history.since(since)
	answer := status{
		Version: s.options.Version, Started: s.started.UTC(), Now: time.Now().UTC(), Ready: true,
		Entries: now.Entries, Bytes: now.Bytes,
		Disk:        diskOf(&now),
		Memory:      usage{now.Memory, now.MemoryLimit},
		Connections: connections{now.Lines, now.HTTP, now.ConnectionLimit},
		Readers:     readers{now.Readers, now.Lag},
		Scrub:       scrubOf(now.Scrub),
		Cluster:     clusterOf(now.Cluster),
		History:     seconds{s.options.HistoryStep.Seconds(), first, of},
	}
	if err := s.ready(); err != nil {
		answer.Ready, answer.Reason = false, err.Error()
	}
	a.json(http.StatusOK, answer)
	return nil
}

func sinceOf(r *http.Request) (since uint64, f *failure) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	for key, values := range query {
		n, wrong := strconv.ParseUint(values[0], 10, 63)
		if since = n; key != "since" || len(values) > 1 || wrong != nil {
			return 0, badRequest("invalid query", "there is since=N, the number of the first second of the history that is wanted")
		}
	}
	if err != nil {
		return 0, badRequest("invalid query", "write it as since=44")
	}
	return since, nil
}

func diskOf(s *logserver.Status) disk {
	d := disk{Used: s.DiskUsed, Busy: s.DiskBusy.Seconds(), Full: s.DiskFull}
	if s.DiskFree >= 0 {
		d.Free = &s.DiskFree
	}
	return d
}

func scrubOf(s logserver.ScrubState) scrub {
	said := scrub{Passes: s.Passes, Damaged: s.Damaged}
	if !s.Ended.IsZero() {
		said.Ended = &s.Ended
	}
	return said
}

func clusterOf(c logserver.Cluster) cluster {
	said := cluster{ID: c.ID.String(), Members: make([]member, len(c.Members))}
	for i, m := range c.Members {
		said.Members[i] = member{ID: m.ID.String(), Number: m.Number, Role: m.Role, Self: m.Self, about: aboutOf(m.About)}
	}
	compare(said.Members, c.Members)
	return said
}

// compare says how the members do, each beside the others.
func compare(said []member, members []logserver.MemberStatus) {
	var furthest uint64
	var stored, heard float64
	for _, m := range members {
		if m.Pulse != nil {
			furthest = max(furthest, m.Pulse.Applied)
			stored += float64(m.Pulse.Stored)
			heard++
		}
	}
	for i, m := range members {
		switch {
		case m.Pulse == nil && len(members) > 1:
			said[i].State = "silent"
		case m.Pulse == nil:
		default:
			said[i].Lag, said[i].Repair = new(furthest-m.Pulse.Applied), new(m.Pulse.Repair)
			if stored > 0 {
				said[i].Balance = new(float64(m.Pulse.Stored) * heard / stored)
			}
			if m.Pulse.Full {
				said[i].State = "disk full"
			}
		}
	}
}

// aboutOf reads what a member says about itself: JSON, of package cluster.
func aboutOf(text []byte) about {
	var said struct {
		about
		Clients string `json:"clients"`
	}
	_ = json.Unmarshal(text, &said) // who says nothing we understand is shown by its number
	said.about.Clients = said.Clients
	return said.about
}

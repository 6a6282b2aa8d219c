//go:build linux

package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ringlog/ringlog/integration/bench/wire"
)

var errNotReady = errors.New("not all nodes are in touch")

// ringlogNodes are nodes with certificates, every append flushed by a majority.
func ringlogNodes(binary string) *clustered {
	secrets := func(s *seat) []string {
		certs := filepath.Join(filepath.Dir(s.dir), "certs")
		return []string{
			"PEER_CERT=" + filepath.Join(certs, s.name+".pem"), "PEER_KEY=" + filepath.Join(certs, s.name+"-key.pem"),
			"PEER_CA=" + filepath.Join(certs, "ca.pem"),
		}
	}
	status := func(s *seat) (st ringlogStatus, err error) {
		cmd := exec.Command(binary, "cluster", "status", "--json", "--peer", s.peers.String())
		cmd.Env = append(os.Environ(), secrets(s)...)
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &st)
		}
		return st, err
	}
	return &clustered{
		dialect: func(int) wire.Dialect { return wire.NDJSON{} },
		prepare: func(dir string, seats []seat) error {
			for _, s := range seats {
				if out, err := exec.Command(binary, "cluster", "certs", "--dir", filepath.Join(dir, "certs"), s.name).CombinedOutput(); err != nil {
					return fmt.Errorf("certificates: %w: %s", err, out)
				}
			}
			return nil
		},
		command: func(seats []seat, i int) (command, error) {
			s := &seats[i]
			return command{name: binary, env: append(secrets(s),
				fmt.Sprintf("PORT=%d", s.clients.Port()), "BLOBS="+filepath.Join(s.dir, "blobs"), "DB="+filepath.Join(s.dir, "db"),
				"LOG_LEVEL=warn", "SYNC=always", "NODE="+s.name, "PEER_PORT="+s.peers.String(),
				"PEERS="+join(seats, func(s *seat) string { return s.peers.String() }), fmt.Sprintf("EXPECT=%d", len(seats)),
			)}, nil
		},
		ready: func(c *Cluster) error {
			for i := range c.seats {
				st, err := status(&c.seats[i])
				if err == nil && (!st.Serving || st.State != "joined" || len(st.Members) != len(c.seats)) {
					err = errNotReady
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		leader: func(c *Cluster) (string, error) {
			st, err := status(&c.seats[0])
			for _, m := range st.Members {
				if m.Number == st.Leader {
					return m.Name, err
				}
			}
			return "", errors.Join(err, errNotReady)
		},
	}
}

// ringlogStatus is what is needed of `ringlog cluster status --json`.
type ringlogStatus struct {
	State   string `json:"state"`
	Leader  uint64 `json:"leader"`
	Serving bool   `json:"serving"`
	Members []struct {
		Number uint64 `json:"number"`
		Name   string `json:"name"`
	} `json:"members"`
}

func join(seats []seat, text func(s *seat) string) string {
	var all []string
	for i := range seats {
		all = append(all, text(&seats[i]))
	}
	return strings.Join(all, ",")
}

// natsNodes are nodes with routes between them, without TLS.
func natsNodes(binary, interval string) *clustered {
	return &clustered{
		dialect: func(nodes int) wire.Dialect { return wire.NATS{Replicas: nodes} },
		prepare: func(string, []seat) error { return nil },
		command: func(seats []seat, i int) (command, error) {
			s := &seats[i]
			routes := join(seats, func(s *seat) string { return "nats-route://" + s.peers.String() })
			config := fmt.Sprintf("server_name: %s\nlisten: %q\nhttp: %q\njetstream { store_dir: %q, sync_interval: %s }\n"+
				"cluster { name: bench, listen: %q, routes: [%s] }\n", s.name, s.clients, s.monitor, s.dir, interval, s.peers, routes)
			file := filepath.Join(s.dir, "nats.conf")
			return command{name: binary, args: []string{"--config", file}}, os.WriteFile(file, []byte(config), 0o600)
		},
		ready: func(c *Cluster) error {
			for i := range c.seats {
				if err := natsReady(&c.seats[i], len(c.seats)); err != nil {
					return err
				}
			}
			return nil
		},
		leader: func(c *Cluster) (string, error) {
			s, err := c.Nodes[0].Connect()
			if err != nil {
				return "", err
			}
			defer s.Close()
			return wire.NATS{}.Leader(s, len(c.Nodes))
		},
	}
}

// natsReady tells whether a node knows who leads what JetStream knows of the cluster.
func natsReady(s *seat, nodes int) error {
	answer, err := http.Get(fmt.Sprintf("http://%s/jsz", s.monitor))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var state struct {
		Meta struct {
			Leader string `json:"leader"`
			Size   int    `json:"cluster_size"`
		} `json:"meta_cluster"`
	}
	err = json.NewDecoder(answer.Body).Decode(&state)
	if err == nil && (state.Meta.Leader == "" || state.Meta.Size != nodes) {
		err = errNotReady
	}
	return err
}

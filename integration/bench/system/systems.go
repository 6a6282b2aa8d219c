//go:build linux

package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringlog/ringlog/integration/bench/wire"
)

func newRinglog(name, binary string, numbers bool) *System {
	if path, err := filepath.Abs(binary); err == nil {
		binary = path // it is started in another directory
	}
	return &System{
		Name: name, Flushed: true, Numbers: numbers, Dialect: wire.NDJSON{Numbered: numbers},
		command: func(dir string, port int) (command, error) {
			return command{name: binary, env: []string{
				fmt.Sprintf("PORT=%d", port), "BLOBS=" + filepath.Join(dir, "blobs"), "DB=" + filepath.Join(dir, "db"),
				"LOG_LEVEL=warn", "SYNC=always",
			}}, nil
		},
		cluster: ringlogNodes(binary),
		version: func() string { return output(binary, "version") },
	}
}

func newRedis(name, appendfsync string) *System {
	s := &System{
		Name: name, Flushed: appendfsync == "always", Dialect: wire.Redis{},
		command: func(dir string, port int) (command, error) {
			// No snapshots and no rewriting of the file while it is measured: that favours Redis.
			args := fmt.Sprintf("--port %d --bind 127.0.0.1 --dir %s --appendonly yes --appendfsync %s --maxclients 20000"+
				" --auto-aof-rewrite-percentage 0 --loglevel warning --save", port, dir, appendfsync)
			return command{name: "redis-server", args: append(strings.Fields(args), "")}, nil
		},
		version: func() string { return output("redis-server", "--version") },
	}
	if s.Flushed {
		s.Loading = newRedis(name, "everysec")
	}
	return s
}

func newNATS(name, root, interval string) *System {
	binary := filepath.Join(root, ".cache", "bin", "nats-server")
	s := &System{
		Name: name, Flushed: interval == "always", Dialect: wire.NATS{},
		command: func(dir string, port int) (command, error) {
			config := fmt.Sprintf("listen: 127.0.0.1:%d\njetstream { store_dir: %q, sync_interval: %s }\n", port, dir, interval)
			file := filepath.Join(dir, "nats.conf")
			return command{name: binary, args: []string{"--config", file}}, os.WriteFile(file, []byte(config), 0o600)
		},
		version: func() string { return output(binary, "--version") },
		cluster: natsNodes(binary, interval),
	}
	if s.Flushed {
		s.Loading = newNATS(name, root, "2m")
	}
	return s
}

func newTCPLogServer(name, root string) *System {
	module := filepath.Join(root, ".cache", "npm", "tcp-log-server", "node_modules", "tcp-log-server")
	return &System{
		Name: name, Dialect: wire.NDJSON{Old: true}, Uncounted: true, chatty: true,
		command: func(dir string, port int) (command, error) {
			return command{name: "node", args: []string{filepath.Join(module, "server.js")}, env: []string{
				fmt.Sprintf("PORT=%d", port), "BLOBS=" + filepath.Join(dir, "blobs"), "LEVELDOWN=" + filepath.Join(dir, "db"),
			}}, nil
		},
		version: func() string {
			return output("node", "-p", fmt.Sprintf("'tcp-log-server '+require(%q).version+' on Node '+process.version", module+"/package.json"))
		},
	}
}

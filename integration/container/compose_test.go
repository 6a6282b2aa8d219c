//go:build linux

package container

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ringlog/ringlog/integration/server"
)

// load reads a compose file of this repository as Compose does, which refuses what it doesn't know.
func load(t *testing.T, name string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join("..", "..", name)})
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// environment is a service's, of variables that the server knows.
func environment(t *testing.T, s *types.ServiceConfig) map[string]string {
	t.Helper()
	out, err := exec.Command(server.Binary(t), "config", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var known []struct{ Variable string }
	if err := json.Unmarshal(out, &known); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for name, value := range s.Environment {
		if !slices.ContainsFunc(known, func(k struct{ Variable string }) bool { return k.Variable == name }) || value == nil {
			t.Errorf("%s: %s is no variable, or has no value", s.Name, name)
			continue
		}
		env[name] = *value
	}
	return env
}

// checkService wants what keeps a container of ours to itself.
func checkService(t *testing.T, s *types.ServiceConfig) {
	t.Helper()
	if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || s.Build == nil || s.Image == "" {
		t.Errorf("%s: %+v", s.Name, s)
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" || port.Target != 8089 {
			t.Errorf("%s publishes %+v", s.Name, port)
		}
	}
}

func TestComposeOfOne(t *testing.T) {
	project := load(t, "compose.yaml")
	s := project.Services["ringlog"]
	checkService(t, &s)
	if len(project.Services) != 1 || len(s.Ports) != 1 || len(s.Volumes) != 1 || s.Volumes[0].Target != "/data" {
		t.Errorf("%+v", project.Services)
	}
	one := server.New(t, t.TempDir(), environment(t, &s))
	one.Start()
	one.Stop()
}

// TestComposeOfThree runs what compose.cluster.yaml runs, as processes: names of services are 127.0.0.1, volumes are directories.
func TestComposeOfThree(t *testing.T) {
	project := load(t, "compose.cluster.yaml")
	certs := project.Services["certs"]
	checkService(t, &certs)
	if len(certs.Ports) > 0 || len(certs.Volumes) != 1 || certs.Volumes[0].Target != "/data" {
		t.Errorf("%+v", certs)
	}
	dir := t.TempDir()
	for range 2 { // each time that the whole is started
		var command []string
		for _, word := range certs.Command {
			command = append(command, strings.Replace(word, "/data", dir, 1))
		}
		if out, err := exec.Command(server.Binary(t), command...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}

	names := []string{"a", "b", "c"}
	at := strings.NewReplacer("a:9089", server.FreeAddress(t), "b:9089", server.FreeAddress(t), "c:9089", server.FreeAddress(t))
	published := map[string]bool{}
	var nodes []*server.Server
	for _, name := range names {
		s := project.Services[name]
		checkService(t, &s)
		env := environment(t, &s)
		data, keys := s.Volumes[0], s.Volumes[1]
		if data.Source != "data-"+name || data.Target != "/data" || keys.Source != certs.Volumes[0].Source || keys.Target != "/certs" || !keys.ReadOnly {
			t.Errorf("%s: %+v", name, s.Volumes)
		}
		if s.DependsOn["certs"].Condition != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s doesn't wait for its certificate: %+v", name, s.DependsOn)
		}
		if env["NODE"] != name || env["ADVERTISE"] != name || env["PEERS"] != "a:9089,b:9089,c:9089" || len(s.Ports) != 1 {
			t.Errorf("%s: %v, %v", name, env, s.Ports)
		}
		published[s.Ports[0].Published] = true
		env["PEERS"] = at.Replace(env["PEERS"])
		env["PEER_PORT"] = at.Replace(name + ":" + env["PEER_PORT"])
		env["ADVERTISE"] = "127.0.0.1"
		for _, file := range []string{"PEER_CERT", "PEER_KEY", "PEER_CA"} {
			env[file] = strings.Replace(env[file], "/certs", dir, 1)
		}
		home := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, server.New(t, home, env))
	}
	if len(published) != 3 || len(project.Services) != 4 {
		t.Errorf("%v, %d services", published, len(project.Services))
	}
	var serving []<-chan struct{}
	for _, n := range nodes { // none serves before all are there
		serving = append(serving, n.Launch())
	}
	for i, n := range nodes {
		<-serving[i]
		line := filepath.Join(n.Dir, "line")
		if err := os.WriteFile(line, []byte(`{"from":"`+names[i]+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		n.Run("append", line)
	}
	for _, n := range nodes {
		if out := string(n.Run("read", "--from", "1")); strings.Count(out, "from") != 3 {
			t.Errorf("%s", out)
		}
		var status struct {
			State   string
			Members []struct{ Name string }
		}
		if err := json.Unmarshal(n.Run("cluster", "status", "--json"), &status); err != nil || len(status.Members) != 3 {
			t.Errorf("%+v, %v", status, err)
		}
	}
	for _, n := range nodes {
		n.Stop()
	}
}

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.yaml.in/yaml/v3"
)

// compose is what the test needs of docker-compose.yml.
type compose struct {
	Services map[string]struct {
		Image       string
		Build       string
		Profiles    []string
		Hostname    string
		Environment map[string]string
		Ports       []string
		Volumes     []string
		Networks    map[string]struct{ Aliases []string }
		Configs     []struct{ Source, Target string }
		DependsOn   map[string]struct {
			Condition string
			Required  *bool
		} `yaml:"depends_on"`
	}
	Volumes map[string]any
	Configs map[string]struct{ Content string }
}

func readCompose(t *testing.T) compose {
	t.Helper()
	data, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// clusterXML is the part of a server's configuration that makes it one of a cluster.
type clusterXML struct {
	Servers struct {
		Main struct {
			Shards []struct {
				Internal bool `xml:"internal_replication"`
				Replicas []struct {
					Host string `xml:"host"`
					Port int    `xml:"port"`
				} `xml:"replica"`
			} `xml:"shard"`
		} `xml:"main"`
	} `xml:"remote_servers"`
	Keeper struct {
		Node struct {
			Host string `xml:"host"`
			Port int    `xml:"port"`
		} `xml:"node"`
	} `xml:"zookeeper"`
}

// Within each profile of docker-compose.yml everything that is named is there, nothing
// meets on a port, and no image is "the latest".
func TestComposeFile(t *testing.T) {
	c := readCompose(t)
	pinned := regexp.MustCompile(`^[a-z/-]+:[0-9]+\.[0-9]+[a-z0-9.-]*$`)
	for _, profile := range []string{"single", "cluster"} {
		ports := map[string]string{}
		names := map[string]string{}
		in := func(name string) bool { return slices.Contains(c.Services[name].Profiles, profile) }
		for name, s := range c.Services {
			if len(s.Profiles) == 0 {
				t.Errorf("%s is in no profile: it would start in both", name)
			}
			if !in(name) {
				continue
			}
			if s.Build == "" && !pinned.MatchString(s.Image) {
				t.Errorf("%s: image %q is not pinned", name, s.Image)
			}
			for _, p := range s.Ports {
				host := p[:strings.LastIndex(p, ":")]
				if other := ports[host]; other != "" {
					t.Errorf("%s and %s both listen on %s", name, other, host)
				}
				ports[host] = name
			}
			for _, alias := range append([]string{name}, s.Networks["default"].Aliases...) {
				if other := names[alias]; other != "" {
					t.Errorf("%s and %s are both called %s", name, other, alias)
				}
				names[alias] = name
			}
			for _, v := range s.Volumes {
				source, _, _ := strings.Cut(v, ":")
				if _, err := os.Stat("../../" + source); strings.HasPrefix(source, ".") && err != nil {
					t.Errorf("%s mounts %s: %v", name, source, err)
				} else if _, there := c.Volumes[source]; !strings.HasPrefix(source, ".") && !there {
					t.Errorf("%s mounts %s, which is not declared", name, source)
				}
			}
			for _, config := range s.Configs {
				if c.Configs[config.Source].Content == "" {
					t.Errorf("%s uses the config %s, which is not there", name, config.Source)
				}
			}
			for other, d := range s.DependsOn {
				if _, there := c.Services[other]; !there || !in(other) && (d.Required == nil || *d.Required) {
					t.Errorf("%s waits for %s, which does not start with the profile %s", name, other, profile)
				}
			}
			if dsn := s.Environment["TRIBUTARY_CLICKHOUSE_DSN"]; dsn != "" {
				options, err := clickhouse.ParseDSN(strings.ReplaceAll(dsn, "${CLICKHOUSE_PASSWORD}", "secret"))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, addr := range options.Addr {
					if host, _, _ := strings.Cut(addr, ":"); !in(host) {
						t.Errorf("%s asks %s, which does not start with the profile %s", name, addr, profile)
					}
				}
			}
		}
		if names["collector"] == "" || names["clickhouse"] == "" {
			t.Errorf("profile %s: Grafana does not find collector and clickhouse among %v", profile, names)
		}
	}
	env, err := os.ReadFile("../../.env")
	if err != nil || !strings.Contains(string(env), "\nCOMPOSE_PROFILES=single\n") {
		t.Errorf("without --profile one server starts: %q %v", env, err)
	}
}

// The cluster is two shards of two replicas each, and each server knows its place.
func TestComposeCluster(t *testing.T) {
	c := readCompose(t)
	var x clusterXML
	for name, config := range c.Configs {
		if !strings.HasPrefix(config.Content, "<") {
			continue
		}
		for d := xml.NewDecoder(strings.NewReader(config.Content)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("config %s: %v", name, err)
			}
		}
	}
	if err := xml.Unmarshal([]byte(c.Configs["cluster"].Content), &x); err != nil {
		t.Fatal(err)
	}
	shards := x.Servers.Main.Shards
	if len(shards) != 2 {
		t.Fatalf("%d shards", len(shards))
	}
	for i, shard := range shards {
		if !shard.Internal || len(shard.Replicas) != 2 {
			t.Errorf("shard %d: %+v", i+1, shard)
		}
		for j, replica := range shard.Replicas {
			s, there := c.Services[replica.Host]
			digit := func(n int) string { return string(rune('1' + n)) }
			if !there || replica.Port != 9000 || s.Hostname != replica.Host || s.Environment["HOST"] != replica.Host ||
				s.Environment["SHARD"] != digit(i) || s.Environment["REPLICA"] != digit(j) {
				t.Errorf("replica %d of shard %d: %+v is %+v", j+1, i+1, replica, s.Environment)
			}
		}
	}
	if _, there := c.Services[x.Keeper.Node.Host]; !there || !strings.Contains(c.Configs["keeper"].Content, "<tcp_port>9181</tcp_port>") || x.Keeper.Node.Port != 9181 {
		t.Errorf("Keeper: %+v", x.Keeper)
	}
	spools := map[string]bool{}
	for _, name := range []string{"collector-1", "collector-2"} {
		s := c.Services[name]
		if s.Environment["TRIBUTARY_CLICKHOUSE_CLUSTER"] != "main" || len(s.Volumes) != 1 {
			t.Fatalf("%s: %+v", name, s)
		}
		spools[s.Volumes[0]] = true
		if !strings.Contains(c.Configs["load-balancer"].Content, "server "+name+" "+name+":8080") {
			t.Errorf("the load balancer does not know %s", name)
		}
	}
	if len(spools) != 2 {
		t.Errorf("collectors share a spool: %v", spools)
	}
}

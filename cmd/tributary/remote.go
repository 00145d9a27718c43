package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/tributary-events/tributary/internal/apiclient"
)

// remote are the flags of commands that talk to a running server.
type remote struct {
	Server   string `help:"Address of the running server." default:"http://127.0.0.1:8080" placeholder:"URL"`
	AdminKey string `help:"API key; found in the data folder where it is this machine's." placeholder:"KEY"`
}

func (r *remote) client(data string) (*apiclient.Client, error) {
	var c checker
	base := c.url("server", r.Server)
	if err := c.err(); err != nil {
		return nil, err
	}
	key := r.AdminKey
	if key == "" {
		b, err := os.ReadFile(filepath.Join(data, "secrets", "admin-key"))
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, fmt.Errorf("no API key: give --admin-key (TRIBUTARY_ADMIN_KEY), or --data with the folder of the running server (%s has none)", data)
		case err != nil:
			return nil, fmt.Errorf("read API key: %w", err)
		}
		key = strings.TrimSpace(string(b))
	}
	return apiclient.New(base, key), nil
}

// reachable turns a listener's address into one that a client can call.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

package engine

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

const (
	// minMemory is what the engine needs to answer at all: 200 MB at rest, and
	// room for one insert and one merge.
	minMemory = 512 << 20
	// fallbackMemory stands in where the machine's memory cannot be read.
	fallbackMemory = 4 << 30
)

// memoryOf returns in bytes what a process may use at most: the machine's
// memory or, where smaller, the tightest limit of the control groups it is in.
// machine is 0 where unknown; root is the root of the file system.
func memoryOf(machine uint64, root fs.FS) uint64 {
	if machine == 0 {
		machine = fallbackMemory
	}
	return min(machine, controlGroupLimit(root))
}

// controlGroupLimit returns the smallest memory limit of this process's control
// group and its ancestors, both versions of the interface (the kernel's
// Documentation/admin-guide/cgroup-v2.rst, "memory.max", and
// cgroup-v1/memory.rst, "memory.limit_in_bytes"). Without a limit it returns
// math.MaxUint64. In a container the mounted root is the container's own group;
// under a service manager the limit sits further down: hence the whole path.
func controlGroupLimit(root fs.FS) uint64 {
	limit := uint64(math.MaxUint64)
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		groups = []byte("0::/\n1:memory:/\n")
	}
	for line := range strings.Lines(string(groups)) {
		// hierarchy-ID:controller-list:cgroup-path
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, file := "", ""
		switch {
		case parts[0] == "0" && parts[1] == "":
			base, file = "sys/fs/cgroup", "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for group := path.Clean("/" + parts[2]); ; group = path.Dir(group) {
			limit = min(limit, readLimit(root, path.Join(base, group, file)))
			if group == "/" {
				break
			}
		}
	}
	return limit
}

// readLimit reads one limit file: a number, or "max". A missing or odd file
// limits nothing.
func readLimit(root fs.FS, name string) uint64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return math.MaxUint64
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n == 0 {
		return math.MaxUint64
	}
	return n
}

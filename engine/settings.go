package engine

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
	"time"
)

// The engine's files in Config.configDir().
const (
	configXML = "config.xml"
	usersXML  = "users.xml"
	startSQL  = "start.sql" // a named pipe, see noFiles
)

//go:embed templates
var templates embed.FS

// limit is one bounded setting of the analyst's profile. In ClickHouse 0 means
// "no limit" for most of these, so that a maximum alone would let 0 through.
type limit struct {
	Name            string
	Value, Min, Max uint64
	Fixed           bool // cannot be changed at all
}

// settings is what the templates are filled with.
type settings struct {
	UsersFile, LogFile, ErrorLogFile string
	Backups                          string // the folder that backups may be in
	ReusePort                        int
	AnalystUser                      string
	Applications                     []application
	Authorizations                   []string // the headers that are served
	AnalystHash                      string
	AnalystDatabases                 []string
	Memory, AppMemory                uint64
	MarkCache, IndexCache            uint64
	Merges, ScheduleThreads          int
	PartsAtOnce                      int
	Engines                          []string
	Outside                          []string
	Limits                           []limit
}

// application is a user of the application's.
type application struct {
	Name, Hash string
	Backups    bool // may take backups and restore them
}

// outside are settings that, without any grant, make a statement read or write
// files or call addresses of its choice. Nobody may set them; the file function
// itself is noFiles' matter.
var outside = []string{
	"format_schema", "format_template_row", "format_template_resultset", "output_format_schema",
	"input_format_record_errors_file_path", "format_avro_schema_registry_url",
	"allow_experimental_ai_functions", "allow_experimental_eval_table_function",
}

// tableEngines are those that keep their data in the engine's own folder or
// nowhere: no files elsewhere, no addresses.
var tableEngines = []string{
	"MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree", "VersionedCollapsingMergeTree",
	"CoalescingMergeTree", "Memory", "Null", "Set", "Join", "Buffer", "Merge", "Log", "TinyLog", "StripeLog",
}

// openFiles is how many files the engine may have open, 0 where unknown.
func newSettings(cfg Config, appPassword, backupPassword, analystPassword string, openFiles uint64) settings {
	s := settings{
		UsersFile:    filepath.Join(cfg.configDir(), usersXML),
		LogFile:      filepath.Join(cfg.logDir(), "clickhouse.log"),
		ErrorLogFile: cfg.errorLogFile(),
		Backups:      cfg.backupDir() + string(filepath.Separator),
		AnalystUser:  AnalystUser,
		Authorizations: []string{
			basicAuth(AppUser, appPassword), basicAuth(backupUser, backupPassword), basicAuth(AnalystUser, analystPassword),
		},
		Applications: []application{
			{Name: AppUser, Hash: passwordHash(appPassword)}, {Name: backupUser, Hash: passwordHash(backupPassword), Backups: true},
		},
		AnalystHash:      passwordHash(analystPassword),
		AnalystDatabases: cfg.AnalystDatabases,
		Memory:           cfg.Memory,
		AppMemory:        cfg.Memory / 10 * 8,
		MarkCache:        min(cfg.Memory/16, 1<<30),
		IndexCache:       min(cfg.Memory/32, 512<<20),
		// Merging shares the processors with inserts and reports: half of them, and
		// never fewer than two, so that one large merge does not hold up the small ones.
		Merges:          min(max(2, cfg.CPUs/2), 16),
		ScheduleThreads: min(max(8, cfg.CPUs*4), 128),
	}
	if runtime.GOOS == "linux" {
		s.ReusePort = 1
	}
	s.Engines, s.Outside = tableEngines, outside
	s.PartsAtOnce = partsAtOnce(openFiles, s.Merges)
	s.Limits = analystLimits(cfg)
	return s
}

// filesOfWidePart is what a wide part with a JSON column was seen to have open
// while it is merged.
const filesOfWidePart = 130

// partsAtOnce divides half of the files that may be open among the merges that
// run at once. 100 is ClickHouse's own maximum; fewer than 8 would never get
// ahead of the inserts.
func partsAtOnce(openFiles uint64, merges int) int {
	if openFiles == 0 {
		return 32
	}
	share := openFiles / 2 / uint64(merges) / filesOfWidePart
	return int(min(max(share, 8), 100))
}

func analystLimits(cfg Config) []limit {
	a := cfg.Analyst
	seconds := uint64(a.Time / time.Second)
	cpus, queries := uint64(cfg.CPUs), uint64(a.Queries)
	upTo := func(name string, value uint64) limit {
		return limit{Name: name, Value: value, Min: 1, Max: value}
	}
	fixed := func(name string, value uint64) limit {
		return limit{Name: name, Value: value, Fixed: true}
	}
	return []limit{
		// clickhouse-go asks for its context's time plus 5 s: a client that allows
		// itself the whole time must not be refused for that.
		{Name: "max_execution_time", Value: seconds, Min: 1, Max: seconds + 5},
		upTo("max_memory_usage", a.Memory),
		fixed("max_memory_usage_for_user", cfg.Memory/2),
		fixed("max_untracked_memory", 4<<20),
		upTo("max_result_rows", a.Rows),
		upTo("max_result_bytes", a.Bytes),
		upTo("max_threads", cpus),
		upTo("max_block_size", 65_409),
		fixed("max_concurrent_queries_for_user", queries),
		fixed("max_temporary_data_on_disk_size_for_user", 8<<30),
		fixed("max_sessions_for_user", 256),
		upTo("max_query_size", 1<<20),
		fixed("max_parser_depth", 1000),
		fixed("max_parser_backtracks", 1_000_000),
		fixed("max_ast_depth", 1000),
		fixed("max_ast_elements", 50_000),
		fixed("max_expanded_ast_elements", 500_000),
		fixed("query_profiler_real_time_period_ns", 0),
		fixed("query_profiler_cpu_time_period_ns", 0),
	}
}

// basicAuth is the value of an Authorization header (RFC 7617).
func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func passwordHash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// write puts the engine's configuration into its folder.
func (s settings) write(dir string) error {
	parsed, err := template.New("").Funcs(template.FuncMap{"xml": escapeXML}).ParseFS(templates, "templates/*.xml")
	if err != nil {
		return fmt.Errorf("read engine configuration templates: %w", err)
	}
	for _, name := range []string{configXML, usersXML} {
		var out bytes.Buffer
		if err := parsed.ExecuteTemplate(&out, name, s); err != nil {
			return fmt.Errorf("make engine configuration %s: %w", name, err)
		}
		if err := writeFile(filepath.Join(dir, name), out.Bytes()); err != nil {
			return fmt.Errorf("write engine configuration: %w", err)
		}
	}
	return nil
}

func escapeXML(text string) (string, error) {
	var out strings.Builder
	if err := xml.EscapeText(&out, []byte(text)); err != nil {
		return "", err
	}
	return out.String(), nil
}

// makeFolders creates the engine's folders, for their owner only.
func makeFolders(cfg Config) error {
	for _, dir := range []string{cfg.Data, cfg.secretsDir(), cfg.home(), cfg.storeDir(), cfg.logDir(), cfg.configDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("create data folder: %w", err)
		}
	}
	for _, dir := range []string{cfg.secretsDir(), cfg.home()} {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("close data folder to others: %w", err)
		}
	}
	return nil
}

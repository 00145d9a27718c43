package migrations

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// render returns a file's SQL as it is run.
func render(t *testing.T, s schema, read func(uint) (io.ReadCloser, string, error), version uint) string {
	t.Helper()
	file, _, err := read(version)
	if err != nil {
		t.Fatal(err)
	}
	sql, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(sql)
}

var forms = map[string]schema{
	"single":  {database: "tributary", user: "app"},
	"cluster": {database: "tributary", user: "app", cluster: "main"},
	// Names that have to be quoted.
	"hostile": {database: "odd `name' \\", user: "a`b", cluster: "c`l'\\"},
}

func TestRender(t *testing.T) {
	migrations, _ := all(t)
	for form, s := range forms {
		src, err := newSource(files, s)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		t.Run(form+"/"+versionTable, func(t *testing.T) {
			golden(t, filepath.Join("testdata", form, versionTable+".sql"), s.versionTable()+"\n")
		})
		for _, m := range migrations {
			t.Run(form+"/"+m.name, func(t *testing.T) {
				up, down := render(t, s, src.ReadUp, m.version), render(t, s, src.ReadDown, m.version)
				for condition, sql := range map[string]string{" IF NOT EXISTS ": up, " IF EXISTS ": down} {
					for _, statement := range statements(sql) {
						if !strings.Contains(statement, condition) {
							t.Errorf("can't be repeated: %s", statement)
						}
						if !strings.Contains(statement, s.OnCluster()) {
							t.Errorf("reaches one server only: %s", statement)
						}
					}
				}
				golden(t, filepath.Join("testdata", form, m.name+".sql"), up+"\n-- down\n\n"+down)
			})
		}
	}
}

// update writes golden files anew, all or one migration's:
// go test ./migrations -run TestRender//0002_events -update
var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (write it with -update and look at it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error("-golden +rendered:", diff)
	}
}

func TestStatements(t *testing.T) {
	got := statements("-- a; comment\nSELECT ';';\n\nSELECT 2; -- more\nFROM x;\n;\nSELECT 3")
	want := []string{"-- a; comment\nSELECT ';'", "SELECT 2; -- more\nFROM x", "SELECT 3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The server's parser takes every statement, of the cluster form too, which an
// embedded engine can't run.
func TestStatementsParse(t *testing.T) {
	f := newFixture(t)
	migrations, _ := all(t)
	for _, s := range forms {
		src, err := newSource(files, s)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		sql := s.versionTable() + ";\n"
		for _, m := range migrations {
			sql += render(t, s, src.ReadUp, m.version) + "\n" + render(t, s, src.ReadDown, m.version) + "\n"
		}
		for _, statement := range statements(sql) {
			if got := query[string](t, f.conn, "EXPLAIN AST "+statement); len(got) < 2 {
				t.Errorf("%s: %v", statement, got)
			}
		}
	}
}

// Names that need quoting reach the server as they are.
func TestOddDatabaseName(t *testing.T) {
	f := newFixture(t)
	r := f.runner(t)
	r.schema.database = f.Name + " o'dd `name`"
	r.options.Auth.Database = r.schema.database
	defer func() {
		f.exec(t, "DROP DATABASE IF EXISTS "+r.schema.ViewsDB()+" SYNC")
		f.exec(t, "DROP DATABASE IF EXISTS "+r.schema.Database()+" SYNC")
	}()
	if err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	migrations, newest := all(t)
	if version, dirty, err := r.Version(t.Context()); version != newest || dirty || err != nil {
		t.Errorf("version %d, dirty %v, %v", version, dirty, err)
	}
	if err := r.Down(t.Context(), len(migrations)); err != nil {
		t.Fatal(err)
	}
}
